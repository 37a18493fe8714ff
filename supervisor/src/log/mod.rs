//! The output of services: bounded files with time stamps, and the last lines in memory.

pub mod lines;
pub mod reader;
pub mod stamp;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use lines::Lines;

/// How large a log file grows before it becomes `.1`, in bytes.
pub const MOST_BYTES: u64 = 1 << 20;

/// How many lines are kept in memory for `status` and for when the disk takes none.
pub const LAST_LINES: usize = 20;

/// One unit's log.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    most_bytes: u64,
    file: Option<File>,
    size: u64,
    lines: Lines,
    last: VecDeque<String>,
    lost: u64,
    error: Option<String>,
}

impl Log {
    /// A log of `unit` in `directory`. Nothing is opened before the first line.
    pub fn new(directory: &Path, unit: &str) -> Self {
        Self {
            path: path(directory, unit),
            most_bytes: MOST_BYTES,
            file: None,
            size: 0,
            lines: Lines::default(),
            last: VecDeque::new(),
            lost: 0,
            error: None,
        }
    }

    /// Takes what a service wrote. Returns what is wrong when lines begin to be lost.
    pub fn feed(&mut self, bytes: &[u8], stamp: &str) -> Option<String> {
        let lines = self.lines.push(bytes);
        self.record(lines, stamp)
    }

    /// Ends a line that the service did not end.
    pub fn flush(&mut self, stamp: &str) -> Option<String> {
        let rest: Vec<_> = self.lines.flush().into_iter().collect();
        self.record(rest, stamp)
    }

    /// Adds a line of the supervisor's own.
    pub fn say(&mut self, text: &str, stamp: &str) -> Option<String> {
        let mut lines: Vec<_> = self.lines.flush().into_iter().collect();
        lines.push(format!("[k3os] {text}"));
        self.record(lines, stamp)
    }

    /// The last lines, time stamps included.
    pub fn last_lines(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }

    /// Why lines are not written to the file, while they are not.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    fn record(&mut self, lines: Vec<String>, stamp: &str) -> Option<String> {
        let count = lines.len() as u64;
        if count == 0 {
            return None;
        }
        let mut text = match self.lost {
            0 => String::new(),
            lost => format!("{stamp} [k3os] {lost} lines before this could not be written\n"),
        };
        for line in lines {
            let stamped = format!("{stamp} {line}");
            text.push_str(&stamped);
            text.push('\n');
            if self.last.len() >= LAST_LINES {
                self.last.pop_front();
            }
            self.last.push_back(stamped);
        }
        match self.write(text.as_bytes()) {
            Ok(()) => {
                (self.lost, self.error) = (0, None);
                None
            }
            Err(error) => self.keep_error(count, &error),
        }
    }

    /// Tells an error once; the lines stay in memory and the next ones try again.
    fn keep_error(&mut self, count: u64, error: &io::Error) -> Option<String> {
        self.lost += count;
        self.file = None;
        let path = self.path.display();
        let text = format!(
            "writing {path}: {error}; only the last {LAST_LINES} lines are kept, in memory"
        );
        let is_new = self.error.is_none();
        self.error = Some(text.clone());
        is_new.then_some(text)
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if self.file.is_some() && self.size > 0 && self.size + text.len() as u64 > self.most_bytes {
            self.file = None;
            fs::rename(&self.path, rotated(&self.path))?;
        }
        if self.file.is_none() {
            self.open()?;
        }
        if let Some(file) = &mut self.file {
            if let Err(error) = file.write_all(text) {
                // A full disk may have taken the beginning: no half line is left before the next one. Who empties the
                // file by hand has made it shorter, and shorter it stays.
                if file.metadata().is_ok_and(|meta| meta.len() > self.size) {
                    let _ = file.set_len(self.size);
                }
                return Err(error);
            }
            self.size += text.len() as u64;
        }
        Ok(())
    }

    fn open(&mut self) -> io::Result<()> {
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .open(&self.path)?;
        self.size = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
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
    use super::*;

    #[test]
    fn lines_are_stamped_and_partial_ones_wait() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = Log::new(directory.path(), "a.service");
        assert_eq!(log.feed(b"one\ntw", "T1"), None);
        assert_eq!(log.feed(b"o\n", "T2"), None);
        assert_eq!(log.say("restarting", "T3"), None);
        let text = fs::read_to_string(directory.path().join("a.service.log")).unwrap();
        assert_eq!(text, "T1 one\nT2 two\nT3 [k3os] restarting\n");
        assert_eq!(log.last_lines().count(), 3);
    }

    #[test]
    fn a_full_log_is_rotated_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = Log {
            most_bytes: 100,
            ..Log::new(directory.path(), "a")
        };
        for number in 0..100 {
            log.feed(format!("line {number}\n").as_bytes(), "T");
        }
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
        let mut log = Log::new(&blocked, "a");
        let told = log.feed(b"one\n", "T").unwrap();
        assert!(told.contains("only the last 20 lines are kept"), "{told}");
        assert_eq!(log.feed(b"two\n", "T"), None);
        assert_eq!(log.last_lines().collect::<Vec<_>>(), ["T one", "T two"]);
        fs::remove_file(&blocked).unwrap();
        assert_eq!(log.feed(b"three\n", "T"), None);
        assert_eq!(log.error(), None);
        let text = fs::read_to_string(path(&blocked, "a")).unwrap();
        assert_eq!(
            text,
            "T [k3os] 2 lines before this could not be written\nT three\n"
        );
    }

    #[test]
    fn a_full_device_is_an_error_that_keeps_lines() {
        let mut log = Log::new(Path::new("/dev"), "a");
        log.path = "/dev/full".into();
        assert!(log.feed(b"x\n", "T").unwrap().contains("No space left"));
        assert_eq!(log.last_lines().collect::<Vec<_>>(), ["T x"]);
    }
}
