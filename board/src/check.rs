//! Whether a release can run on a board's own Linux: facts, findings about them, and what to change where.

mod facts;
mod findings;
mod place;

use serde::Serialize;

pub use facts::Facts;
pub use findings::{cgroups, findings};

/// How a finding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, with less.
    Note,
    /// It does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, a word or two.
    pub topic: &'static str,
    /// How it counts.
    pub level: Level,
    /// What was found, a sentence.
    pub found: String,
    /// What to change, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Everything that was looked at, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Nothing speaks against it.
    pub usable: bool,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Of the machine that this runs on, or a board whose root is at `root`.
    pub fn of(facts: &Facts) -> Self {
        let findings = findings(facts);
        Self {
            usable: findings
                .iter()
                .all(|finding| finding.level != Level::Problem),
            findings,
        }
    }

    /// For people: a line for each finding, with the advice below it, and the verdict.
    pub fn text(&self) -> String {
        let lines: String = self.findings.iter().map(line).collect();
        let verdict = if self.usable {
            "The release can be unpacked here."
        } else {
            "It would not work yet: see the lines that begin with PROBLEM."
        };
        format!("{lines}{verdict}\n")
    }
}

fn line(finding: &Finding) -> String {
    let level = match finding.level {
        Level::Ok => "ok",
        Level::Note => "note",
        Level::Problem => "PROBLEM",
    };
    let advice = finding.advice.as_ref();
    let advice = advice.map_or_else(String::new, |advice| format!("         {advice}\n"));
    format!("{level:<8} {}: {}\n{advice}", finding.topic, finding.found)
}
