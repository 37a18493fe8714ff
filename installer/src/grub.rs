//! GRUB on a disk: its menu, its environment block, and how its images are placed without grub-install.

mod environment;
mod images;
mod menu;

pub use environment::Environment;
pub use images::{UNFINISHED, boot_code, core_image};
pub use menu::Menu;

/// The name of a kept menu, beside ours.
pub const BEFORE: &str = "before.cfg";
