//! The configuration: one typed model, its sources, merging, the kernel command line and validation. Pure: no files, no clock, no network.

pub mod cmdline;

pub use cmdline::{BootSwitches, Console};
