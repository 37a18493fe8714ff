//! The first stage on a board: `/sbin/init` on the root of another Linux, over which a release was unpacked.
//!
//! Boot loader, kernel, modules and firmware are the board's; everything above is the release's. There is no initrd of
//! ours, so this does what the initrd does elsewhere, and ends in the same second stage.

mod kernel;
mod root;

use std::convert::Infallible;
use std::path::Path;

use anyhow::Result;
use config::BootSwitches;
use system::mount::{self, Flags};
use system::{power, switch_root};

use crate::first_stage::{self, CARRIED, RUN};
use crate::initrd::Mode;
use crate::initrd::root::SYSROOT;
use crate::steps::{StepFailure, Steps};

/// The release that this program belongs to: both come from the same archive.
const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// Runs the first stage as PID 1. It ends in the second stage or in the rescue shell.
pub fn run() -> ! {
    first_stage::run(boot)
}

fn boot(steps: &mut Steps) -> Result<Infallible, StepFailure> {
    steps.required("mounting the kernel's file systems", || {
        mount_kernel_file_systems()?;
        first_stage::take_charge()
    })?;
    let mode = steps.required("reading the kernel command line", || {
        Mode::on_a_board(&BootSwitches::from_cmdline(&power::kernel_cmdline()?))
    })?;
    steps.required("making the board's root writable", || {
        mount::remount_writable(Path::new("/"))
    })?;
    steps.optional("keeping the board's own init", || {
        board::old_init::keep(Path::new("/")).map(drop)
    });
    steps.required("loading what the release needs of the kernel", || {
        kernel::load(&kernel::NEEDED)
    })?;
    steps.optional("loading what containers need of the kernel", || {
        kernel::load(&kernel::FOR_CONTAINERS)
    });
    steps.required("assembling the root file system", || root::build(VERSION))?;
    steps.required("entering the root", || {
        first_stage::hand_over(mode, || switch_root::pivot(Path::new(SYSROOT), &CARRIED))
    })
}

/// A kernel that was started without an initrd has mounted none of them, or /dev alone; behind one they are all there, /run so
/// that nothing can be started from it.
fn mount_kernel_file_systems() -> Result<()> {
    let there = if Path::new("/proc/self").exists() {
        mount::list()?
    } else {
        Vec::new()
    };
    for wanted in first_stage::kernel_file_systems() {
        let is_there = there.iter().any(|mount| mount.target == wanted.target);
        match is_there {
            false => wanted.perform()?,
            true if wanted.target == Path::new(RUN) => {
                let flags = wanted.flags | Flags::MS_REMOUNT;
                wanted.with_flags(flags).perform()?;
            }
            true => {}
        }
    }
    Ok(())
}
