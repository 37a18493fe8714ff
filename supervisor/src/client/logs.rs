//! `k3os logs [-f] [-n LINES] SERVICE`.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;

use super::{Client, code};
use crate::control::Request;
use crate::log::{self, reader};
use crate::options::LOG_DIR;
use crate::unit::name::complete;

/// Lines shown where `-n` does not say, on a terminal and with `-f`.
const LINES: usize = 200;

/// What of which log to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsRequest {
    /// The service, `ssh` or `ssh.service`.
    pub unit: String,
    /// Whether to go on with what comes.
    pub follow: bool,
    /// How many lines; `None` is all.
    pub lines: Option<usize>,
}

/// Runs `k3os logs` with the words behind it; returns its exit code.
pub fn logs_main(words: &[String]) -> i32 {
    let request = match parse(words, io::stdout().is_terminal()) {
        Ok(request) => request,
        Err(error) => {
            eprintln!("k3os logs: {error}");
            return code::USAGE;
        }
    };
    match logs(&request, Path::new(LOG_DIR), &mut io::stdout()) {
        Ok(()) => code::OK,
        Err(error) => {
            eprintln!("k3os logs: {error}");
            code::FAILED
        }
    }
}

fn parse(words: &[String], is_terminal: bool) -> Result<LogsRequest, String> {
    let (mut units, mut follow, mut lines) = (Vec::new(), false, None);
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let value = word
            .strip_prefix("-n")
            .or_else(|| word.strip_prefix("--lines="));
        match word.as_str() {
            "-f" | "--follow" => follow = true,
            "-u" | "--unit" => units.extend(rest.next()),
            "-n" | "--lines" => lines = Some(count(rest.next().map(String::as_str))?),
            _ if value.is_some() => lines = Some(count(value)?),
            "--no-pager" => {}
            option if option.starts_with('-') => {
                return Err(format!(
                    "unknown option {option}; known are -f and -n LINES"
                ));
            }
            _ => units.push(word),
        }
    }
    let [unit] = units.as_slice() else {
        return Err("name one service: k3os logs [-f] [-n LINES] SERVICE".to_owned());
    };
    let default = (is_terminal || follow).then_some(LINES);
    Ok(LogsRequest {
        unit: (*unit).clone(),
        follow,
        lines: lines.unwrap_or(default),
    })
}

fn count(value: Option<&str>) -> Result<Option<usize>, String> {
    match value {
        Some("all") => Ok(None),
        Some(value) => value
            .parse()
            .map(Some)
            .map_err(|_| format!("{value:?} is not a number of lines")),
        None => Err("-n needs a number".to_owned()),
    }
}

/// Writes a log to `out`. A closed `out` ends it without error.
pub fn logs(request: &LogsRequest, log_dir: &Path, out: &mut dyn Write) -> Result<(), String> {
    let unit = complete(&request.unit);
    let path = log::path(log_dir, &unit);
    let mut follower = reader::Follower::at_end(&path).map_err(|error| said(&path, &error))?;
    let lines = match reader::last_lines(&path, request.lines) {
        Ok(lines) => lines,
        Err(error) if error.kind() == ErrorKind::NotFound => match lines_in_memory(&unit) {
            Some(lines) => lines,
            None if request.follow => Vec::new(),
            None => return Err(format!("{unit} has no log in {}", log_dir.display())),
        },
        Err(error) => return Err(said(&path, &error)),
    };
    let write = |out: &mut dyn Write| -> io::Result<()> {
        for line in &lines {
            writeln!(out, "{line}")?;
        }
        out.flush()
    };
    let written = write(out).and_then(|()| {
        if request.follow {
            follower.follow(out)
        } else {
            Ok(())
        }
    });
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(said(&path, &error)),
        _ => Ok(()),
    }
}

fn said(path: &Path, error: &io::Error) -> String {
    format!("reading {}: {error}", path.display())
}

/// What the supervisor keeps where no file could be written.
fn lines_in_memory(unit: &str) -> Option<Vec<String>> {
    let request = Request::Show {
        units: vec![unit.to_owned()],
    };
    let status = Client::machine()
        .ask(&request)
        .ok()?
        .units
        .into_iter()
        .next()?;
    (!status.lines.is_empty()).then_some(status.lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn command_lines() {
        let request = parse(&words("-f -n 5 ssh"), false).unwrap();
        assert_eq!(
            request,
            LogsRequest {
                unit: "ssh".into(),
                follow: true,
                lines: Some(5)
            }
        );
        assert_eq!(parse(&words("k3s"), false).unwrap().lines, None);
        assert_eq!(parse(&words("k3s"), true).unwrap().lines, Some(LINES));
        assert_eq!(parse(&words("-nall k3s"), true).unwrap().lines, None);
        assert!(parse(&words("a b"), true).is_err());
        assert!(
            parse(&words("--tail a"), true)
                .unwrap_err()
                .contains("--tail")
        );
    }

    #[test]
    fn the_last_lines_are_written() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.service.log"), "one\ntwo\nthree\n").unwrap();
        let request = LogsRequest {
            unit: "a".into(),
            follow: false,
            lines: Some(2),
        };
        let mut out = Vec::new();
        logs(&request, directory.path(), &mut out).unwrap();
        assert_eq!(out, b"two\nthree\n");
        let missing = LogsRequest {
            unit: "b".into(),
            ..request
        };
        assert!(
            logs(&missing, directory.path(), &mut out)
                .unwrap_err()
                .contains("b.service has no log")
        );
    }
}
