//! The end: a signal to services that need time, then all stop in reverse order, then what is left.

use std::time::Duration;

use nix::libc::{SIGCONT, SIGKILL, SIGTERM};
use system::power::uptime_ms;

use super::Supervisor;
use crate::options::End;
use crate::service::Whom;

/// How long all services together may take to stop at least, in milliseconds, and at most, whatever their own limits are.
const STOP_SPAN: std::ops::RangeInclusive<u64> = 120_000..=600_000;

/// How long processes outside of services may take after SIGTERM, and after SIGKILL, in milliseconds.
const MOST_FOR_REST: u64 = 3_000;

/// How long the last lines of the logs may take: their disk may stand still.
const MOST_FOR_LOGS: Duration = Duration::from_secs(2);

/// How often it is looked whether they are gone, in milliseconds.
const LOOK_INTERVAL: u64 = 20;

/// How many requests to end make it end at once.
const IMPATIENT: u32 = 4;

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Services with a shutdown signal got it.
    Announced,
    /// All services stop.
    Stopping,
    /// Whatever processes are left got SIGTERM.
    Terminating,
    /// And SIGKILL.
    Killing,
}

/// An end under way.
#[derive(Debug)]
pub(super) struct Ending {
    end: End,
    stage: Stage,
    deadline: u64,
    announced: Vec<String>,
    asked: u32,
}

impl Supervisor {
    /// Begins the end, or hastens it when asked again and again.
    pub(super) fn begin_end(&mut self, end: End, force: bool) {
        if let Some(ending) = &mut self.ending {
            ending.asked += 1;
            if force || ending.asked >= IMPATIENT {
                self.tell("Ending at once: asked for it again and again.");
                self.finish_end();
            }
            return;
        }
        self.tell(match end {
            End::Reboot => "Restarting the machine.",
            End::PowerOff => "Switching the machine off.",
            End::Halt => "Halting the machine.",
        });
        self.event("shutdown", "starting", None, None);
        self.jobs.cancel_starts();
        let announced = self.announce();
        let deadline = announced
            .iter()
            .map(|(_, deadline)| *deadline)
            .max()
            .unwrap_or_default();
        let announced = announced.into_iter().map(|(unit, _)| unit).collect();
        self.ending = Some(Ending {
            end,
            stage: Stage::Announced,
            deadline,
            announced,
            asked: 1,
        });
        if force {
            self.finish_end();
        }
    }

    /// Sends the shutdown signals; returns who got one and until when they may take.
    fn announce(&mut self) -> Vec<(String, u64)> {
        let now = uptime_ms();
        let mut told = Vec::new();
        for (unit, runtime) in &mut self.services {
            let own = &runtime.service.settings.own;
            let (Some(signal), Some(_)) = (own.shutdown_signal, runtime.service.main_pid) else {
                continue;
            };
            let deadline = now.saturating_add(own.shutdown_timeout);
            runtime.service.expect_end();
            runtime.signal(Whom::Main, signal);
            told.push((unit.clone(), deadline));
        }
        told
    }

    /// When the end's present stage is over at the latest.
    pub(super) fn ending_deadline(&self) -> Option<u64> {
        let ending = self.ending.as_ref()?;
        let looks = matches!(ending.stage, Stage::Terminating | Stage::Killing);
        Some(if looks {
            uptime_ms() + LOOK_INTERVAL
        } else {
            ending.deadline
        })
    }

    /// Goes on to the next stage when the present one is over.
    pub(super) fn continue_ending(&mut self) {
        let Some(ending) = &self.ending else { return };
        if self.ended.is_some() {
            return;
        }
        let late = uptime_ms() >= ending.deadline;
        match ending.stage {
            Stage::Announced => {
                let busy = |unit: &String| {
                    self.services
                        .get(unit)
                        .is_some_and(|runtime| runtime.service.main_pid.is_some())
                };
                if late || !ending.announced.iter().any(busy) {
                    self.stop_everything();
                }
            }
            Stage::Stopping if self.jobs.is_empty() || late => self.end_rest(Stage::Terminating),
            Stage::Terminating if late => self.end_rest(Stage::Killing),
            Stage::Killing if late => self.finish_end(),
            Stage::Terminating | Stage::Killing if !system::process::any_other() => {
                self.finish_end()
            }
            _ => {}
        }
    }

    fn stop_everything(&mut self) {
        let up: Vec<_> = self
            .units
            .by_name
            .keys()
            .filter(|unit| self.is_up(unit))
            .cloned()
            .collect();
        let limits = up.iter().filter_map(|unit| self.services.get(unit));
        let span = stop_span(limits.map(|runtime| runtime.service.settings.timeout_stop));
        self.enter(Stage::Stopping, span);
        self.stop_units(&up);
        self.settle();
    }

    fn enter(&mut self, stage: Stage, span: u64) {
        if let Some(ending) = &mut self.ending {
            ending.stage = stage;
            ending.deadline = uptime_ms() + span;
        }
    }

    /// Ends the processes that belong to no service. Outside of PID 1 there are none of ours.
    fn end_rest(&mut self, stage: Stage) {
        if stage == Stage::Terminating && !self.jobs.is_empty() {
            let slow: Vec<_> = self.jobs.units().cloned().collect();
            self.tell(&format!(
                "Not stopped in time, killed now: {}",
                slow.join(", ")
            ));
        }
        self.drain_all();
        if std::process::id() != 1 {
            return self.finish_end();
        }
        self.enter(stage, MOST_FOR_REST);
        match stage {
            Stage::Killing => system::process::kill_all_others(SIGKILL),
            _ => {
                system::process::kill_all_others(SIGTERM);
                system::process::kill_all_others(SIGCONT);
            }
        }
    }

    fn finish_end(&mut self) {
        self.drain_all();
        self.writer.finish(MOST_FOR_LOGS);
        self.ended = self.ending.as_ref().map(|ending| ending.end);
    }
}

/// How long the stop of all services may take, by their own limits (`TimeoutStopSec`; `None` is no limit): twice the
/// longest, since ExecStop has that time and then the signal, within [`STOP_SPAN`].
fn stop_span(limits: impl Iterator<Item = Option<u64>>) -> u64 {
    let (least, most) = (*STOP_SPAN.start(), *STOP_SPAN.end());
    let longest = limits.map(|limit| limit.unwrap_or(most)).max().unwrap_or(0);
    longest.saturating_mul(2).clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stop_of_all_services_is_bounded_by_their_own_limits() {
        let span = |limits: &[Option<u64>]| stop_span(limits.iter().copied());
        assert_eq!(span(&[]), 120_000);
        assert_eq!(span(&[Some(2_000), Some(90_000)]), 180_000);
        assert_eq!(span(&[Some(250_000)]), 500_000, "a database gets its time");
        assert_eq!(span(&[Some(2_000), None]), 600_000, "nobody has no limit");
        assert_eq!(span(&[Some(u64::MAX)]), 600_000);
    }
}
