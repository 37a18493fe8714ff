//! The only crate that talks to the kernel and runs commands.
//!
//! Everything above it decides; this crate acts. `unsafe` is allowed in here and nowhere else,
//! each block with its reason.
#![allow(unsafe_code)]

pub mod beneath;
pub mod block;
pub mod boot_events;
pub mod bounded;
pub mod checksum;
pub mod closing;
pub mod console;
pub mod content;
pub mod data_volume;
pub mod dbus;
pub mod disk;
pub mod ext4;
pub mod gpt;
pub mod layout;
pub mod login;
pub mod loopdev;
pub mod memory;
pub mod modules;
pub mod mount;
pub mod net;
pub mod output;
pub mod partition;
pub mod power;
pub mod shell;
pub mod space;
pub mod switch_root;
pub mod tree;
pub mod tty;
pub mod uevent;
pub mod usage;
pub mod watchdog;
pub mod write_back;

pub mod cgroup;
pub mod clock;
pub mod command;
pub mod durable;
pub mod host;
pub mod notify;
pub mod power_key;
pub mod process;
pub mod signals;
