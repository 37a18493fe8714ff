//! Services from systemd unit files: reading, ordering, starting, watching and stopping them.
//!
//! The interface for init (being built, in this form):
//! `Supervisor::new(Options) -> Supervisor`, `supervisor.add_unit(name, text)`,
//! `supervisor.run(goal) -> End`, and for the command line `systemctl_main(&[String]) -> i32`,
//! `shutdown_main(applet, &[String]) -> i32`, `logs_main(&[String]) -> i32`.

pub mod event;
pub mod options;
pub mod unit;

pub use event::Event;
pub use options::{End, Options};
