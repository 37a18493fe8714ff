//! The queue of what is to be started, stopped and reloaded, and what may run now. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::plan::{Plan, Step};

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Start.
    Start,
    /// Stop.
    Stop,
    /// Stop, then start.
    Restart,
    /// Reload.
    Reload,
}

impl Kind {
    /// systemd's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
        }
    }

    fn stops(self) -> bool {
        matches!(self, Self::Stop | Self::Restart)
    }

    fn starts(self) -> bool {
        matches!(self, Self::Start | Self::Restart)
    }
}

/// One unit's job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What it does.
    pub kind: Kind,
    /// Whether it is under way.
    pub is_running: bool,
    /// What comes first.
    pub step: Step,
    /// For a restart: what comes before its start.
    start_step: Step,
}

/// At most one job for each unit.
#[derive(Debug, Clone, Default)]
pub struct Jobs {
    by_unit: BTreeMap<String, Job>,
}

impl Jobs {
    /// Adds a plan of starts. A unit that is being stopped will be started afterwards.
    pub fn add_starts(&mut self, plan: Plan) {
        for (unit, step) in plan.steps {
            match self.by_unit.get_mut(&unit) {
                Some(job) if job.kind.stops() => (job.kind, job.start_step) = (Kind::Restart, step),
                Some(job) if job.is_running => {}
                _ => self.insert(unit, Kind::Start, step),
            }
        }
    }

    /// Adds a plan of stops; those in `then_start` are started again. Starts under way are given up.
    pub fn add_stops(&mut self, plan: Plan, then_start: &BTreeMap<String, Step>) {
        for (unit, step) in plan.steps {
            let start_step = then_start.get(&unit);
            let kind = if start_step.is_some() {
                Kind::Restart
            } else {
                Kind::Stop
            };
            let is_running = self
                .by_unit
                .get(&unit)
                .is_some_and(|job| job.kind.stops() && job.is_running);
            let start_step = start_step.cloned().unwrap_or_default();
            self.by_unit.insert(
                unit,
                Job {
                    kind,
                    is_running,
                    step,
                    start_step,
                },
            );
        }
    }

    /// Adds a reload, unless something else is to be done with the unit.
    pub fn add_reload(&mut self, unit: &str) {
        if !self.by_unit.contains_key(unit) {
            self.insert(unit.to_owned(), Kind::Reload, Step::default());
        }
    }

    fn insert(&mut self, unit: String, kind: Kind, step: Step) {
        self.by_unit.insert(
            unit,
            Job {
                kind,
                is_running: false,
                step,
                start_step: Step::default(),
            },
        );
    }

    /// The job of a unit.
    pub fn get(&self, unit: &str) -> Option<&Job> {
        self.by_unit.get(unit)
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.by_unit.is_empty()
    }

    /// The units with a job.
    pub fn units(&self) -> impl Iterator<Item = &String> {
        self.by_unit.keys()
    }

    /// The units that are being started or wait for it.
    pub fn starting(&self) -> BTreeSet<String> {
        self.by_unit
            .iter()
            .filter(|(_, job)| job.kind.starts())
            .map(|(unit, _)| unit.clone())
            .collect()
    }

    /// Drops every start and reload that has not begun, and the second half of restarts.
    pub fn cancel_starts(&mut self) {
        self.by_unit
            .retain(|_, job| job.is_running || job.kind == Kind::Stop);
        for job in self
            .by_unit
            .values_mut()
            .filter(|job| job.kind == Kind::Restart)
        {
            job.kind = Kind::Stop;
        }
    }

    /// The jobs that may run now, marked as running.
    pub fn take_runnable(&mut self) -> Vec<(String, Kind)> {
        let free: Vec<_> = self
            .by_unit
            .iter()
            .filter(|(_, job)| {
                !job.is_running && !job.step.after.iter().any(|first| self.blocks(job, first))
            })
            .map(|(unit, job)| (unit.clone(), job.kind))
            .collect();
        for (unit, _) in &free {
            if let Some(job) = self.by_unit.get_mut(unit) {
                job.is_running = true;
            }
        }
        free
    }

    fn blocks(&self, job: &Job, first: &str) -> bool {
        self.by_unit.get(first).is_some_and(|other| match job.kind {
            Kind::Start => other.kind.starts(),
            Kind::Stop | Kind::Restart => other.kind.stops(),
            Kind::Reload => false,
        })
    }

    /// Jobs of several requests can wait for one another in a circle that no single plan has. Lets the
    /// first of them go and names it.
    pub fn unlock(&mut self) -> Option<String> {
        if self.by_unit.values().any(|job| job.is_running) {
            return None;
        }
        let (unit, job) = self.by_unit.iter_mut().next()?;
        job.step.after.clear();
        Some(unit.clone())
    }

    /// Ends the part of a job that is of this kind; a restart goes on with its start. Returns whether
    /// there was such a job and it is over.
    pub fn finish(&mut self, unit: &str, kind: Kind) -> bool {
        let Some(job) = self.by_unit.get_mut(unit) else {
            return false;
        };
        match (job.kind, kind) {
            (Kind::Restart, Kind::Stop) => {
                let step = std::mem::take(&mut job.start_step);
                *job = Job {
                    kind: Kind::Start,
                    is_running: false,
                    step,
                    start_step: Step::default(),
                };
                false
            }
            (present, ended) if present == ended => self.by_unit.remove(unit).is_some(),
            _ => false,
        }
    }

