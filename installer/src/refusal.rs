//! Why something is not done, and what to do instead.

use std::fmt;

use serde::Serialize;

/// A reason not to begin. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What is wrong.
    pub what: String,
    /// What to do next.
    pub next: String,
}

impl Refusal {
    /// Both in words.
    pub fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            next: next.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.next)
    }
}
