//! The hardware watchdog: a timer that restarts the machine unless it is fed in time.
//!
//! See Documentation/watchdog/watchdog-api.rst of the kernel. Closing the device does not stop the timer, so it keeps running
//! from the first stage into the second; only [`Device::disarm`] stops it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::time::Duration;

use anyhow::{Context, Result};

/// The first one. With `/dev/watchdog` the kernel would warn of a second reader as well.
const DEVICE: &str = "/dev/watchdog0";
const IDENTITY: &str = "/sys/class/watchdog/watchdog0/identity";

mod raw {
    nix::ioctl_read!(keep_alive, b'W', 5, i32);
    nix::ioctl_readwrite!(set_timeout, b'W', 6, i32);
    nix::ioctl_read!(timeout, b'W', 7, i32);
}

/// A running watchdog.
#[derive(Debug)]
pub struct Device {
    file: File,
    timeout: Duration,
}

impl Device {
    /// Starts the first watchdog, which then fires after `wanted`, or what it can do of that. `None` when the machine has none.
    ///
    /// # Errors
    /// When it cannot be opened: another process has it.
    pub fn open(wanted: Duration) -> Result<Option<Self>> {
        let file = match OpenOptions::new().write(true).open(DEVICE) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound) => return Ok(None),
            // ENODEV: the node is there, the driver has gone.
            Err(error) if error.raw_os_error() == Some(nix::libc::ENODEV) => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("opening {DEVICE}")),
        };
        let mut seconds = i32::try_from(wanted.as_secs()).unwrap_or(i32::MAX);
        // A timer that cannot be set keeps the time it has, which is asked for below.
        // SAFETY: the descriptor is open, and the kernel reads and writes one int, which outlives the call.
        let _ = unsafe { raw::set_timeout(file.as_raw_fd(), &raw mut seconds) };
        // SAFETY: the descriptor is open, and the kernel writes one int, which outlives the call.
        let asked = unsafe { raw::timeout(file.as_raw_fd(), &raw mut seconds) };
        let timeout = match asked {
            Ok(_) => Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
            Err(_) => wanted,
        };
        Ok(Some(Self { file, timeout }))
    }

    /// After how long without [`Self::feed`] the machine restarts.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Starts the timer anew.
    ///
    /// # Errors
    /// When the driver refuses.
    pub fn feed(&self) -> Result<()> {
        let mut unused = 0;
        // SAFETY: the descriptor is open; the kernel writes at most one int, which outlives the call.
        unsafe { raw::keep_alive(self.file.as_raw_fd(), &raw mut unused) }
            .map(drop)
            .context("feeding the watchdog")
    }

    /// Stops the timer, where the driver allows it.
    ///
    /// # Errors
    /// When the device does not take it.
    pub fn disarm(mut self) -> Result<()> {
        // The magic character: a close after it is meant.
        self.file
            .write_all(b"V")
            .context("switching the watchdog off")
    }
}

/// What the driver calls the hardware, such as `i6300ESB timer`.
pub fn identity() -> String {
    let text = fs::read_to_string(IDENTITY).unwrap_or_default();
    match text.trim() {
        "" => "watchdog".to_owned(),
        name => name.to_owned(),
    }
}
