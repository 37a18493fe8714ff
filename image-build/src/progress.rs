//! What the build says while it works: one line a step, with the time since its start.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Prints the steps' progress and keeps their times.
pub struct Progress {
    start: Instant,
    quiet: bool,
    times: Mutex<Vec<(String, Duration)>>,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// Prints to standard error.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            quiet: false,
            times: Mutex::default(),
        }
    }

    /// Prints nothing.
    #[cfg(test)]
    pub fn quiet() -> Self {
        Self {
            quiet: true,
            ..Self::new()
        }
    }

    /// One line about a step.
    pub fn say(&self, step: &str, what: &str) {
        if !self.quiet {
            eprintln!(
                "[{:6.1}s] {step}: {what}",
                self.start.elapsed().as_secs_f64()
            );
        }
    }

    /// Runs a step, says when it is done, and keeps its time.
    pub fn timed<T>(&self, step: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let result = work()?;
        let took = start.elapsed();
        self.say(step, &format!("done in {:.1} s", took.as_secs_f64()));
        if let Ok(mut times) = self.times.lock() {
            times.push((step.to_owned(), took));
        }
        Ok(result)
    }

    /// Steps with their times in seconds, in the order of their ends.
    pub fn times(&self) -> Vec<(String, f64)> {
        self.times
            .lock()
            .map(|times| {
                times
                    .iter()
                    .map(|(step, took)| (step.clone(), took.as_secs_f64()))
                    .collect()
            })
            .unwrap_or_default()
    }

    /// Seconds since the build's start.
    pub fn total(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}
