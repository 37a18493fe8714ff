//! The output of services: bounded files with time stamps, and the last lines in memory.

pub mod lines;
pub mod reader;
pub mod stamp;
pub mod writer;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use lines::Lines;
use writer::{SharedState, Writer, lock};

/// How large a log file grows before it becomes `.1`, in bytes.
pub const MOST_BYTES: u64 = 1 << 20;

/// How many lines are kept in memory for `status` and for when the disk takes none.
pub const LAST_LINES: usize = 20;

/// One unit's log.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    most_bytes: u64,
    lines: Lines,
    last: VecDeque<String>,
    /// Lines that found no room to wait for the disk, since the last that did.
    lost: u64,
    state: SharedState,
    writer: Writer,
}

impl Log {
    /// A log of `unit` in `directory`. Nothing is opened before the first line, and that by `writer`.
    pub fn new(directory: &Path, unit: &str, writer: Writer) -> Self {
        Self {
            path: path(directory, unit),
            most_bytes: MOST_BYTES,
            lines: Lines::default(),
            last: VecDeque::new(),
            lost: 0,
            state: SharedState::default(),
            writer,
        }
    }

    /// Takes what a service wrote.
    pub fn feed(&mut self, bytes: &[u8], stamp: &str) {
        let lines = self.lines.push(bytes);
        self.record(lines, stamp);
    }

    /// Ends a line that the service did not end.
    pub fn flush(&mut self, stamp: &str) {
        let rest: Vec<_> = self.lines.flush().into_iter().collect();
        self.record(rest, stamp);
    }

    /// Adds a line of the supervisor's own.
    pub fn say(&mut self, text: &str, stamp: &str) {
        let mut lines: Vec<_> = self.lines.flush().into_iter().collect();
        lines.push(format!("[k3os] {text}"));
        self.record(lines, stamp);
    }

    /// The last lines, time stamps included.
    pub fn last_lines(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }

    /// Why lines are not written to the file, while they are not.
    pub fn error(&self) -> Option<String> {
        lock(&self.state).error.clone()
    }

    /// Keeps the last lines and hands all of them to the writer, which tells what is wrong.
    fn record(&mut self, lines: Vec<String>, stamp: &str) {
        let count = lines.len() as u64;
        if count == 0 {
            return;
        }
        let mut text = String::new();
        for line in lines {
            let stamped = format!("{stamp} {line}");
            text.push_str(&stamped);
            text.push('\n');
            if self.last.len() >= LAST_LINES {
                self.last.pop_front();
            }
            self.last.push_back(stamped);
        }
        let is_taken = self.writer.write(writer::Lines {
            path: self.path.clone(),
            most_bytes: self.most_bytes,
            text,
            count,
            lost: self.lost,
            stamp: stamp.to_owned(),
            state: SharedState::clone(&self.state),
        });
        self.lost = if is_taken { 0 } else { self.lost + count };
    }
}

/// The log file of a unit.
pub fn path(directory: &Path, unit: &str) -> PathBuf {
    directory.join(format!("{unit}.log"))
}

/// The file that a log was before its last rotation.
pub fn rotated(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use super::*;

    /// A log, and what makes sure that its lines are written.
    fn log(directory: &Path, unit: &str) -> (Log, impl Fn() -> Vec<String> + use<>) {
        let writer = Writer::start();
        let log = Log::new(directory, unit, writer.clone());
        let written = move || {
            assert!(writer.finish(Duration::from_secs(10)));
            writer.take_news()
        };
        (log, written)
    }

    #[test]
    fn lines_are_stamped_and_partial_ones_wait() {
        let directory = tempfile::tempdir().unwrap();
        let (mut log, written) = log(directory.path(), "a.service");
        log.feed(b"one\ntw", "T1");
        log.feed(b"o\n", "T2");
        log.say("restarting", "T3");
        assert_eq!(written(), Vec::<String>::new());
        let text = fs::read_to_string(directory.path().join("a.service.log")).unwrap();
        assert_eq!(text, "T1 one\nT2 two\nT3 [k3os] restarting\n");
        assert_eq!(log.last_lines().count(), 3);
    }

    #[test]
    fn a_full_log_is_rotated_once() {
        let directory = tempfile::tempdir().unwrap();
        let (mut log, written) = log(directory.path(), "a");
        log.most_bytes = 100;
        for number in 0..100 {
            log.feed(format!("line {number}\n").as_bytes(), "T");
        }
        written();
        let path = path(directory.path(), "a");
        assert!(fs::metadata(&path).unwrap().len() <= 100);
        assert!(fs::metadata(rotated(&path)).unwrap().len() <= 100);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
        assert!(fs::read_to_string(&path).unwrap().ends_with("T line 99\n"));
        assert_eq!(log.last_lines().count(), LAST_LINES);
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told_once_and_recovered_from() {
        let directory = tempfile::tempdir().unwrap();
        let blocked = directory.path().join("logs");
        fs::write(&blocked, "not a directory").unwrap();
        let (mut log, written) = log(&blocked, "a");
        log.feed(b"one\n", "T");
        let told = written().remove(0);
        assert!(told.contains("only the last 20 lines are kept"), "{told}");
        log.feed(b"two\n", "T");
        assert_eq!(written(), Vec::<String>::new());
        assert_eq!(log.error(), Some(told));
        assert_eq!(log.last_lines().collect::<Vec<_>>(), ["T one", "T two"]);
        fs::remove_file(&blocked).unwrap();
        log.feed(b"three\n", "T");
        assert_eq!(written(), Vec::<String>::new());
        assert_eq!(log.error(), None);
        let text = fs::read_to_string(path(&blocked, "a")).unwrap();
        assert_eq!(
            text,
            "T [k3os] 2 lines before this could not be written\nT three\n"
        );
    }

    #[test]
    fn a_full_device_is_an_error_that_keeps_lines() {
        let (mut log, written) = log(Path::new("/dev"), "a");
        log.path = "/dev/full".into();
        log.feed(b"x\n", "T");
        assert!(written().remove(0).contains("No space left"));
        assert_eq!(log.last_lines().collect::<Vec<_>>(), ["T x"]);
    }

    /// A FIFO that nobody reads stands still as a frozen disk does, already when it is opened.
    #[test]
    fn a_disk_that_stands_still_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let (mut log, written) = log(directory.path(), "a");
        log.most_bytes = u64::MAX;
        let path = path(directory.path(), "a");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let line = [vec![b'x'; 4095], vec![b'\n']].concat();
        let start = Instant::now();
        let more_than_waits = writer::MOST_WAITING / line.len() + 10;
        for _ in 0..more_than_waits {
            log.feed(&line, "T");
        }
        assert!(start.elapsed() < Duration::from_secs(5));
        assert!(!log.writer.finish(Duration::from_millis(100)));
        let told = log.writer.take_news();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("the disk does not answer"), "{told:?}");
        assert_eq!(log.last_lines().count(), LAST_LINES);
        // It answers again: everything that waited is written, what came too late is counted.
        let reader = std::thread::spawn(move || fs::read_to_string(path));
        written();
        log.say("after", "T");
        written();
        drop((log, written));
        let text = reader.join().unwrap().unwrap();
        assert!(text.ends_with("lines before this could not be written\nT [k3os] after\n"));
    }
}
