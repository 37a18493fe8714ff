//! Certificates of a server that runs for months.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::files;
use crate::events::Events;
use crate::pki::{Made, Reason};
use crate::settings::Settings;

/// Certificates are renewed a quarter of a year before they end.
const LOOK: Duration = Duration::from_secs(3600);
/// What a look could not do is tried again after this.
const RETRY: Duration = Duration::from_secs(60);

/// Says when to look.
pub struct Looks {
    steps: Option<Events>,
}

impl Looks {
    /// Without the kernel's word on the clock, every hour.
    pub fn new() -> Self {
        let steps = clock_steps().inspect_err(|error| println!("k3s: warning: {error:#}"));
        Looks { steps: steps.ok() }
    }

    /// Returns after an hour, or when the clock has been set: a certificate may have ended by that.
    pub async fn next(&self, failed: bool) {
        let limit = if failed { RETRY } else { LOOK };
        match &self.steps {
            None => tokio::time::sleep(limit).await,
            Some(steps) => {
                let _ = tokio::time::timeout(limit, steps.next()).await;
            }
        }
    }
}

/// A timer that never runs out, and that the kernel cancels when the clock is set.
fn clock_steps() -> Result<Events> {
    let doing = "watching the clock";
    let timer = TimerFd::new(
        ClockId::CLOCK_REALTIME,
        TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC,
    )
    .context(doing)?;
    let never = Expiration::OneShot(TimeSpec::seconds(i64::from(u32::MAX)));
    let when_set =
        TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
    timer.set(never, when_set).context(doing)?;
    Events::new(OwnedFd::from(timer)).context(doing)
}

/// Renews what ends soon, and writes what is made of it.
///
/// # Errors
/// Whatever could not be renewed or written; another look does the rest.
pub fn look(settings: &Settings, addresses: &[IpAddr]) -> Result<Vec<Made>> {
    let made = files::pki(settings, addresses)?;
    // Always: the last look may have failed after the certificates.
    files::credentials(settings)?;
    Ok(made)
}

/// Whether the components have to be started again: they read renewed certificates again by themselves, but within
/// minutes, and meanwhile the API refuses the connections of clients whose certificate has ended.
pub fn is_too_late(made: &[Made]) -> bool {
    made.iter().any(|made| made.reason == Reason::Ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_ended_starts_the_components_again() {
        let made = |reason| Made {
            stem: "client-kubelet",
            reason,
        };
        assert!(!is_too_late(&[
            made(Reason::EndsSoon),
            made(Reason::OtherNames)
        ]));
        assert!(is_too_late(&[made(Reason::EndsSoon), made(Reason::Ended)]));
    }

    #[test]
    fn a_clock_that_is_not_set_wakes_nobody() -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let steps = clock_steps()?;
            let early = tokio::time::timeout(Duration::from_millis(100), steps.next()).await;
            assert!(early.is_err(), "the timer has run out");
            Ok(())
        })
    }
}
