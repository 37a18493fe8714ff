//! The kernel command line: splitting it into words, and the switches that steer the boot itself.

mod switches;
mod words;

pub use switches::{BootSwitches, Console};
pub use words::{Word, split};
