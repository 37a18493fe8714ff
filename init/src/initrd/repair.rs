//! Repairing the state partition's file system before it is mounted: after a power cut its journal is enough, but not
//! after errors of the disk or of its memory. Nobody is there to answer a repair's questions; see decisions/0011.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Error, Result, bail};
use system::command::{self, CommandLine, Ended};
use system::console;

use crate::notice::Notice;

const PROGRAM: &str = "e2fsck";
/// First only what can be repaired without loss; then everything, in whatever way makes it whole.
const ROUNDS: [&[&str]; 2] = [&["-p"], &["-f", "-y"]];
/// From this status on errors are left, or the check itself failed (`man e2fsck`).
const ERRORS_LEFT: i32 = 4;
/// What e2fsck said, below /run.
const LOG: &str = "k3os/e2fsck.log";
/// Shown above the login prompt.
const NOTICE: Notice = Notice("50-repair");

/// Repairs the file system, which is not mounted, and leaves a notice in `run` for whoever logs in.
///
/// # Errors
/// When e2fsck cannot make it whole.
pub fn repair(device: &Path, run: &Path) -> Result<()> {
    console::line(&format!(
        "  the file system of {} has errors; repairing it can take minutes on a large disk",
        device.display()
    ));
    let mut log = String::new();
    let whole = rounds(device, &mut log);
    let log_file = run.join(LOG);
    keep(&log_file, &log);
    if !whole? {
        bail!(
            "repairing {}: e2fsck could not repair everything; its output is in {}",
            device.display(),
            log_file.display()
        );
    }
    let shown = NOTICE.show(run, &notice(device, &log_file));
    tell(shown.err());
    Ok(())
}

/// Runs e2fsck until the file system is whole; says whether it is.
fn rounds(device: &Path, log: &mut String) -> Result<bool> {
    for options in ROUNDS {
        let ended = check(options, device)?;
        note(log, options, &ended);
        if is_whole(&ended) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn check(options: &[&str], device: &Path) -> Result<Ended> {
    let words = [PROGRAM].iter().chain(options);
    let mut words: Vec<String> = words.map(ToString::to_string).collect();
    words.push(device.display().to_string());
    command::run(&CommandLine {
        words,
        environment: BTreeMap::new(),
        limit: None,
    })
}

fn is_whole(ended: &Ended) -> bool {
    ended.code.is_some_and(|code| code < ERRORS_LEFT)
}

/// Adds what was run and said to the log, and shows it.
fn note(log: &mut String, options: &[&str], ended: &Ended) {
    let said = String::from_utf8_lossy(&ended.output);
    let text = format!(
        "e2fsck {}: {}\n{said}",
        options.join(" "),
        ended.description()
    );
    text.lines()
        .for_each(|line| console::line(&format!("  {line}")));
    log.push_str(&text);
}

fn notice(device: &Path, log: &Path) -> String {
    format!(
        "The file system of {} had errors and was repaired at this boot: see {}. Is the disk failing?",
        device.display(),
        log.display()
    )
}

fn keep(path: &Path, text: &str) {
    let directory = path.parent().unwrap_or(path);
    let kept = fs::create_dir_all(directory).and_then(|()| fs::write(path, text));
    let kept = kept.with_context(|| format!("writing {}", path.display()));
    tell(kept.err());
}

/// That /run could not be written does not end a boot.
fn tell(error: Option<Error>) {
    if let Some(error) = error {
        console::line(&format!("  {error:#}"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn whole(code: Option<i32>) -> bool {
        is_whole(&Ended {
            code,
            signal: None,
            timed_out: false,
            output: Vec::new(),
            duration: Duration::ZERO,
        })
    }

    #[test]
    fn repaired_is_whole_and_a_failed_check_is_not() {
        assert!(whole(Some(0)) && whole(Some(1)) && whole(Some(2)));
        assert!(!whole(Some(4)) && !whole(Some(8)) && !whole(Some(12)) && !whole(None));
    }
}
