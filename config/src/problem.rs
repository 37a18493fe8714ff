//! What is wrong with a source, and where values come from.

use std::fmt;

/// A position in a source. Lines and columns are counted from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// The first character of a source.
    pub const START: Place = Place { line: 1, column: 1 };
}

/// The source and position that a value was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Name of the source: a path, or `cmdline`.
    pub source: String,
    /// Position in it.
    pub place: Place,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}",
            self.source, self.place.line, self.place.column
        )
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The value applies, but perhaps not as it was meant.
    Warning,
    /// The value does not apply.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// One thing that is wrong with one source. Everything else still applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the value applies.
    pub severity: Severity,
    /// Name of the source.
    pub source: String,
    /// Position in the source, where it is known.
    pub place: Option<Place>,
    /// The key in its snake_case form, e.g. `k3os.wifi[0].name`; empty for the source as a whole.
    pub key: String,
    /// What is wrong. Never holds a secret value.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    /// `FILE:LINE:COLUMN: error: KEY: MESSAGE (HINT)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(place) = self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {}: ", self.severity)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}
