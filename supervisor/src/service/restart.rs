//! Whether and when a service is started again.

use system::process::Exit;

use super::{Outcome, Service};
use crate::unit::{self, Ending, Restart, Type};

/// A run of at least this many milliseconds ends a row of failures.
const LONG_RUN: u64 = 10_000;

/// Whether an end of the main process counts as success.
pub(super) fn is_clean(settings: &unit::Service, exit: Exit) -> bool {
    use nix::libc::{SIGHUP, SIGINT, SIGPIPE, SIGTERM};
    let listed = settings.success.iter().any(|ending| is(*ending, exit));
    listed
        || match exit {
            Exit::Code(code) => code == 0,
            Exit::Signal(signal) => {
                settings.effective_type() != Type::Oneshot
                    && [SIGHUP, SIGINT, SIGPIPE, SIGTERM].contains(&signal)
            }
        }
}

fn is(ending: Ending, exit: Exit) -> bool {
    match (ending, exit) {
        (Ending::Code(wanted), Exit::Code(code)) => wanted == code,
        (Ending::Signal(wanted), Exit::Signal(signal)) => wanted == signal,
        _ => false,
    }
}

/// The least wait from the second restart in a row on, in milliseconds: `RestartSec=0` without a start limit must not
/// keep the machine busy.
const LEAST_WAIT: u64 = 10;

impl Service {
    /// Whether it is to be started again after how it ended.
    pub(super) fn wants_restart(&self) -> bool {
        let prevented = self.main_exit.is_some_and(|exit| {
            self.settings
                .restart_prevent
                .iter()
                .any(|ending| is(*ending, exit))
        });
        let never = matches!(
            self.outcome,
            Outcome::Condition | Outcome::StartLimit(_) | Outcome::Dependency(..)
        );
        if self.stop_asked || prevented || never {
            return false;
        }
        let success = self.outcome == Outcome::Success;
        let signal = matches!(self.outcome, Outcome::Signal(_));
        match self.settings.restart {
            Restart::No => false,
            Restart::Always => true,
            Restart::OnSuccess => success,
            Restart::OnFailure => !success,
            Restart::OnAbnormal => signal || self.outcome == Outcome::Timeout,
            Restart::OnAbort => signal,
        }
    }

    /// The wait before the next start: RestartSec, doubled with each short run in a row.
    pub(super) fn restart_wait(&mut self, now: u64) -> u64 {
        if self
            .ready_at
            .is_some_and(|ready| now.saturating_sub(ready) >= LONG_RUN)
        {
            self.failures_in_a_row = 0;
        }
        let at_once = self.failures_in_a_row == 0;
        let base = self
            .settings
            .restart_delay
            .max(if at_once { 0 } else { LEAST_WAIT });
        let doubled = base.saturating_mul(1 << self.failures_in_a_row.min(16));
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        doubled.min(self.settings.restart_delay_most.max(base))
    }

    /// Forgets what counts against it.
    pub(super) fn forget_starts(&mut self) {
        self.starts.clear();
        self.failures_in_a_row = 0;
    }

    /// Counts a start; false if there were too many.
    pub(super) fn count_start(&mut self, now: u64) -> bool {
        let interval = self.settings.start_limit_interval;
        let burst = self.settings.start_limit_burst as usize;
        if interval == 0 || burst == 0 {
            return true;
        }
        while self
            .starts
            .front()
            .is_some_and(|start| now.saturating_sub(*start) >= interval)
        {
            self.starts.pop_front();
        }
        if self.starts.len() >= burst {
            return false;
        }
        self.starts.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(restart: Restart) -> Service {
        let settings = unit::Service {
            restart,
            ..unit::Service::default()
        };
        Service {
            settings,
            ..Service::default()
        }
    }

    #[test]
    fn policies_look_at_the_outcome() {
        let cases = [
            (Restart::No, Outcome::Signal(9), false),
            (Restart::Always, Outcome::Success, true),
            (Restart::OnFailure, Outcome::Success, false),
            (Restart::OnFailure, Outcome::Code(1), true),
            (Restart::OnFailure, Outcome::Timeout, true),
            (Restart::OnAbnormal, Outcome::Code(1), false),
            (Restart::OnAbnormal, Outcome::Timeout, true),
            (Restart::OnAbort, Outcome::Signal(6), true),
            (Restart::OnSuccess, Outcome::Code(1), false),
            (Restart::Always, Outcome::StartLimit(String::new()), false),
        ];
        for (policy, outcome, expected) in cases {
            let mut service = service(policy);
            service.outcome = outcome.clone();
            assert_eq!(service.wants_restart(), expected, "{policy:?} {outcome:?}");
        }
    }

    #[test]
    fn listed_endings_prevent_a_restart() {
        let mut service = service(Restart::OnFailure);
        service.settings.restart_prevent = vec![Ending::Code(255)];
        service.outcome = Outcome::Code(255);
        service.main_exit = Some(Exit::Code(255));
        assert!(!service.wants_restart());
    }

    #[test]
    fn the_wait_doubles_up_to_its_end_and_a_long_run_resets_it() {
        let mut service = service(Restart::Always);
        service.settings.restart_delay = 5_000;
        let waits: Vec<_> = (0..4).map(|_| service.restart_wait(100)).collect();
        assert_eq!(waits, vec![5_000, 10_000, 20_000, 30_000]);
        service.ready_at = Some(100);
        assert_eq!(service.restart_wait(100 + LONG_RUN), 5_000);
    }

    #[test]
    fn a_service_without_wait_or_limit_does_not_spin() {
        let mut service = service(Restart::Always);
        service.settings.restart_delay = 0;
        let waits: Vec<_> = (0..4).map(|_| service.restart_wait(100)).collect();
        assert_eq!(waits, vec![0, 20, 40, 80]);
    }

    #[test]
    fn the_start_limit_slides() {
        let mut service = service(Restart::Always);
        assert!((0..5).all(|at| service.count_start(at)));
        assert!(!service.count_start(9_999));
        assert!(service.count_start(10_001));
        service.settings.start_limit_interval = 0;
        assert!((0..100).all(|at| service.count_start(at)));
    }

    #[test]
    fn signals_that_end_a_daemon_are_clean() {
        let settings = unit::Service::default();
        // Without ExecStart the type would be oneshot.
        let daemon = unit::Service {
            kind: Some(Type::Simple),
            ..settings.clone()
        };
        assert!(is_clean(&daemon, Exit::Signal(15)));
        assert!(!is_clean(&daemon, Exit::Signal(9)));
        assert!(!is_clean(&settings, Exit::Signal(15)));
        let listed = unit::Service {
            success: vec![Ending::Code(3)],
            ..daemon
        };
        assert!(is_clean(&listed, Exit::Code(3)));
    }
}
