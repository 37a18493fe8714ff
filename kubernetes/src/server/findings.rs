//! What the components found damaged at their start: told to whoever looks at the log, the console or the prompt.

use std::convert::Infallible;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use system::{console, layout};

use crate::manifests::Changes;
use crate::notify::Notifier;
use crate::paths;

/// Looked at again at the latest after this.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The components' reports.
const REPORTS: [&str; 2] = [paths::DATASTORE_REPORT, paths::CONTAINERD_REPORT];

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// The component runs; something may have been lost.
    Recovered,
    /// It does not start until a person has done something.
    Refused,
}

/// A component's report (upstream/report/report.go).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Report {
    outcome: Outcome,
    message: String,
}

impl Outcome {
    /// Above the login prompt, besides the machine's own text.
    fn notice(self) -> &'static str {
        match self {
            Outcome::Recovered => "55-kubernetes-recovered.issue",
            Outcome::Refused => "55-kubernetes-refused.issue",
        }
    }
}

/// Tells of each report as it appears, for ever. What was recovered stays above the prompt until the machine starts
/// again; what keeps a component from starting, until it does not any more.
pub async fn follow(notifier: &Notifier) -> Infallible {
    let run = Path::new(paths::RUN);
    let changes = Changes::listen(run);
    let mut told = Vec::new();
    loop {
        let reports = read(run);
        for report in reports.iter().filter(|report| !told.contains(*report)) {
            tell(notifier, report);
        }
        if let Err(error) = show(Path::new(layout::ISSUE_DIRECTORY), &reports) {
            println!("k3s: warning: {error:#}");
        }
        told = reports;
        changes.next(LOOK_AGAIN).await;
    }
}

/// Removes what an earlier run of ours reported; called before the components start.
pub fn forget() {
    for name in REPORTS {
        // What cannot be removed is told once more.
        let _ = fs::remove_file(paths::run(name));
    }
}

fn read(run: &Path) -> Vec<Report> {
    let content = |name: &&str| fs::read(run.join(name)).ok();
    let contents = REPORTS.iter().filter_map(content);
    // Files are replaced as wholes, so one that cannot be understood is not ours.
    contents
        .filter_map(|content| serde_json::from_slice(&content).ok())
        .collect()
}

fn tell(notifier: &Notifier, report: &Report) {
    notifier.status(&report.message);
    let line = format!("kubernetes: {}", report.message);
    // A console may be slow; nobody waits for it.
    tokio::task::spawn_blocking(move || {
        console::use_all();
        console::line(&line);
    });
}

/// Writes the notices that are wanted, and removes the one that no longer is.
fn show(directory: &Path, reports: &[Report]) -> Result<()> {
    let mut changed = false;
    for outcome in [Outcome::Recovered, Outcome::Refused] {
        let of_it = reports.iter().filter(|report| report.outcome == outcome);
        let text: String = of_it.map(|report| line(&report.message)).collect();
        let file = directory.join(outcome.notice());
        if !text.is_empty() && fs::read_to_string(&file).ok().as_ref() != Some(&text) {
            fs::create_dir_all(directory)
                .and_then(|()| fs::write(&file, text))
                .with_context(|| format!("writing {}", file.display()))?;
            changed = true;
        } else if text.is_empty() && outcome == Outcome::Refused {
            changed |= remove(&file)?;
        }
    }
    if changed {
        // Without a getty there is nothing to be shown again.
        let _ = fs::write(layout::AGETTY_RELOAD, "");
    }
    Ok(())
}

/// As agetty takes it: it reads a backslash as the beginning of an escape.
fn line(message: &str) -> String {
    format!("Kubernetes: {}\n\n", message.replace('\\', "\\\\"))
}

fn remove(file: &Path) -> Result<bool> {
    match fs::remove_file(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("removing {}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn reports_are_read_and_others_left_out() -> Result<()> {
        let dir = tempfile::tempdir()?;
        assert!(read(dir.path()).is_empty());
        let text = r#"{"outcome":"refused","message":"it is missing"}"#;
        fs::write(dir.path().join(paths::DATASTORE_REPORT), text)?;
        fs::write(dir.path().join(paths::CONTAINERD_REPORT), "{")?;
        let expected = Report {
            outcome: Outcome::Refused,
            message: "it is missing".into(),
        };
        assert_eq!(read(dir.path()), [expected]);
        Ok(())
    }

    #[test]
    fn a_refusal_goes_with_its_reason_and_a_recovery_stays() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let directory = dir.path().join("issue.d");
        let report = |outcome| Report {
            outcome,
            message: "a \\ b".into(),
        };
        show(&directory, &[])?;
        show(&directory, &[report(Outcome::Refused)])?;
        assert_eq!(names(&directory), [Outcome::Refused.notice()]);
        let text = fs::read_to_string(directory.join(Outcome::Refused.notice()))?;
        assert_eq!(text, "Kubernetes: a \\\\ b\n\n");
        show(&directory, &[report(Outcome::Recovered)])?;
        show(&directory, &[])?;
        assert_eq!(names(&directory), [Outcome::Recovered.notice()]);
        Ok(())
    }
}
