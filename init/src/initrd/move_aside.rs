//! A disk whose other system is being taken over: its files are moved aside, or back, before the root is made.

use std::path::Path;

use anyhow::{Context, Result};
use config::BootSwitches;
use system::power::{PowerState, end_machine};
use system::{console, mount};
use takeover::{Disk, Next};

/// Whether there is anything to look at.
pub fn is_there(mounted_at: &Path) -> bool {
    mounted_at.join(takeover::DIRECTORY).is_dir()
}

/// Does what this boot has to do, and ends the machine where it shall not boot any further.
///
/// # Errors
/// When something cannot be moved; the next boot goes on from there.
pub fn go_on(device: &Path, mounted_at: &Path, switches: &BootSwitches) -> Result<()> {
    let disk = Disk {
        device: device.to_path_buf(),
        root: mounted_at.to_path_buf(),
    };
    let asked = switches.takeover.is_some();
    let next = takeover::at_boot(mounted_at, asked, switches.undo_takeover, &disk).context(
        "the takeover goes on at the next boot; the last entry of the boot menu brings the other system back",
    )?;
    let (words, state) = match next {
        Next::Boot => return Ok(()),
        Next::PowerOff => (
            "The other system is moved aside. Power off.",
            PowerState::PowerOff,
        ),
        Next::Reboot => (
            "The previous system is restored, rebooting into it.",
            PowerState::Reboot,
        ),
    };
    console::line(&format!("  {words}"));
    // GRUB replays no journal.
    mount::unmount(mounted_at)?;
    match end_machine(state)? {}
}
