//! Numbered, timed steps: one owner of order and time, on the console and in the boot events.

use anyhow::Result;
use system::boot_events::{Event, record};
use system::console;
use system::power::uptime_ms;

use crate::watchdog;

/// The steps of one stage.
#[derive(Debug)]
pub struct Steps {
    stage: &'static str,
    number: usize,
    failed: bool,
}

/// A step that failed, as the console shall tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFailure {
    /// `initrd` or `boot`.
    pub stage: &'static str,
    /// The step's number in its stage, from 1.
    pub number: usize,
    /// What the step does, a gerund.
    pub name: String,
    /// The chain of causes, one sentence.
    pub cause: String,
}

impl Steps {
    /// Begins a stage.
    pub fn new(stage: &'static str) -> Self {
        Self {
            stage,
            number: 0,
            failed: false,
        }
    }

    /// Does a step without which the boot cannot go on.
    ///
    /// # Errors
    /// The failure, already shown and recorded.
    pub fn required<T>(
        &mut self,
        name: &str,
        action: impl FnOnce() -> Result<T>,
    ) -> Result<T, StepFailure> {
        self.number += 1;
        watchdog::allow(watchdog::STEP);
        let begun = uptime_ms();
        let result = action();
        let now = uptime_ms();
        let error = result.as_ref().err().map(|error| format!("{error:#}"));
        self.tell(name, now, now.saturating_sub(begun), error.clone());
        result.map_err(|_| StepFailure {
            stage: self.stage,
            number: self.number,
            name: name.to_string(),
            cause: error.unwrap_or_default(),
        })
    }

    /// Does a step without which the boot goes on all the same; its failure is shown and recorded.
    pub fn optional<T>(&mut self, name: &str, action: impl FnOnce() -> Result<T>) -> Option<T> {
        let result = self.required(name, action).ok();
        self.failed |= result.is_none();
        result
    }

    /// Whether an optional step failed so far.
    pub fn any_failed(&self) -> bool {
        self.failed
    }

    fn tell(&self, name: &str, at_ms: u64, ms: u64, error: Option<String>) {
        console::line(&line(
            self.stage,
            self.number,
            name,
            at_ms,
            ms,
            error.as_deref(),
        ));
        record(&Event {
            at_ms,
            source: self.stage.to_string(),
            event: name.to_string(),
            ms: Some(ms),
            error,
        });
    }
}

/// `[    3.123] initrd 4: finding the medium (0.512 s)`, as the kernel stamps its own lines.
fn line(
    stage: &str,
    number: usize,
    name: &str,
    at_ms: u64,
    ms: u64,
    error: Option<&str>,
) -> String {
    let stamp = format!("[{:5}.{:03}]", at_ms / 1000, at_ms % 1000);
    let took = format!("{}.{:03} s", ms / 1000, ms % 1000);
    match error {
        None => format!("{stamp} {stage} {number}: {name} ({took})"),
        Some(error) => format!("{stamp} {stage} {number}: {name} FAILED after {took}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_tell_stage_number_time_and_cause() {
        assert_eq!(
            line("initrd", 4, "finding the medium", 3123, 512, None),
            "[    3.123] initrd 4: finding the medium (0.512 s)"
        );
        assert_eq!(
            line("boot", 1, "filling /etc", 61_002, 7, Some("no space")),
            "[   61.002] boot 1: filling /etc FAILED after 0.007 s: no space"
        );
    }
}
