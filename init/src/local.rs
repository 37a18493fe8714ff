//! The first stage on a board: `/sbin/init` on the root of another Linux, over which a release was unpacked.
//!
//! Boot loader, kernel, modules and firmware are the board's; everything above is the release's. There is no initrd of
//! ours, so this does what the initrd does elsewhere, and ends in the same second stage.

mod kernel;
mod root;

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use config::BootSwitches;
use system::mount::{self, Flags, Mount};
use system::{console, power, shell, switch_root};

use crate::initrd::root::SYSROOT;
use crate::initrd::{CARRIED, MODE_FILE, Mode};
use crate::rescue;
use crate::steps::{StepFailure, Steps};

/// The release that this program belongs to: both come from the same archive.
const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// Runs the first stage as PID 1. It ends in the second stage or in the rescue shell.
pub fn run() -> ! {
    rescue::catch_panics();
    // Its steps stand where the initrd's stand in the boot report.
    let mut steps = Steps::new("initrd");
    match boot(&mut steps) {
        Ok(never) => match never {},
        Err(failure) => rescue::after_failure(&failure),
    }
}

fn boot(steps: &mut Steps) -> Result<Infallible, StepFailure> {
    steps.required("mounting the kernel's file systems", || {
        mount_kernel_file_systems()?;
        console::attach();
        console::use_all();
        power::catch_ctrl_alt_del()
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
    steps.required("putting the root together", || root::build(VERSION))?;
    steps.required("entering the root", || enter_root(mode))
}

/// A kernel that was started without an initrd has mounted none of them, or /dev alone; behind one they are all there, /run so
/// that nothing can be started from it.
fn mount_kernel_file_systems() -> Result<()> {
    let mounts = [
        Mount::virtual_fs("proc", "/proc", ""),
        Mount::virtual_fs("sysfs", "/sys", ""),
        Mount::virtual_fs("devtmpfs", "/dev", "mode=0755").with_flags(Flags::MS_NOSUID),
        Mount::virtual_fs("tmpfs", "/run", "mode=0755,size=20%"),
    ];
    let there = if Path::new("/proc/self").exists() {
        mount::list()?
    } else {
        Vec::new()
    };
    for wanted in mounts {
        let is_there = there.iter().any(|mount| mount.target == wanted.target);
        match is_there {
            false => wanted.perform()?,
            true if wanted.target == Path::new("/run") => {
                let flags = wanted.flags | Flags::MS_REMOUNT;
                wanted.with_flags(flags).perform()?;
            }
            true => {}
        }
    }
    fs::create_dir_all("/run/k3os").context("making /run/k3os")
}

fn enter_root(mode: Mode) -> Result<Infallible> {
    fs::write(MODE_FILE, mode.name()).with_context(|| format!("writing {MODE_FILE}"))?;
    switch_root::pivot(Path::new(SYSROOT), &CARRIED)?;
    shell::exec("/usr/sbin/init", &["/usr/sbin/init"])
}
