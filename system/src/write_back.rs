//! Waiting for what is still to be written, for as long as it gets less: a slow memory card may take minutes, a disk that
//! stands still or a file server that is gone must not hold up the end of a machine.

use std::fs;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How long nothing may move.
pub const STILL: Duration = Duration::from_secs(10);
/// How long writing and unmounting may take in all, moving or not.
pub const MOST: Duration = Duration::from_secs(120);
/// How often it is looked how much there is left.
const ROUND: Duration = Duration::from_millis(500);

/// How long to wait, by what moves.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    deadline: Instant,
    moved: Instant,
    least: u64,
}

impl Patience {
    /// Begins to wait, until `deadline` at the latest.
    pub fn new(now: Instant, deadline: Instant) -> Self {
        Self {
            deadline,
            moved: now,
            least: u64::MAX,
        }
    }

    /// Whether to wait on, with so many KiB left to be written. Only less than ever before counts as movement.
    pub fn lasts(&mut self, now: Instant, pending: u64) -> bool {
        if pending < self.least {
            self.least = pending;
            self.moved = now;
        }
        now.duration_since(self.moved) < STILL && now < self.deadline
    }

    /// Something else than the amount moved: a job ended.
    fn move_on(&mut self, now: Instant) {
        self.moved = now;
    }
}

/// KiB that the kernel has still to write (`Dirty` and `Writeback` of `/proc/meminfo`).
pub fn pending() -> u64 {
    parse_pending(&fs::read_to_string("/proc/meminfo").unwrap_or_default())
}

fn parse_pending(meminfo: &str) -> u64 {
    let of = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let number = value.split_whitespace().next()?;
        matches!(name, "Dirty" | "Writeback").then(|| number.parse().unwrap_or(0))
    };
    meminfo.lines().filter_map(of).sum::<u64>()
}

/// Something to do that may never come back, and what it is about.
pub struct Job {
    /// Names it in messages, such as a directory.
    pub name: String,
    /// What is done, in a thread of its own.
    pub action: Box<dyn FnOnce() -> Result<()> + Send>,
}

/// A job that failed or did not come back.
#[derive(Debug)]
pub struct Unfinished {
    /// The job's name.
    pub name: String,
    /// Why; `None` when it was given up.
    pub error: Option<anyhow::Error>,
}

/// Does all jobs at once, each in a thread of its own, and waits as long as something moves, until `deadline` at
/// the latest. Gives those that failed and those that were given up (whose threads go on), in the jobs' order.
pub fn run_all(jobs: Vec<Job>, deadline: Instant) -> Vec<Unfinished> {
    let (sender, receiver) = mpsc::channel();
    let mut open = Vec::new();
    for (number, job) in jobs.into_iter().enumerate() {
        let done = sender.clone();
        let action = job.action;
        let thread = thread::Builder::new().name("writing".to_owned());
        let spawned = thread.spawn(move || {
            // Nobody listens any more where it came too late.
            let _ = done.send((number, action()));
        });
        if let Err(error) = spawned {
            let _ = sender.send((number, Err(error.into())));
        }
        open.push((number, job.name));
    }
    drop(sender);
    wait(open, &receiver, deadline)
}

fn wait(
    mut open: Vec<(usize, String)>,
    receiver: &mpsc::Receiver<(usize, Result<()>)>,
    deadline: Instant,
) -> Vec<Unfinished> {
    let mut failed = Vec::new();
    let mut patience = Patience::new(Instant::now(), deadline);
    while !open.is_empty() && patience.lasts(Instant::now(), pending()) {
        match receiver.recv_timeout(ROUND) {
            Ok((number, result)) => {
                patience.move_on(Instant::now());
                let at = open.iter().position(|(open, _)| *open == number);
                let name = at.map(|at| open.remove(at).1);
                if let (Some(name), Err(error)) = (name, result) {
                    let error = Some(error);
                    failed.push(Unfinished { name, error });
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            // A thread ended without an answer, by a panic.
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let late = open
        .into_iter()
        .map(|(_, name)| Unfinished { name, error: None });
    failed.extend(late);
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_is_waited_for_and_what_stands_still_is_not() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut slow = Patience::new(start, at(120));
        assert!((0..12).all(|round| slow.lasts(at(round * 9), 1000 - round)));
        assert!(!slow.lasts(at(120), 1), "not for ever");
        let mut still = Patience::new(start, at(120));
        assert!(still.lasts(at(0), 500));
        assert!(still.lasts(at(9), 500));
        assert!(still.lasts(at(9), 600), "more is no movement");
        assert!(!still.lasts(at(10), 600));
    }

    #[test]
    fn dirty_and_writeback_count() {
        let text =
            "MemTotal: 5 kB\nDirty:   40 kB\nWriteback:  2 kB\nWritebackTmp: 9 kB\nnonsense\n";
        assert_eq!(parse_pending(text), 42);
    }

    #[test]
    fn a_job_that_never_ends_is_given_up_and_the_others_are_done() {
        let (hold, held) = mpsc::channel::<()>();
        let job = |name: &str, action: Box<dyn FnOnce() -> Result<()> + Send>| Job {
            name: name.into(),
            action,
        };
        let jobs = vec![
            job(
                "hung",
                Box::new(move || {
                    // Ends with the test.
                    let _ = held.recv();
                    Ok(())
                }),
            ),
            job("whole", Box::new(|| Ok(()))),
            job("broken", Box::new(|| anyhow::bail!("no"))),
        ];
        let start = Instant::now();
        let left = run_all(jobs, start + Duration::from_secs(1));
        assert!(start.elapsed() < STILL, "{:?}", start.elapsed());
        let names: Vec<_> = left
            .iter()
            .map(|job| (job.name.as_str(), job.error.is_some()))
            .collect();
        assert_eq!(names, [("broken", true), ("hung", false)]);
        drop(hold);
    }
}
