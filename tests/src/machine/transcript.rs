//! What a console said so far, and waiting for it to say something.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The kernel's last words; no wait survives them.
const PANIC: &str = "Kernel panic - not syncing";
/// How much of the end a failed wait shows.
const SHOWN_LINES: usize = 30;

/// A console's output, shared by the thread that reads it and those who wait.
#[derive(Debug, Default)]
pub struct Transcript {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    text: String,
    /// Up to here waits have consumed the text.
    cursor: usize,
    closed: bool,
}

impl Transcript {
    /// Adds what was just read.
    pub fn push(&self, bytes: &[u8]) {
        self.lock().text.push_str(&String::from_utf8_lossy(bytes));
        self.changed.notify_all();
    }

    /// The console is gone; whoever waits is told.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        self.lock().text.clone()
    }

    /// Forgets what was said before: the next wait sees only what comes now.
    pub fn skip(&self) {
        let mut state = self.lock();
        state.cursor = state.text.len();
    }

    /// Why nothing more will come of this machine, with its last lines: a panic that no wait has seen, or its end.
    pub fn end(&self) -> Option<String> {
        self.lock().end()
    }

    /// Waits for `needle` after the last match and returns the text up to its end.
    pub fn expect(&self, needle: &str, limit: Duration) -> Result<String> {
        self.expect_any(&[needle], limit).map(|(_, text)| text)
    }

    /// Waits for the first of `needles`; returns its index and the text up to its end.
    pub fn expect_any(&self, needles: &[&str], limit: Duration) -> Result<(usize, String)> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if let Some(found) = state.take(needles) {
                return Ok(found);
            }
            if let Some(end) = state.end() {
                bail!("waiting for {needles:?} on the console: {end}");
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!(
                    "waiting for {needles:?} on the console: not there after {} s; it said last:\n{}",
                    limit.as_secs(),
                    state.tail()
                );
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pending(&self) -> &str {
        self.text.get(self.cursor..).unwrap_or_default()
    }

    /// The earliest match wins, whatever its place in the list.
    fn take(&mut self, needles: &[&str]) -> Option<(usize, String)> {
        let pending = self.pending();
        let (start, index) = needles
            .iter()
            .enumerate()
            .filter_map(|(index, needle)| Some((pending.find(needle)?, index)))
            .min()?;
        let end = start + needles.get(index)?.len();
        let taken = pending.get(..end)?.to_owned();
        self.cursor += end;
        Some((index, taken))
    }

    fn end(&self) -> Option<String> {
        let what = if self.pending().contains(PANIC) {
            "the kernel panicked"
        } else if self.closed {
            "the machine ended"
        } else {
            return None;
        };
        Some(format!("{what}:\n{}", self.tail()))
    }

    fn tail(&self) -> String {
        let lines: Vec<&str> = self.text.lines().collect();
        let from = lines.len().saturating_sub(SHOWN_LINES);
        lines
            .iter()
            .skip(from)
            .map(|line| format!("  | {line}\n"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const LATE: Duration = Duration::from_secs(10);

    #[test]
    fn a_match_consumes_the_text_before_it() {
        let console = Transcript::default();
        console.push(b"login: a login: b");
        assert_eq!(console.expect("login:", SOON).unwrap(), "login:");
        assert_eq!(console.expect("login:", SOON).unwrap(), " a login:");
        assert!(console.expect("login:", SOON).is_err());
    }

    #[test]
    fn the_earliest_of_several_wins() {
        let console = Transcript::default();
        console.push(b"one two");
        assert_eq!(console.expect_any(&["two", "one"], SOON).unwrap().0, 1);
    }

    #[test]
    fn a_wait_is_woken_by_what_comes_later() {
        let console = Arc::new(Transcript::default());
        let writer = Arc::clone(&console);
        let thread = thread::spawn(move || {
            writer.push(b"re");
            writer.push(b"ady");
        });
        console.expect("ready", LATE).unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn a_panic_and_an_end_fail_at_once_and_show_the_last_lines() {
        let console = Transcript::default();
        console.push(b"Kernel panic - not syncing: init died");
        let started = Instant::now();
        assert!(
            console
                .expect("login:", LATE)
                .unwrap_err()
                .to_string()
                .contains("init died")
        );
        console.close();
        assert!(console.expect("login:", LATE).is_err());
        assert!(console.end().unwrap().contains("panicked"));
        assert!(started.elapsed() < LATE);
    }

    #[test]
    fn skipping_hides_what_was_said_before() {
        let console = Transcript::default();
        console.push(b"login: ");
        console.skip();
        assert!(console.expect("login:", SOON).is_err());
    }
}
