//! What is told while an installation runs: steps, bytes with rate and time left, as lines for people or as JSON for programs.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::size;

/// Lines are not renewed more often than this.
const RENEWAL: Duration = Duration::from_millis(500);
/// Without a terminal, a line for each of so many percent.
const LOGGED: u64 = 10;

/// Gets told what happens.
pub trait Reporter {
    /// A step begins: its number from 1, how many there are, and its words.
    fn step(&mut self, number: usize, total: usize, words: &str);
    /// So many bytes of the step are done.
    fn bytes(&mut self, done: u64, total: u64);
    /// Something is worth knowing.
    fn note(&mut self, text: &str);
}

/// How far a stretch of bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Bytes done.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// Time since the first of them.
    pub elapsed: Duration,
}

impl Pace {
    /// 0 to 100.
    pub fn percent(&self) -> u64 {
        (self.done * 100).checked_div(self.total).unwrap_or(100)
    }

    /// Bytes a second.
    pub fn rate(&self) -> u64 {
        let millis = u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX);
        (self.done * 1000).checked_div(millis).unwrap_or(0)
    }

    /// Seconds left, as far as the rate tells.
    pub fn left(&self) -> Option<u64> {
        let rest = self.total.saturating_sub(self.done);
        rest.checked_div(self.rate())
    }

    /// ` 42 %  88 MB of 210 MB, 35 MB/s, 4 s left`.
    pub fn text(&self) -> String {
        let left = self.left().map(|left| format!(", {left} s left"));
        format!(
            "{:3} %  {} of {}, {}/s{}",
            self.percent(),
            size::show(self.done),
            size::show(self.total),
            size::show(self.rate()),
            left.unwrap_or_default()
        )
    }
}

/// Tells people.
pub struct Lines<W> {
    out: W,
    /// Whether a line can be written over.
    terminal: bool,
    begun: Instant,
    shown: Option<Instant>,
    percent: u64,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`.
    pub fn new(out: W, terminal: bool) -> Self {
        Self {
            out,
            terminal,
            begun: Instant::now(),
            shown: None,
            percent: 0,
        }
    }

    fn say(&mut self, text: &str) {
        // A reader that went away must not end an installation.
        let _ = self.out.write_all(text.as_bytes());
        let _ = self.out.flush();
    }

    fn is_due(&mut self, pace: &Pace) -> bool {
        let complete = pace.done >= pace.total;
        if self.terminal {
            // The first one too: what the first bytes tell of the rate is wrong.
            let last = self.shown.unwrap_or(self.begun);
            return complete || last.elapsed() >= RENEWAL;
        }
        let due = complete || pace.percent() >= self.percent + LOGGED;
        if due {
            self.percent = pace.percent();
        }
        due
    }
}

impl<W: Write> Reporter for Lines<W> {
    fn step(&mut self, number: usize, total: usize, words: &str) {
        (self.begun, self.shown, self.percent) = (Instant::now(), None, 0);
        self.say(&format!("[{number}/{total}] {words}\n"));
    }

    fn bytes(&mut self, done: u64, total: u64) {
        let pace = Pace {
            done,
            total,
            elapsed: self.begun.elapsed(),
        };
        if !self.is_due(&pace) {
            return;
        }
        self.shown = Some(Instant::now());
        let text = pace.text();
        match (self.terminal, done >= total) {
            (true, true) => self.say(&format!("\r      {text:<60}\n")),
            (true, false) => self.say(&format!("\r      {text:<60}")),
            (false, _) => self.say(&format!("      {text}\n")),
        }
    }

    fn note(&mut self, text: &str) {
        self.say(&format!("      {text}\n"));
    }
}

/// Tells programs: one JSON object a line.
pub struct Json<W> {
    out: W,
    shown: Option<Instant>,
}

impl<W: Write> Json<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, shown: None }
    }

    fn say(&mut self, value: &serde_json::Value) {
        let _ = writeln!(self.out, "{value}");
        let _ = self.out.flush();
    }
}

impl<W: Write> Reporter for Json<W> {
    fn step(&mut self, number: usize, total: usize, words: &str) {
        self.shown = None;
        self.say(&json!({"event": "step", "number": number, "of": total, "words": words}));
    }

    fn bytes(&mut self, done: u64, total: u64) {
        if done < total && self.shown.is_some_and(|last| last.elapsed() < RENEWAL) {
            return;
        }
        self.shown = Some(Instant::now());
        self.say(&json!({"event": "progress", "done": done, "total": total}));
    }

    fn note(&mut self, text: &str) {
        self.say(&json!({"event": "note", "text": text}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left_follow_from_bytes_and_time() {
        let pace = Pace {
            done: 50_000_000,
            total: 200_000_000,
            elapsed: Duration::from_secs(2),
        };
        assert_eq!(pace.text(), " 25 %  50 MB of 200 MB, 25 MB/s, 6 s left");
        let nothing = Pace {
            done: 0,
            total: 0,
            elapsed: Duration::ZERO,
        };
        assert_eq!((nothing.percent(), nothing.left()), (100, None));
    }

    #[test]
    fn a_log_gets_a_line_for_each_tenth_and_a_terminal_writes_over() {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out, false);
        lines.step(2, 9, "copying");
        (0..=100).for_each(|done| lines.bytes(done, 100));
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("[2/9] copying\n"), "{text}");
        assert_eq!(text.lines().count(), 11, "{text}");
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out, true);
        (0..=100).for_each(|done| lines.bytes(done, 100));
        assert!(out.starts_with(b"\r      100 %") && out.ends_with(b"\n"));
    }
}
