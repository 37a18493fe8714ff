//! The machine's idea of the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_settime};

/// Seconds since 1970 by the system's clock; 0 when it stands before that.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Sets the system's clock to this many seconds since 1970. A clock of the hardware is not touched.
///
/// # Errors
/// When this process is not privileged.
pub fn set(seconds: u64) -> Result<()> {
    let time = TimeSpec::from(Duration::from_secs(seconds));
    clock_settime(ClockId::CLOCK_REALTIME, time)
        .with_context(|| format!("setting the clock to {seconds} s since 1970"))
}
