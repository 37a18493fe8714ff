//! Makes another Linux's root into ours, and back: what is moved where, in which order, and what a power cut leaves to do.
//!
//! The installer leaves a [`Record`] beside the release. The initrd [`at_boot`] moves the other system's files aside, by renames
//! only; [`undo`] moves them back, and [`finish`] deletes them once our release has booted well. Each of them looks at the
//! [`Tree`] and goes on from there, so it can be cut off anywhere and begun again.

mod act;
pub mod keep;
mod loader;
mod perform;
mod record;
mod step;
mod tree;

pub use system::layout::STATE_LABEL;

pub use act::{Next, at_boot, finish, undo};
pub use loader::{FINAL as FINAL_MENU, is_ours, save as save_loader};
pub use perform::{Disk, Volume};
pub use record::{Kept, Phase, Record};
pub use step::{Step, give_back, remove, take};
pub use tree::Tree;

/// Everything that a takeover leaves on the disk, from the file system's root.
pub const DIRECTORY: &str = "k3os/takeover";
/// The other system's files, once they are moved.
pub const OLD_ROOT: &str = "k3os/takeover/old-root";
