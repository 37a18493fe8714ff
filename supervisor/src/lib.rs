//! Services from systemd unit files: reading, ordering, starting, watching and stopping them.
//!
//! The interface for init (being built, in this form):
//! `Supervisor::new(Options) -> Supervisor`, `supervisor.add_unit(name, text)`,
//! `supervisor.run(goal) -> End`, and for the command line `systemctl_main(&[String]) -> i32`,
//! `shutdown_main(applet, &[String]) -> i32`, `logs_main(&[String]) -> i32`.

pub mod control;
pub mod environment;
pub mod event;
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

pub use event::Event;
pub use manager::Supervisor;
pub use options::{End, Options};
