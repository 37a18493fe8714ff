//! Running the build's tools: output is kept for the error message, and a long run shows its last line now and then.

use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::progress::Progress;

/// A run that takes longer than this says every so often that it lives.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Lines of output that an error message repeats.
const TAIL: usize = 25;

/// Runs a command to its end and gives its standard output. Its failure is an error with the end of what it printed.
pub fn run(progress: &Progress, step: &str, command: &mut Command) -> Result<Vec<u8>> {
    command.stdin(Stdio::null());
    finish(progress, step, command, |_| Ok(()))
}

/// The same, while `feed` writes the command's standard input.
pub fn run_with_input(
    progress: &Progress,
    step: &str,
    command: &mut Command,
    feed: impl FnOnce(ChildStdin) -> Result<()> + Send,
) -> Result<Vec<u8>> {
    command.stdin(Stdio::piped());
    finish(progress, step, command, |stdin| stdin.map_or(Ok(()), feed))
}

fn finish(
    progress: &Progress,
    step: &str,
    command: &mut Command,
    feed: impl FnOnce(Option<ChildStdin>) -> Result<()> + Send,
) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let short = name.rsplit('/').next().unwrap_or(&name).to_owned();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (sender, lines) = channel();
    let (fed, output, tail) = std::thread::scope(|scope| {
        let fed = scope.spawn(move || feed(stdin));
        let output = scope.spawn(move || stdout.map(read_all).unwrap_or_default());
        scope.spawn(move || stderr.map(|pipe| forward_lines(pipe, &sender)));
        let tail = follow(progress, step, &short, &lines);
        (fed.join(), output.join().unwrap_or_default(), tail)
    });
    let status = child
        .wait()
        .with_context(|| format!("waiting for {name}"))?;
    if !status.success() {
        let printed = if tail.is_empty() {
            String::from_utf8_lossy(&output).into_owned()
        } else {
            tail.join("\n")
        };
        bail!(
            "running {short} ended with {status}:\n{}",
            printed.trim_end()
        );
    }
    match fed {
        Ok(result) => result.with_context(|| format!("writing to {short}"))?,
        Err(_) => bail!("writing to {short}: the writer panicked"),
    }
    Ok(output)
}

/// The first line that `tool --version` prints, as a part of cache keys.
pub fn version(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("starting {name}: `make setup` installs what the build needs"))?;
    let text = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    Ok(String::from_utf8_lossy(&text)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned())
}

/// Splits at newlines and carriage returns: progress bars use the latter.
fn forward_lines(pipe: impl Read, sender: &Sender<String>) {
    for part in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
        let text = String::from_utf8_lossy(&part);
        let line = text
            .trim_end_matches('\r')
            .rsplit('\r')
            .next()
            .unwrap_or_default();
        if !line.trim().is_empty() && sender.send(line.to_owned()).is_err() {
            return;
        }
    }
}

fn read_all(mut pipe: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A broken pipe ends the output; the exit status tells what happened.
    let _read = pipe.read_to_end(&mut bytes);
    bytes
}

/// Until the pipe closes: keeps the last lines, and shows the newest when nothing was said for a while.
fn follow(progress: &Progress, step: &str, tool: &str, lines: &Receiver<String>) -> Vec<String> {
    let mut tail: Vec<String> = Vec::new();
    let mut said = Instant::now();
    loop {
        match lines.recv_timeout(HEARTBEAT) {
            Ok(line) => {
                if tail.len() == TAIL {
                    tail.remove(0);
                }
                tail.push(line);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return tail,
        }
        if said.elapsed() >= HEARTBEAT {
            let last = tail
                .last()
                .map(|line| line.chars().take(100).collect::<String>())
                .unwrap_or_default();
            progress.say(step, &format!("{tool} is still running: {last}"));
            said = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_returned_and_a_failure_tells_what_was_printed() {
        let progress = Progress::quiet();
        assert_eq!(
            run(
                &progress,
                "t",
                Command::new("sh").args(["-c", "echo out; echo err >&2"])
            )
            .unwrap(),
            b"out\n"
        );
        let error = run(
            &progress,
            "t",
            Command::new("sh").args(["-c", "echo why >&2; exit 3"]),
        )
        .unwrap_err();
        assert!(
            error.to_string().contains("why") && error.to_string().contains('3'),
            "{error}"
        );
    }

    #[test]
    fn only_the_end_of_a_progress_bar_is_kept() {
        let (sender, lines) = channel();
        forward_lines(&b"10%\r20%\r99%\ndone\r\n\n"[..], &sender);
        drop(sender);
        assert_eq!(lines.iter().collect::<Vec<_>>(), ["99%", "done"]);
    }
}
