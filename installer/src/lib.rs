//! Puts a release onto a disk: what was asked for ([`Request`]) and what is there ([`Facts`]) give a [`Plan`] or refusals, purely;
//! [`execute`] does the plan's steps in order.
//!
//! The one promise: whenever it ends, the disk is as before, or holds all of the system, or plainly none. The partition table
//! counts only when everything else is written and was read back.

pub mod boot_entry;
pub mod disk_text;
pub mod execute;
pub mod facts;
pub mod grub;
pub mod layout;
pub mod manifest;
pub mod medium;
pub mod own_iso;
pub mod plan;
pub mod processor;
pub mod progress;
pub mod prompt;
pub mod request;
pub mod selector;
pub mod settings;
pub mod size;
pub mod steps;
pub mod takeover;

mod disk_identity;
mod download;
mod refusal;

/// Where an installation mounts and keeps what it needs; in memory.
pub const SCRATCH: &str = "/run/k3os/install";

pub use execute::execute;
pub use facts::Facts;
pub use plan::{Plan, plan};
pub use processor::Processor;
pub use refusal::Refusal;
pub use request::{Layer, Request};
pub use selector::Selector;
pub use settings::Settings;
pub use steps::Step;
