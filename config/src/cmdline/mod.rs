//! The kernel command line: splitting it into words, the switches that steer the boot itself, and the
//! configuration that it holds.

mod assign;
mod switches;
mod target;
mod words;

pub(crate) use assign::tree;
pub use switches::{BootSwitches, Console};
pub(crate) use target::is_switch;
pub use words::{Word, split};
