//! Runs a command to its end, with a limit of time, and keeps the last of what it prints.
//!
//! It waits for its own child only, so it must not be used in a process that reaps every child elsewhere
//! (PID 1 while it supervises).

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How much of the output is kept, in bytes: the last of it.
pub const KEPT_OUTPUT: usize = 64 << 10;
/// How long a command may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How often an end without output is noticed.
const ROUND: Duration = Duration::from_millis(20);

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// Program and arguments; the program is sought in `PATH`.
    pub words: Vec<String>,
    /// Variables added to the environment of this process.
    pub environment: BTreeMap<String, String>,
    /// When to end it. `None`: never.
    pub limit: Option<Duration>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status; `None` when a signal or the limit ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// It was ended because its time was over.
    pub timed_out: bool,
    /// The last of its output and error output, at most [`KEPT_OUTPUT`] bytes.
    pub output: Vec<u8>,
    /// How long it ran.
    pub duration: Duration,
}

impl Ended {
    /// Whether it exited with status 0.
    pub fn succeeded(&self) -> bool {
        self.code == Some(0) && !self.timed_out
    }

    /// How it ended, for a sentence: `exited with status 1`.
    pub fn description(&self) -> String {
        match (self.timed_out, self.code, self.signal) {
            (true, ..) => format!(
                "did not end within {} s and was ended",
                self.duration.as_secs()
            ),
            (_, Some(code), _) => format!("exited with status {code}"),
            (_, None, Some(signal)) => format!("was ended by signal {signal}"),
            (_, None, None) => "ended in an unknown way".into(),
        }
    }
}

/// Runs a command to its end. It is a process group of its own, and all of it ends when the time is over;
/// what it leaves running in the background otherwise is left alone.
///
/// # Errors
/// When it cannot be started or watched. A status other than 0 is not an error.
pub fn run(line: &CommandLine) -> Result<Ended> {
    let program = line
        .words
        .first()
        .context("running a command without words")?;
    let (reader, writer) = io::pipe().context("making a pipe")?;
    let mut command = Command::new(program);
    command
        .args(line.words.iter().skip(1))
        .envs(&line.environment)
        .process_group(0)
        .stdin(Stdio::null());
    command
        .stdout(writer.try_clone().context("copying a pipe")?)
        .stderr(writer);
    let begun = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    // The command holds the pipe's writing ends, which would keep it open here.
    drop(command);
    let mut output = Output {
        reader,
        kept: Vec::new(),
        open: true,
    };
    output.do_not_block()?;
    let (status, timed_out) = watch(
        &mut child,
        &mut output,
        line.limit.map(|limit| begun + limit),
    )?;
    let (code, signal) = (status.code().filter(|_| !timed_out), status.signal());
    Ok(Ended {
        code,
        signal,
        timed_out,
        output: output.kept,
        duration: begun.elapsed(),
    })
}

/// Waits for the end or the deadline, reading along.
fn watch(
    child: &mut Child,
    output: &mut Output,
    deadline: Option<Instant>,
) -> Result<(ExitStatus, bool)> {
    loop {
        output.take(ROUND)?;
        if let Some(status) = child.try_wait().context("waiting for a command")? {
            output.take(Duration::ZERO)?;
            return Ok((status, false));
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok((end(child, output)?, true));
        }
    }
}

/// Ends a command and all that belongs to it, first politely.
fn end(child: &mut Child, output: &mut Output) -> Result<ExitStatus> {
    let group = Pid::from_raw(i32::try_from(child.id()).context("reading a process id")?);
    let _ = killpg(group, Signal::SIGTERM);
    let until = Instant::now() + GRACE;
    while Instant::now() < until {
        output.take(ROUND)?;
        if let Some(status) = child.try_wait().context("waiting for a command")? {
            let _ = killpg(group, Signal::SIGKILL);
            return Ok(status);
        }
    }
    let _ = killpg(group, Signal::SIGKILL);
    child
        .wait()
        .context("waiting for a command that was killed")
}

/// What a command prints.
struct Output {
    reader: io::PipeReader,
    kept: Vec<u8>,
    open: bool,
}

impl Output {
    fn do_not_block(&self) -> Result<()> {
        fcntl(self.reader.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
            .context("preparing a pipe")?;
        Ok(())
    }

    /// Waits for output for a while and takes what is there.
    fn take(&mut self, wait: Duration) -> Result<()> {
        if !self.open {
            std::thread::sleep(wait);
            return Ok(());
        }
        let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::ZERO);
        let mut waiting = [PollFd::new(self.reader.as_fd(), PollFlags::POLLIN)];
        // An interrupted wait is as good as one that is over.
        let _ = poll(&mut waiting, timeout);
        let mut buffer = [0; 8192];
        loop {
            match self.reader.read(&mut buffer) {
                Ok(0) => {
                    self.open = false;
                    return Ok(());
                }
                Ok(count) => self.keep(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("reading a command's output"),
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
        let excess = self.kept.len().saturating_sub(KEPT_OUTPUT);
        self.kept.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Option<Duration>) -> Ended {
        let words = ["sh", "-c", script].map(String::from).to_vec();
        let environment = BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]);
        run(&CommandLine {
            words,
            environment,
            limit,
        })
        .unwrap()
    }

    #[test]
    fn output_status_and_environment_are_kept() {
        let ended = shell("echo $GREETING; echo error >&2; exit 3", None);
        assert_eq!((ended.code, ended.succeeded()), (Some(3), false));
        assert_eq!(String::from_utf8_lossy(&ended.output), "hello\nerror\n");
        assert_eq!(ended.description(), "exited with status 3");
    }

    #[test]
    fn the_last_output_is_kept() {
        let ended = shell("yes 0123456789 | head -n 100000; echo end", None);
        assert_eq!(ended.output.len(), KEPT_OUTPUT);
        assert!(ended.output.ends_with(b"end\n") && ended.succeeded());
    }

    #[test]
    fn the_limit_ends_the_whole_group() {
        let ended = shell("sleep 60 & sleep 60", Some(Duration::from_millis(200)));
        assert!(ended.timed_out && !ended.succeeded());
        assert!(ended.duration < Duration::from_secs(10));
    }

    #[test]
    fn what_stays_in_the_background_does_not_hold_up() {
        let ended = shell("sleep 5 & echo done", None);
        assert!(ended.duration < Duration::from_secs(4) && ended.succeeded());
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let line = CommandLine {
            words: vec!["/nonexistent/x".into()],
            environment: BTreeMap::new(),
            limit: None,
        };
        assert!(
            run(&line)
                .unwrap_err()
                .to_string()
                .contains("starting /nonexistent/x")
        );
    }
}
