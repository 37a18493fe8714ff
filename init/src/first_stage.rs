//! What both first stages begin and end with: that of our initrd, and that on a board's own Linux.

use std::convert::Infallible;
use std::fs;

use anyhow::{Context, Result};
use system::mount::{Flags, Mount};
use system::{console, power, shell};

use crate::initrd::Mode;
use crate::rescue;
use crate::steps::{StepFailure, Steps};

/// Goes along into the real root.
pub(crate) const RUN: &str = "/run";
/// The mounts that go along into the real root.
pub(crate) const CARRIED: [&str; 4] = ["/proc", "/sys", "/dev", RUN];
/// Where the second stage finds the mode.
pub const MODE_FILE: &str = "/run/k3os/mode";
const SECOND_STAGE: &str = "/usr/sbin/init";

/// Runs a first stage as PID 1. It ends in the second stage or in the rescue shell. Both are `initrd` in the boot report.
pub(crate) fn run(boot: fn(&mut Steps) -> Result<Infallible, StepFailure>) -> ! {
    rescue::catch_panics();
    match boot(&mut Steps::new("initrd")) {
        Ok(never) => match never {},
        Err(failure) => rescue::after_failure(&failure),
    }
}

/// The kernel's file systems, in the order in which they are mounted.
pub(crate) fn kernel_file_systems() -> [Mount; 4] {
    [
        Mount::virtual_fs("proc", "/proc", ""),
        Mount::virtual_fs("sysfs", "/sys", ""),
        Mount::virtual_fs("devtmpfs", "/dev", "mode=0755").with_flags(Flags::MS_NOSUID),
        Mount::virtual_fs("tmpfs", RUN, "mode=0755,size=20%"),
    ]
}

/// Once the kernel's file systems are there: output on every console, and Ctrl-Alt-Del as a signal.
pub(crate) fn take_charge() -> Result<()> {
    fs::create_dir_all("/run/k3os").context("making /run/k3os")?;
    console::attach();
    console::use_all();
    power::restart_after_panics()?;
    power::catch_ctrl_alt_del()
}

/// Makes the root that `enter` enters the machine's, and starts the second stage in it.
pub(crate) fn hand_over(mode: Mode, enter: impl FnOnce() -> Result<()>) -> Result<Infallible> {
    fs::write(MODE_FILE, mode.name()).with_context(|| format!("writing {MODE_FILE}"))?;
    enter()?;
    shell::exec(SECOND_STAGE, &[SECOND_STAGE])
}
