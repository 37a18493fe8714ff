//! Running the host's tools.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Runs `program` and returns its standard output; a failure quotes what it said.
pub fn run<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Result<String> {
    let output = Command::new(program)
        .args(args)
        .env("PATH", search_path())
        .output()
        .with_context(|| format!("starting {program} (scripts/setup installs it)"))?;
    if !output.status.success() {
        bail!(
            "running {program}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `path` as text for an argument.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The tools of file systems are in sbin, which is not on every user's path.
fn search_path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/sbin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_quotes_the_tool() {
        let error = run("sh", ["-c", "echo why >&2; exit 4"])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("why") && error.contains("exit status: 4"),
            "{error}"
        );
    }
}
