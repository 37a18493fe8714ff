//! One file by HTTP, by busybox's wget, tried again with growing pauses.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use system::command::{self, CommandLine};
use system::console;

/// The pauses between tries.
pub(super) const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
];
/// Seconds in which at least something must come.
const SILENCE: &str = "30";
/// How often it is told how far it is.
const NEWS: Duration = Duration::from_secs(5);

/// Fetches into a file, by this busybox.
///
/// # Errors
/// What the last try met. What will not change (a status such as 404) is not tried again.
pub(super) fn get(busybox: &str, url: &str, target: &Path, pauses: &[Duration]) -> Result<()> {
    let mut pauses = pauses.iter();
    loop {
        let Err(failure) = once(busybox, url, target) else {
            return Ok(());
        };
        let _ = fs::remove_file(target);
        match pauses.next() {
            Some(pause) if may_pass(&failure) => {
                console::line(&format!("  {failure}; again in {} s", pause.as_secs()));
                thread::sleep(*pause);
            }
            _ => bail!("{failure}"),
        }
    }
}

fn once(busybox: &str, url: &str, target: &Path) -> Result<(), String> {
    let path = target.display().to_string();
    let words = [busybox, "wget", "-q", "-T", SILENCE, "-O", &path, url];
    let line = CommandLine {
        words: words.map(str::to_owned).to_vec(),
        environment: Default::default(),
        limit: None,
    };
    let ended = telling(target, || command::run(&line)).map_err(|error| format!("{error:#}"))?;
    if ended.succeeded() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.output);
    Err(reason(&said).unwrap_or_else(|| format!("wget {}", ended.description())))
}

/// Does something, and tells every few seconds how large the file is.
fn telling<T>(target: &Path, action: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let (done, wait) = mpsc::channel::<()>();
        scope.spawn(move || {
            while wait.recv_timeout(NEWS) == Err(RecvTimeoutError::Timeout) {
                let size = fs::metadata(target).map_or(0, |facts| facts.len());
                console::line(&format!("  {} MB so far", size / 1_000_000));
            }
        });
        let result = action();
        drop(done);
        result
    })
}

/// The last line that wget wrote which is about the failure.
fn reason(said: &str) -> Option<String> {
    let lines = said
        .lines()
        .map(|line| line.trim().trim_start_matches("wget: "));
    let mut telling = lines.filter(|line| !line.is_empty() && !line.starts_with("note:"));
    telling.next_back().map(str::to_owned)
}

/// Whether another try may do better: not where the server says that the request itself is wrong (408 and 429 ask for another),
/// nor where there is no room.
fn may_pass(failure: &str) -> bool {
    let status = failure
        .split_once("HTTP/")
        .and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u16>().ok());
    let is_final = matches!(status, Some(400..=407 | 409..=428 | 430..=499));
    !is_final && !failure.contains("No space left")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::path::PathBuf;

    use super::*;

    /// A server on the loopback interface that gives these answers, one after the other, and then ends.
    fn serve(answers: &'static [&'static str]) -> (String, thread::JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut given = 0;
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 2048];
                let _ = stream.read(&mut request);
                stream.write_all(answer.as_bytes()).unwrap();
                given += 1;
            }
            given
        });
        (format!("http://{address}/file"), server)
    }

    fn fetch(busybox: &Path, url: &str) -> Result<String> {
        let directory = tempfile::tempdir()?;
        let target = directory.path().join("file");
        let busybox = busybox.to_str().expect("a plain path");
        get(busybox, url, &target, &[Duration::from_millis(10); 2])?;
        Ok(fs::read_to_string(target)?)
    }

    /// The busybox of the image, where one was built here, else this system's, where its wget works (that of Debian 12 crashes).
    fn busybox() -> Option<PathBuf> {
        let cache = std::env::var("HOME").map(|home| Path::new(&home).join(".cache/k3os/build"));
        let steps = fs::read_dir(cache.unwrap_or_default())
            .into_iter()
            .flatten();
        let built = steps.flatten().map(|step| step.path().join("busybox"));
        let found = built
            .chain([PathBuf::from("/bin/busybox")])
            .find(|it| works(it));
        if found.is_none() {
            eprintln!(
                "SKIPPED: there is no busybox whose wget works; `make artifacts` fetches one"
            );
        }
        found
    }

    /// Whether it ends by itself where nobody answers.
    fn works(busybox: &Path) -> bool {
        let mut wget = std::process::Command::new(busybox);
        wget.args([
            "wget",
            "-q",
            "-T",
            "1",
            "-O",
            "/dev/null",
            "http://127.0.0.1:1/",
        ]);
        wget.output()
            .is_ok_and(|output| output.status.code() == Some(1))
    }

    const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    const GONE: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal";
    const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole";

    #[test]
    fn a_server_that_is_busy_and_an_answer_that_is_cut_are_tried_again() {
        let Some(busybox) = busybox() else { return };
        let (url, server) = serve(&[BUSY, CUT, WHOLE]);
        assert_eq!(fetch(&busybox, &url).unwrap(), "whole");
        assert_eq!(server.join().unwrap(), 3);
    }

    #[test]
    fn what_is_not_there_is_told_with_its_status_and_asked_for_once() {
        let Some(busybox) = busybox() else { return };
        let (url, server) = serve(&[GONE]);
        let error = fetch(&busybox, &url).unwrap_err().to_string();
        assert!(error.contains("404 Not Found"), "{error}");
        assert_eq!(server.join().unwrap(), 1);
    }

    #[test]
    fn nobody_there_is_told() {
        let Some(busybox) = busybox() else { return };
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = fetch(&busybox, &format!("http://{free}/x"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("refused"), "{error}");
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert!(may_pass("server returned error: HTTP/1.1 503 Busy"));
        assert!(may_pass("server returned error: HTTP/1.0 429 Slow"));
        assert!(may_pass("bad address 'x'"));
        assert!(!may_pass("server returned error: HTTP/1.1 403 Forbidden"));
        assert!(!may_pass("write error: No space left on device"));
    }
}
