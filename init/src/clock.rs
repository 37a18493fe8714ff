//! The time on machines whose hardware does not know it: boards without a clock, clocks with a flat battery.
//!
//! Such a machine starts in 1970, in which no certificate is valid. So it starts with the last time that it knew, and never
//! before the release was built; connman sets it right when there is a network.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use system::{clock, durable};

/// The last known time, seconds since 1970, on what persists.
const KEPT: &str = "/var/lib/k3os/clock";
/// It is there when this boot's time began as a guess.
pub const GUESSED: &str = "/run/k3os/clock-guessed";
/// Its time is that of the release's build.
const RELEASE: &str = system::layout::RELEASE_FILE;
/// How often the time is kept: what a power cut makes a machine fall behind, at most.
const INTERVAL: Duration = Duration::from_secs(60);

/// Sets the clock when it cannot be right. Gives the time that it was set to.
///
/// # Errors
/// When the kernel refuses, or the guess cannot be noted.
pub fn start() -> Result<Option<u64>> {
    let built = fs::metadata(RELEASE).map_or(0, |meta| u64::try_from(meta.mtime()).unwrap_or(0));
    let kept = fs::read_to_string(KEPT).unwrap_or_default();
    let Some(time) = better_time(clock::now(), built, &kept) else {
        return Ok(None);
    };
    clock::set(time)?;
    fs::write(GUESSED, format!("{time}\n")).with_context(|| format!("writing {GUESSED}"))?;
    Ok(Some(time))
}

/// A time to start with in place of `now`, which is wrong when it lies before the release was built. A clock that may be right
/// is left alone, whatever was kept: a time that was once wrong must not come back for ever.
fn better_time(now: u64, built: u64, kept: &str) -> Option<u64> {
    let kept = kept.trim().parse().unwrap_or(0);
    (now < built).then_some(built.max(kept))
}

/// Keeps the present time.
///
/// # Errors
/// When it cannot be written.
pub fn keep() -> Result<()> {
    durable::write_own(Path::new(KEPT), format!("{}\n", clock::now()), 0o644).map(drop)
}

/// Keeps the time now and then.
#[derive(Debug, Default)]
pub struct Keeper {
    last: Option<Instant>,
}

impl Keeper {
    /// Keeps the time if the last time is long enough ago.
    ///
    /// # Errors
    /// When it cannot be written; that is tried again at the next interval.
    pub fn tick(&mut self) -> Result<()> {
        if self.last.is_some_and(|last| last.elapsed() < INTERVAL) {
            return Ok(());
        }
        self.last = Some(Instant::now());
        keep()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: u64 = 1_795_000_000;

    #[test]
    fn a_clock_that_may_be_right_is_left_alone() {
        assert_eq!(better_time(BUILT, BUILT, "1900000000"), None);
        assert_eq!(better_time(BUILT + 1, BUILT, ""), None);
    }

    #[test]
    fn a_wrong_clock_starts_with_the_last_known_time_or_the_build() {
        assert_eq!(better_time(0, BUILT, "1795000600\n"), Some(BUILT + 600));
        assert_eq!(better_time(0, BUILT, "1700000000\n"), Some(BUILT));
        assert_eq!(
            better_time(7, BUILT, "what a power cut leaves"),
            Some(BUILT)
        );
    }

    #[test]
    fn without_a_release_nothing_is_known() {
        assert_eq!(better_time(0, 0, ""), None);
    }
}
