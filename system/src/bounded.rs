//! Asking a file system for what may not be there, for PID 1: a disk that stands still or an NFS server that is gone lets
//! every system call on it wait for ever, and a path that a user named may be a FIFO or a device.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// How long an answer is waited for.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// With so many questions that were never answered, no more are asked: each holds a thread.
const MOST_OPEN: usize = 8;

static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Runs `ask` in a thread of its own and waits at most [`PATIENCE`] for its answer.
///
/// # Errors
/// Those of `ask`; [`ErrorKind::TimedOut`] when it does not answer in time, and at once while many others have not: `ask`
/// then goes on, and its answer is lost.
pub fn within<T: Send + 'static>(
    ask: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let late = || io::Error::new(ErrorKind::TimedOut, "the file system does not answer");
    if OPEN.fetch_add(1, Ordering::SeqCst) >= MOST_OPEN {
        OPEN.fetch_sub(1, Ordering::SeqCst);
        return Err(late());
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("asking".to_owned());
    let spawned = thread.spawn(move || {
        let answer = ask();
        OPEN.fetch_sub(1, Ordering::SeqCst);
        // Nobody listens any more where it came too late.
        let _ = sender.send(answer);
    });
    if let Err(error) = spawned {
        OPEN.fetch_sub(1, Ordering::SeqCst);
        return Err(error);
    }
    receiver
        .recv_timeout(PATIENCE)
        .unwrap_or_else(|_| Err(late()))
}

/// Reads a text file of at most `most` bytes. A FIFO, a device or a socket is an error: reading it may never end.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let file = OpenOptions::new()
        .read(true)
        // A FIFO that nobody writes would hold up the opening already.
        .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY)
        .open(path)?;
    if !file.metadata()?.is_file() {
        let message = "not a regular file";
        return Err(io::Error::new(ErrorKind::InvalidInput, message));
    }
    let mut text = String::new();
    file.take(most.saturating_add(1))
        .read_to_string(&mut text)?;
    if text.len() as u64 > most {
        let message = format!("larger than {most} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read_text(&file, 5).unwrap(), "12345");
        assert_eq!(
            read_text(&file, 4).unwrap_err().to_string(),
            "larger than 4 bytes"
        );
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [fifo.as_path(), Path::new("/dev/zero"), directory.path()] {
            let error = read_text(path, 5).unwrap_err();
            assert_eq!(error.to_string(), "not a regular file", "{path:?}");
        }
    }

    #[test]
    fn questions_without_an_answer_are_given_up_and_counted() {
        assert_eq!(within(|| Ok(1)).unwrap(), 1);
        let (hold, held) = mpsc::channel::<()>();
        let held = std::sync::Arc::new(std::sync::Mutex::new(held));
        let start = Instant::now();
        let mut asked = 0;
        let kinds: Vec<_> = (0..MOST_OPEN + 3)
            .map(|_| {
                asked += 1;
                let held = held.clone();
                let answer = within(move || {
                    // Ends with the test.
                    let _ = held.lock().map(|held| held.recv());
                    Ok(())
                });
                answer.unwrap_err().kind()
            })
            .collect();
        assert!(kinds.iter().all(|kind| *kind == ErrorKind::TimedOut));
        // The last three were not waited for.
        let most = PATIENCE * u32::try_from(MOST_OPEN).unwrap();
        assert!(start.elapsed() < most + PATIENCE, "{:?}", start.elapsed());
        drop(hold);
        for _ in 0..500 {
            if within(|| Ok(())).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("no question is asked any more");
    }
}
