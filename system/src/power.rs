//! Ending the machine's run, and what keys do to PID 1.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};
use nix::sys::reboot::{RebootMode, reboot, set_cad_enabled};

use crate::{console, write_back};

/// How the machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerState {
    /// Start again.
    Reboot,
    /// Switch off.
    PowerOff,
    /// Stop, power on.
    Halt,
}

/// Writes what is cached, as long as that gets on ([`crate::write_back`]), and ends the machine. Everything must be stopped
/// and unmounted by now.
///
/// # Errors
/// When the kernel refuses; on success it does not return.
pub fn end_machine(state: PowerState) -> Result<std::convert::Infallible> {
    let sync = write_back::Job {
        name: "sync".into(),
        action: Box::new(|| {
            nix::unistd::sync();
            Ok(())
        }),
    };
    if !write_back::run_all(vec![sync], Instant::now() + write_back::MOST).is_empty() {
        console::line("a disk does not answer; what was not written to it is lost");
    }
    end_now(state)
}

/// Ends the machine without writing anything: for one that has written all it can.
///
/// # Errors
/// When the kernel refuses; on success it does not return.
pub fn end_now(state: PowerState) -> Result<std::convert::Infallible> {
    let mode = match state {
        PowerState::Reboot => RebootMode::RB_AUTOBOOT,
        PowerState::PowerOff => RebootMode::RB_POWER_OFF,
        PowerState::Halt => RebootMode::RB_HALT_SYSTEM,
    };
    reboot(mode).context("asking the kernel to end the machine")
}

/// Makes Ctrl-Alt-Del a SIGINT to PID 1 instead of an instant reset.
///
/// # Errors
/// When this process is not privileged.
pub fn catch_ctrl_alt_del() -> Result<()> {
    set_cad_enabled(false).context("asking the kernel to send Ctrl-Alt-Del as a signal")
}

/// The kernel's argument by which a panic restarts the machine after ten seconds, for every menu: a kernel may panic long before
/// [`restart_after_panics`].
pub const PANIC_ARGUMENT: &str = "panic=10";

/// Makes the kernel restart the machine ten seconds after it panics, also when nobody gave it `panic=`: somebody may be reading.
///
/// # Errors
/// When `/proc` is not mounted.
pub fn restart_after_panics() -> Result<()> {
    const PANIC: &str = "/proc/sys/kernel/panic";
    let set = fs::read_to_string(PANIC).unwrap_or_default();
    match set.trim() {
        "0" => fs::write(PANIC, "10").with_context(|| format!("writing {PANIC}")),
        _ => Ok(()),
    }
}

/// Milliseconds since the kernel started, suspend included (CLOCK_BOOTTIME).
pub fn uptime_ms() -> u64 {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .ok()
        .and_then(|time| u64::try_from(std::time::Duration::from(time).as_millis()).ok())
        .unwrap_or(0)
}

/// The kernel's command line, without its end of line.
///
/// # Errors
/// When `/proc` is not mounted.
pub fn kernel_cmdline() -> Result<String> {
    let bytes = fs::read("/proc/cmdline").context("reading /proc/cmdline")?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_string())
}
