//! Requests into jobs, and jobs into starts and stops.

use std::collections::BTreeMap;

use system::bounded;
use system::power::uptime_ms;

use super::Supervisor;
use super::jobs::Kind;
use crate::plan;
use crate::service::{Action, Outcome};
use crate::unit::condition::{self, Condition, Machine};

impl Supervisor {
    /// Puts the start of units, with all they want and require, into the queue. Returns what is to be
    /// told about it.
    pub(super) fn start_units(&mut self, goals: &[String]) -> Vec<String> {
        self.load_all(goals);
        let starting = self.jobs.starting();
        let is_up = |name: &str| {
            // A unit that waits for its next start, or is being stopped, is started all the same.
            self.is_active(name)
                && self
                    .jobs
                    .get(name)
                    .is_none_or(|job| job.kind == Kind::Reload)
        };
        let plan = plan::start(&self.units, goals, is_up, &starting);
        let notes = plan.notes.clone();
        self.jobs.add_starts(plan);
        for note in &notes {
            self.tell(note);
        }
        notes
    }

    /// Puts the stop of units, and of those that require them, into the queue.
    pub(super) fn stop_units(&mut self, goals: &[String]) {
        // A start that waits for what is being stopped would go on without it.
        let starting = self.jobs.starting();
        let is_bound = |name: &str| self.is_up(name) || starting.contains(name);
        let plan = plan::stop(&self.units, goals, is_bound);
        for unit in plan.steps.keys().filter(|unit| starting.contains(*unit)) {
            self.tell_failed_job(unit, "it was stopped before it had started");
        }
        self.jobs.add_stops(plan, &BTreeMap::new());
    }

    /// Puts the restart of units into the queue; those that require them are restarted too.
    pub(super) fn restart_units(&mut self, goals: &[String]) {
        self.load_all(goals);
        let stops = plan::stop(&self.units, goals, |name| self.is_up(name));
        let members: Vec<_> = stops.steps.keys().cloned().collect();
        let stopping =
            |name: &str| self.is_active(name) && !members.iter().any(|member| member == name);
        let starts = plan::start(&self.units, &members, stopping, &self.jobs.starting());
        self.jobs.add_stops(stops, &starts.steps);
        // What they want and is not up yet.
        self.jobs.add_starts(starts);
    }

    /// Runs every job that can run, until nothing changes without an event from outside.
    pub(super) fn settle(&mut self) {
        loop {
            let runnable = self.jobs.take_runnable();
            if runnable.is_empty() {
                match self.jobs.unlock() {
                    Some(unit) => {
                        self.tell(&format!("{unit}: jobs wait for one another; it goes first"))
                    }
                    None => break,
                }
            }
            for (unit, kind) in runnable {
                self.run_job(&unit, kind);
            }
        }
        self.continue_ending();
        self.answer_waiting();
    }

    fn run_job(&mut self, unit: &str, kind: Kind) {
        match kind {
            Kind::Start => self.run_start(unit),
            Kind::Stop | Kind::Restart => self.run_stop(unit),
            Kind::Reload => {
                let now = uptime_ms();
                let actions = self.services.get_mut(unit).map(|it| it.service.reload(now));
                self.perform(
                    unit,
                    actions.unwrap_or_else(|| vec![Action::Reloaded(false)]),
                );
            }
        }
    }

    fn run_stop(&mut self, unit: &str) {
        match self.services.get_mut(unit) {
            Some(runtime) => {
                let actions = runtime.service.stop(uptime_ms());
                self.perform(unit, actions);
            }
            None => {
                self.active_targets.remove(unit);
                self.jobs.finish(unit, Kind::Stop);
            }
        }
    }

    fn run_start(&mut self, unit: &str) {
        if let Some(reason) = self.missing_requirement(unit) {
            return self.refuse(unit, Outcome::Dependency(reason, None));
        }
        let conditions = self
            .units
            .by_name
            .get(unit)
            .map(|unit| unit.conditions.clone());
        let conditions = conditions.unwrap_or_default();
        // They name paths, and those may lie on a disk that stands still.
        let failed = match conditions.is_empty() {
            true => Ok(None),
            false => bounded::within(move || Ok(condition::unmet(&conditions, &Machine).cloned())),
        };
        match failed {
            Ok(None) => {}
            Ok(Some(failed)) => return self.skip(unit, &failed),
            Err(error) => {
                let reason = format!("checking its conditions: {error}");
                return self.refuse(unit, Outcome::Resources(reason));
            }
        }
        match self.services.get_mut(unit) {
            Some(runtime) => {
                runtime.unmet = None;
                let actions = runtime.service.start(uptime_ms());
                self.perform(unit, actions);
            }
            None => {
                self.active_targets.insert(unit.to_owned());
                self.jobs.finish(unit, Kind::Start);
                self.event(unit, "ready", None, None);
            }
        }
    }

    /// A unit that is required and does not exist.
    fn missing_requirement(&self, unit: &str) -> Option<String> {
        let requires = &self.units.by_name.get(unit)?.requires;
        let names = requires.iter().map(|name| self.units.canonical(name));
        names
            .filter(|name| plan::is_supported(name))
            .find(|name| !self.units.by_name.get(name).is_some_and(plan::exists))
    }

    /// A condition that does not hold skips the unit; an assertion fails it.
    fn skip(&mut self, unit: &str, condition: &Condition) {
        let text = condition.text();
        if condition.assertion {
            return self.refuse(unit, Outcome::Resources(format!("{text} does not hold")));
        }
        self.note(unit, &format!("not started: {text} does not hold"));
        if let Some(runtime) = self.services.get_mut(unit) {
            runtime.unmet = Some(text);
        }
        self.jobs.finish(unit, Kind::Start);
    }

    pub(super) fn refuse(&mut self, unit: &str, outcome: Outcome) {
        let now = uptime_ms();
        match self.services.get_mut(unit) {
            Some(runtime) => {
                let actions = runtime.service.refuse(outcome, now);
                self.perform(unit, actions);
            }
            None => {
                self.tell(&format!("{unit} could not start: {}", outcome.text()));
                self.event(unit, "failed", None, Some(outcome.text()));
                self.finish_start(unit, false);
            }
        }
    }

    /// Ends a start job; a failure takes along the jobs that require the unit, and those that require them.
    pub(super) fn finish_start(&mut self, unit: &str, ok: bool) {
        if !self.jobs.finish(unit, Kind::Start) {
            return;
        }
        if ok {
            return;
        }
        let reason = self.failure_text(unit);
        self.tell_failed_job(unit, &reason);
        for (dependent, required) in self.jobs.take_all_dependents(unit) {
            let cause = (required != unit).then(|| unit.to_owned());
            let outcome = Outcome::Dependency(required, cause);
            self.tell_failed_job(&dependent, &outcome.text());
            self.refuse(&dependent, outcome);
        }
    }

    pub(super) fn failure_text(&self, unit: &str) -> String {
        let service = self.services.get(unit).map(|runtime| &runtime.service);
        service.map_or_else(|| "it failed".to_owned(), |service| service.outcome.text())
    }
}
