//! The run as people and CI see it: one line for each check and a summary like cargo's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Conclusion, Failed, Trial};

use super::schedule::{self, Job};
use super::{Lab, Level, Scenario, Setup};
use crate::accel::Accel;
use crate::release::Artifacts;

/// What to run, and where.
#[derive(Debug)]
pub struct Run {
    /// The artefacts' directory.
    pub artifacts: PathBuf,
    /// Checks beyond the sample, too.
    pub level: Level,
    /// Only those whose name contains this.
    pub filter: Option<String>,
    /// Scenarios at the same time.
    pub jobs: usize,
    /// Whether disks and sockets stay for a look.
    pub keep: bool,
    /// Where the consoles' output goes.
    pub logs: PathBuf,
}

/// Prints the names of the selected checks.
pub fn list(scenarios: Vec<Scenario>, run: &Run) {
    for job in select(scenarios, run) {
        for (name, _) in job.slots() {
            println!("{name}");
        }
    }
}

/// Runs the selected checks and prints their outcomes; true if all passed.
pub fn run(scenarios: Vec<Scenario>, run: &Run) -> Result<bool> {
    let (jobs, skipped) = possible(select(scenarios, run))?;
    let trials = jobs.iter().flat_map(Job::slots).map(trial);
    let trials = trials.chain(skipped.iter().flat_map(Job::slots).map(ignored));
    let trials = trials.collect();
    let dir = scratch()?;
    let artifacts = Artifacts::open(&run.artifacts)?;
    let accel = Accel::detect(&artifacts.kernel())?;
    let setup = Setup::new(artifacts, accel, dir.path())?;
    eprintln!(
        "machines run on {:?}, their consoles go to {}",
        setup.accel,
        run.logs.display()
    );
    let setup = Arc::new(setup);
    let (place, logs) = (dir.path().to_owned(), run.logs.clone());
    let workers = schedule::start(jobs, run.jobs, move |name| {
        Lab::new(Arc::clone(&setup), name, &place, &logs)
    });
    let conclusion = report(trials);
    for worker in workers {
        // A check's panic is caught and reported as its failure; nothing else can end a worker.
        let _ = worker.join();
    }
    if run.keep {
        println!("kept {}", dir.keep().display());
    }
    Ok(!conclusion.has_failed())
}

fn select(scenarios: Vec<Scenario>, run: &Run) -> Vec<Job> {
    scenarios
        .into_iter()
        .filter_map(|scenario| scenario.select(run.level, run.filter.as_deref()))
        .map(Job::new)
        .collect()
}

/// The jobs that this host can run, and those that it cannot, which are told.
fn possible(jobs: Vec<Job>) -> Result<(Vec<Job>, Vec<Job>)> {
    let (mut runs, mut skipped) = (Vec::new(), Vec::new());
    for job in jobs {
        match job.scenario.obstacle()? {
            None => runs.push(job),
            Some(reason) => {
                eprintln!("skipped {}: {reason}", job.scenario.name);
                skipped.push(job);
            }
        }
    }
    Ok((runs, skipped))
}

fn ignored((name, _): (String, Arc<schedule::Slot>)) -> Trial {
    Trial::test(name, || Ok(())).with_ignored_flag(true)
}

fn trial((name, slot): (String, Arc<schedule::Slot>)) -> Trial {
    Trial::test(name, move || slot.take().map_err(Failed::from))
}

/// One thread, so that outcomes come in the order of the list; the work is done by the schedule's workers.
fn report(trials: Vec<Trial>) -> Conclusion {
    let arguments = Arguments {
        test_threads: Some(1),
        ..Arguments::default()
    };
    libtest_mimic::run(&arguments, trials)
}

/// A directory for disks and sockets: in the cache rather than in /tmp, which may be memory; its path is short enough
/// for sockets.
pub fn scratch() -> Result<tempfile::TempDir> {
    let dir = cache_dir()?.join("tests");
    std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    tempfile::Builder::new()
        .prefix("run")
        .tempdir_in(&dir)
        .with_context(|| format!("creating a directory in {}", dir.display()))
}

/// The project's cache directory.
pub fn cache_dir() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(dir) = variable("K3OS_CACHE") {
        return Ok(dir.into());
    }
    let cache = variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&variable("HOME")?).join(".cache")))
        .context("finding the cache directory: none of K3OS_CACHE, XDG_CACHE_HOME, HOME is set")?;
    Ok(cache.join("k3os"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_cannot_run_is_skipped_and_the_rest_runs() {
        let check = |scenario: Scenario| Job::new(scenario.check("x", |_| Ok(())));
        let jobs = vec![
            check(Scenario::sample("can").unless(|| Ok(None))),
            check(Scenario::sample("cannot").unless(|| Ok(Some("no root".into())))),
        ];
        let (runs, skipped) = possible(jobs).unwrap();
        assert_eq!((runs.len(), runs[0].scenario.name), (1, "can"));
        assert_eq!((skipped.len(), skipped[0].scenario.name), (1, "cannot"));
        assert!(
            skipped[0]
                .slots()
                .into_iter()
                .map(ignored)
                .all(|trial| trial.has_ignored_flag())
        );
    }

    #[test]
    fn what_the_host_must_run_and_cannot_is_an_error() {
        let must = Scenario::sample("must").unless(|| anyhow::bail!("no root"));
        assert!(possible(vec![Job::new(must)]).is_err());
    }
}