    /// Waiting starts that fail with `unit`, over any number of steps, each with what it requires; taken out of the queue.
    pub fn take_all_dependents(&mut self, unit: &str) -> Vec<(String, String)> {
        let mut failed = Vec::new();
        let mut causes = VecDeque::from([unit.to_owned()]);
        while let Some(cause) = causes.pop_front() {
            for dependent in self.take_dependents(&cause) {
                causes.push_back(dependent.clone());
                failed.push((dependent, cause.clone()));
            }
        }
        failed
    }

    /// Waiting starts that require `unit`, taken out of the queue: they have failed with it.
    fn take_dependents(&mut self, unit: &str) -> Vec<String> {
        let failed: Vec<_> = self
            .by_unit
            .iter()
            .filter(|(_, job)| job.kind == Kind::Start && !job.is_running)
            .filter(|(_, job)| job.step.requires.contains(unit))
            .map(|(unit, _)| unit.clone())
            .collect();
        for unit in &failed {
            self.by_unit.remove(unit);
        }
        failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(steps: &[(&str, &[&str], &[&str])]) -> Plan {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let steps = steps
            .iter()
            .map(|(unit, after, requires)| {
                (
                    (*unit).to_owned(),
                    Step {
                        after: set(after),
                        requires: set(requires),
                    },
                )
            })
            .collect();
        Plan {
            steps,
            notes: Vec::new(),
        }
    }

    fn runnable(jobs: &mut Jobs) -> Vec<String> {
        jobs.take_runnable()
            .into_iter()
            .map(|(unit, _)| unit)
            .collect()
    }

    #[test]
    fn independent_starts_run_at_once_and_others_wait() {
        let mut jobs = Jobs::default();
        jobs.add_starts(plan(&[
            ("a", &[], &[]),
            ("b", &[], &[]),
            ("c", &["a", "b"], &[]),
        ]));
        assert_eq!(runnable(&mut jobs), ["a", "b"]);
        assert!(jobs.finish("a", Kind::Start));
        assert_eq!(runnable(&mut jobs), Vec::<String>::new());
        assert!(jobs.finish("b", Kind::Start));
        assert_eq!(runnable(&mut jobs), ["c"]);
    }

    #[test]
    fn a_failure_takes_along_who_requires_it() {
        let mut jobs = Jobs::default();
        jobs.add_starts(plan(&[
            ("a", &[], &[]),
            ("b", &["a"], &["a"]),
            ("c", &["a"], &[]),
        ]));
        runnable(&mut jobs);
        jobs.finish("a", Kind::Start);
        assert_eq!(jobs.take_dependents("a"), ["b"]);
        assert_eq!(runnable(&mut jobs), ["c"]);
    }

    #[test]
    fn a_failure_goes_on_over_any_number_of_steps() {
        let mut jobs = Jobs::default();
        jobs.add_starts(plan(&[
            ("a", &[], &[]),
            ("b", &["a"], &["a"]),
            ("c", &["b"], &["b"]),
            ("d", &["c"], &["c", "a"]),
            ("e", &["c"], &["c"]),
        ]));
        runnable(&mut jobs);
        jobs.finish("a", Kind::Start);
        let failed = jobs.take_all_dependents("a");
        let expected = [("b", "a"), ("d", "a"), ("c", "b"), ("e", "c")];
        assert_eq!(
            failed,
            expected.map(|(unit, cause)| (unit.to_owned(), cause.to_owned()))
        );
        assert!(jobs.is_empty());
    }

    #[test]
    fn a_restart_stops_then_starts() {
        let mut jobs = Jobs::default();
        jobs.add_stops(plan(&[("a", &[], &[])]), &plan(&[("a", &[], &[])]).steps);
        assert_eq!(jobs.take_runnable(), [("a".to_owned(), Kind::Restart)]);
        assert!(!jobs.finish("a", Kind::Stop));
        assert_eq!(jobs.take_runnable(), [("a".to_owned(), Kind::Start)]);
        assert!(jobs.finish("a", Kind::Start));
        assert!(jobs.is_empty());
    }

    #[test]
    fn starting_what_is_being_stopped_makes_a_restart() {
        let mut jobs = Jobs::default();
        jobs.add_stops(plan(&[("a", &[], &[])]), &BTreeMap::new());
        runnable(&mut jobs);
        jobs.add_starts(plan(&[("a", &[], &[])]));
        assert_eq!(
            jobs.get("a").map(|job| (job.kind, job.is_running)),
            Some((Kind::Restart, true))
        );
    }

    #[test]
    fn a_stop_gives_up_a_start_and_a_shutdown_all_starts() {
        let mut jobs = Jobs::default();
        jobs.add_starts(plan(&[("a", &[], &[]), ("b", &["a"], &[])]));
        runnable(&mut jobs);
        jobs.add_stops(plan(&[("a", &[], &[])]), &BTreeMap::new());
        assert!(!jobs.finish("a", Kind::Start));
        assert_eq!(
            jobs.take_runnable().first(),
            Some(&("a".to_owned(), Kind::Stop))
        );
        jobs.cancel_starts();
        assert!(jobs.get("b").is_none_or(|job| job.is_running));
    }

    #[test]
    fn a_circle_over_several_requests_is_unlocked() {
        let mut jobs = Jobs::default();
        jobs.add_starts(plan(&[("a", &["b"], &[]), ("b", &["a"], &[])]));
        assert_eq!(runnable(&mut jobs), Vec::<String>::new());
        assert_eq!(jobs.unlock().as_deref(), Some("a"));
        assert_eq!(runnable(&mut jobs), ["a"]);
        assert_eq!(jobs.unlock(), None);
    }
}
