//! Who runs when: workers take scenarios, run their checks in order, and leave each result in its slot.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::{Lab, Scenario, Step};
use crate::accel::FLAW;

/// Whether a failure on this lab says nothing.
type Spoiled = fn(&Lab) -> bool;

/// How often a scenario is tried: the emulator fails about one boot in ten.
const ATTEMPTS: u32 = 3;

/// A check's outcome: its message where it failed.
pub type Outcome = Result<(), String>;

/// Where one check's outcome will be.
#[derive(Debug, Default)]
pub struct Slot {
    outcome: Mutex<Option<Outcome>>,
    filled: Condvar,
}

impl Slot {
    fn fill(&self, outcome: Outcome) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.filled.notify_all();
    }

    /// Waits for the outcome.
    pub fn take(&self) -> Outcome {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match outcome.take() {
                Some(outcome) => return outcome,
                None => {
                    outcome = self
                        .filled
                        .wait(outcome)
                        .unwrap_or_else(PoisonError::into_inner)
                }
            }
        }
    }
}

/// A scenario with a slot for each of its checks.
#[derive(Debug)]
pub struct Job {
    /// What to run.
    pub scenario: Scenario,
    slots: Vec<Arc<Slot>>,
}

impl Job {
    /// The job of running `scenario`.
    pub fn new(scenario: Scenario) -> Self {
        let slots = scenario.steps.iter().map(|_| Arc::default()).collect();
        Self { scenario, slots }
    }

    /// Full name and slot of each check.
    pub fn slots(&self) -> Vec<(String, Arc<Slot>)> {
        let names = self.scenario.steps.iter().map(|step| step.name);
        names
            .zip(&self.slots)
            .map(|(name, slot)| (format!("{}::{name}", self.scenario.name), Arc::clone(slot)))
            .collect()
    }

    /// Runs the checks, and once more from the start when the emulator spoiled the lab.
    fn run(&self, lab: impl Fn() -> Result<Lab>, spoiled: Spoiled) {
        let mut told = 0;
        for attempt in 1..=ATTEMPTS {
            let spoiled: Spoiled = if attempt < ATTEMPTS {
                spoiled
            } else {
                |_: &Lab| false
            };
            if self.attempt(lab(), spoiled, &mut told) {
                return;
            }
            eprintln!(
                "          {}: the emulator lost a race with the guest's kernel ({FLAW}); once more",
                self.scenario.name
            );
        }
    }

    /// Runs the checks on one lab and tells the outcomes from number `told` on. False: a check failed on a spoiled lab, and
    /// what was not told needs another attempt.
    fn attempt(&self, lab: Result<Lab>, spoiled: Spoiled, told: &mut usize) -> bool {
        let failure = lab.as_ref().err();
        let mut lost = failure.map(|error| format!("preparing: {error:#}"));
        let mut lab = lab.ok();
        for (number, (step, slot)) in self.scenario.steps.iter().zip(&self.slots).enumerate() {
            let outcome = match (&lost, lab.as_mut()) {
                (None, Some(lab)) => timed(self.scenario.name, step, lab),
                (reason, _) => Err(format!(
                    "not run: {}",
                    reason.as_deref().unwrap_or("no lab")
                )),
            };
            if outcome.is_err() && lab.as_ref().is_some_and(spoiled) {
                return false;
            }
            if step.gate && outcome.is_err() {
                lost.get_or_insert(format!("{} failed", step.name));
            }
            if number >= *told {
                slot.fill(outcome);
                *told = number + 1;
            }
        }
        true
    }
}

