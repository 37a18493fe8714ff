//! Making the system that runs into ours: what is there, why not, the plan, and its own steps.
//!
//! The installer only adds: the release, a record, and GRUB's menu, which is switched last and can be switched back. The files
//! are moved by the initrd (crate `takeover`).

mod addresses;
mod checks;
mod identity;
mod plan;
mod running;
mod source;
mod steps;

pub use addresses::Static;
pub use checks::check;
pub use identity::{Adopt, Identity};
pub use plan::plan;
pub use running::{Keep, OtherMount, Running};
pub use source::{Medium, open};
pub use steps::Action;

#[cfg(test)]
pub(crate) mod examples;
#[cfg(test)]
mod tests;
