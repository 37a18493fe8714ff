//! How long the turns of the loop take, and the watchdog that each of them feeds.

use std::time::{Duration, Instant};

use super::Supervisor;
use crate::control::ManagerStatus;

/// A turn that takes longer is counted and reported: every service and every signal waited for it.
const SLOW: Duration = Duration::from_secs(1);

/// What is known of the turns so far. Pure: the caller brings the time.
#[derive(Debug, Default)]
pub(super) struct Turns {
    began: Option<Instant>,
    next_feed: Option<Instant>,
    count: u64,
    longest: Duration,
    slow: u64,
}

impl Turns {
    /// Something happened, or is due: a turn begins.
    pub(super) fn begin(&mut self, now: Instant) {
        self.began = Some(now);
    }

    /// All that was to do is done. Returns how long it took where that was too long.
    fn end(&mut self, now: Instant) -> Option<Duration> {
        let took = now.saturating_duration_since(self.began.take()?);
        self.count += 1;
        self.longest = self.longest.max(took);
        if took <= SLOW {
            return None;
        }
        self.slow += 1;
        Some(took)
    }

    /// Whether the watchdog is to be fed now; the next time is `interval` later.
    fn is_due(&mut self, now: Instant, interval: Duration) -> bool {
        if self.next_feed.is_some_and(|next| now < next) {
            return false;
        }
        self.next_feed = now.checked_add(interval);
        true
    }

    pub(super) fn status(&self) -> ManagerStatus {
        ManagerStatus {
            turns: self.count,
            longest_turn_ms: milliseconds(self.longest),
            slow_turns: self.slow,
        }
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Supervisor {
    /// Ends a turn: a slow one is reported, the watchdog is fed if it is time.
    pub(super) fn end_turn(&mut self) {
        let now = Instant::now();
        if let Some(took) = self.turns.end(now) {
            let ms = milliseconds(took);
            self.event("supervisor", "slow turn", Some(ms), None);
            self.tell(&format!(
                "PID 1 was busy for {}.{:03} s and did nothing else meanwhile; {} such times since it began",
                ms / 1000,
                ms % 1000,
                self.turns.slow
            ));
        }
        if let Some(watchdog) = &mut self.options.watchdog
            && self.turns.is_due(now, watchdog.interval())
        {
            watchdog.feed();
        }
    }

    /// In how many milliseconds the watchdog is to be fed.
    pub(super) fn next_feed(&self) -> Option<u64> {
        self.options.watchdog.as_ref()?;
        let now = Instant::now();
        let next = self.turns.next_feed.unwrap_or(now);
        // Rounded up: a turn that comes a little early would feed nothing.
        Some(milliseconds(next.saturating_duration_since(now)) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_turns_are_counted_and_reported() {
        let (mut turns, start) = (Turns::default(), Instant::now());
        assert_eq!(turns.end(start), None);
        turns.begin(start);
        assert_eq!(turns.end(start + SLOW), None);
        let slow = Duration::from_millis(1_001);
        turns.begin(start);
        assert_eq!(turns.end(start + slow), Some(slow));
        let expected = ManagerStatus {
            turns: 2,
            longest_turn_ms: 1_001,
            slow_turns: 1,
        };
        assert_eq!(turns.status(), expected);
    }

    #[test]
    fn the_watchdog_is_fed_once_an_interval() {
        let (mut turns, start) = (Turns::default(), Instant::now());
        let interval = Duration::from_secs(5);
        let at = |seconds| start + Duration::from_secs(seconds);
        let fed: Vec<_> = (0..12)
            .filter(|second| turns.is_due(at(*second), interval))
            .collect();
        assert_eq!(fed, [0, 5, 10]);
    }
}