/// Runs `jobs` on `workers` threads in the background. Machines are gone when the threads have ended.
pub fn start(
    jobs: Vec<Job>,
    workers: usize,
    lab: impl Fn(&'static str) -> Result<Lab> + Send + Sync + 'static,
) -> Vec<JoinHandle<()>> {
    let queue = Arc::new(Mutex::new(VecDeque::from(jobs)));
    let lab = Arc::new(lab);
    let worker = |_| {
        let (queue, lab) = (Arc::clone(&queue), Arc::clone(&lab));
        thread::spawn(move || work(&queue, &*lab))
    };
    (0..workers.max(1)).map(worker).collect()
}

fn work(queue: &Mutex<VecDeque<Job>>, lab: &dyn Fn(&'static str) -> Result<Lab>) {
    let next = || {
        queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    };
    while let Some(job) = next() {
        job.run(|| lab(job.scenario.name), Lab::emulator_failed);
    }
}

fn timed(scenario: &str, step: &Step, lab: &mut Lab) -> Outcome {
    let started = Instant::now();
    let outcome = run_check(step, lab);
    eprintln!(
        "{}",
        progress(scenario, step.name, &outcome, started.elapsed())
    );
    outcome
}

fn progress(scenario: &str, step: &str, outcome: &Outcome, took: Duration) -> String {
    let word = if outcome.is_ok() { "passed" } else { "FAILED" };
    format!("{:6.1} s  {scenario}::{step} {word}", took.as_secs_f64())
}

/// A check that panics must not leave the others waiting for ever.
fn run_check(step: &Step, lab: &mut Lab) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| (step.check)(lab)))
        .unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(anyhow!(
                "the check panicked: {}",
                text.unwrap_or("without a message")
            ))
        })
        .map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;
    use anyhow::{bail, ensure};

    fn outcomes(scenario: Scenario, lab: impl Fn() -> Result<Lab>) -> Vec<Outcome> {
        let job = Job::new(scenario);
        job.run(lab, |_| false);
        job.slots().iter().map(|(_, slot)| slot.take()).collect()
    }

    #[test]
    fn without_a_lab_every_check_fails_and_says_why() {
        let scenario = Scenario::sample("s")
            .gate("a", |_| Ok(()))
            .check("b", |_| Ok(()));
        let outcomes = outcomes(scenario, || Err(anyhow!("no disk")));
        assert_eq!(outcomes.len(), 2);
        for outcome in outcomes {
            assert!(outcome.unwrap_err().contains("no disk"));
        }
    }

    #[test]
    fn a_failed_gate_stops_what_follows_and_a_failed_check_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let lab = || Ok(crate::suite::lab::tests::lab(dir.path()));
        let scenario = Scenario::sample("s")
            .check("fails", |_| bail!("one"))
            .gate("panics", |_| panic!("two"))
            .check("never", |_| Ok(()));
        let outcomes = outcomes(scenario, lab);
        assert_eq!(outcomes[0], Err("one".to_owned()));
        assert!(outcomes[1].as_ref().unwrap_err().contains("two"));
        assert_eq!(outcomes[2], Err("not run: panics failed".to_owned()));
    }

    #[test]
    fn a_spoiled_lab_gets_others_and_the_last_one_counts() {
        static TRIES: AtomicU32 = AtomicU32::new(0);
        let dir = tempfile::tempdir().unwrap();
        let scenario = Scenario::sample("s")
            .check("fails_once", |_| {
                ensure!(TRIES.fetch_add(1, Relaxed) > 0, "spoiled");
                Ok(())
            })
            .check("fails", |_| bail!("always"));
        let job = Job::new(scenario);
        job.run(|| Ok(crate::suite::lab::tests::lab(dir.path())), |_| true);
        let outcomes: Vec<_> = job.slots().iter().map(|(_, slot)| slot.take()).collect();
        assert_eq!(outcomes, [Ok(()), Err("always".to_owned())]);
        assert_eq!(TRIES.load(Relaxed), ATTEMPTS);
    }

    #[test]
    fn workers_fill_every_slot() {
        let jobs: Vec<Job> = ["a", "b", "c"]
            .into_iter()
            .map(|name| Job::new(Scenario::sample(name).check("x", |_| Ok(()))))
            .collect();
        let slots: Vec<_> = jobs.iter().flat_map(Job::slots).collect();
        let workers = start(jobs, 2, |name| bail!("no lab for {name}"));
        for (name, slot) in slots {
            let message = slot.take().unwrap_err();
            assert!(message.contains(name.split_once(':').unwrap().0));
        }
        for worker in workers {
            worker.join().unwrap();
        }
    }
}
