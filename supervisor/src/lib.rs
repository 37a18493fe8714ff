//! Services from systemd unit files: reading, ordering, starting, watching and stopping them.
//!
//! What is decided is pure: [`unit`] reads text, [`plan`] orders, [`service`] turns what happened to a
//! service into what to do next. What acts is in [`manager`], one thread around one poll(2), which never
//! waits for a service and never panics: it runs in PID 1.
//!
//! ```no_run
//! let options = supervisor::Options::machine(
//!     Box::new(|line: &str| println!("{line}")),
//!     Box::new(|event: &supervisor::Event| eprintln!("{event:?}")),
//! );
//! let mut supervisor = supervisor::Supervisor::new(options);
//! match supervisor.run("default.target") {
//!     supervisor::End::PowerOff => {} // unmount, sync, reboot(2)
//!     _ => {}
//! }
//! ```

#![warn(clippy::disallowed_macros)]

// Printing that a full disk does not turn into a panic.
#[macro_use]
extern crate system;

pub mod client;
pub mod control;
pub mod environment;
pub mod launch;
pub mod log;
pub mod manager;
pub mod options;
pub mod plan;
pub mod readiness;
pub mod service;
pub mod store;
pub mod unit;
pub mod users;

pub use client::{hang, logs_main, shutdown_main, systemctl_main};
pub use manager::Supervisor;
pub use options::{End, Options, Source, Watchdog};
pub use system::boot_events::Event;
