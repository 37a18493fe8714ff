//! Reading logs: the last lines, and new ones as they come.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::rotated;

/// How often a followed log is looked at.
const INTERVAL: Duration = Duration::from_millis(200);

/// The last `count` lines of a log, over its rotation; all where `count` is `None`.
pub fn last_lines(path: &Path, count: Option<usize>) -> io::Result<Vec<String>> {
    let current = fs::read(path)?;
    let mut text = fs::read(rotated(path)).unwrap_or_default();
    text.extend(current);
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let skipped = count.map_or(0, |count| lines.len().saturating_sub(count));
    Ok(lines.into_iter().skip(skipped).collect())
}

/// Follows a log from its present end: what was appended since the last call.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    file: Option<File>,
    inode: u64,
}

impl Follower {
    /// Starts at the end of the log; one that does not exist yet is waited for.
    pub fn at_end(path: &Path) -> io::Result<Self> {
        let mut follower = Self {
            path: path.to_owned(),
            file: None,
            inode: 0,
        };
        if follower.open()
            && let Some(file) = &mut follower.file
        {
            file.seek(SeekFrom::End(0))?;
        }
        Ok(follower)
    }

    fn open(&mut self) -> bool {
        self.file = File::open(&self.path).ok();
        let meta = self.file.as_ref().and_then(|file| file.metadata().ok());
        self.inode = meta.map_or(0, |meta| meta.ino());
        self.file.is_some()
    }

    /// What came since the last call; goes over to the new file after a rotation.
    pub fn take(&mut self) -> io::Result<Vec<u8>> {
        let mut new = Vec::new();
        if let Some(file) = &mut self.file {
            file.read_to_end(&mut new)?;
        }
        let inode = fs::metadata(&self.path).map_or(self.inode, |meta| meta.ino());
        if (self.file.is_none() || inode != self.inode) && self.open() {
            let mut rest = self.take_open()?;
            new.append(&mut rest);
        }
        Ok(new)
    }

    fn take_open(&mut self) -> io::Result<Vec<u8>> {
        let mut new = Vec::new();
        if let Some(file) = &mut self.file {
            file.read_to_end(&mut new)?;
        }
        Ok(new)
    }

    /// Writes what comes to `out` until it is closed.
    pub fn follow(&mut self, out: &mut dyn Write) -> io::Result<()> {
        loop {
            let new = self.take()?;
            if !new.is_empty() {
                out.write_all(&new)?;
                out.flush()?;
            }
            std::thread::sleep(INTERVAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_over_a_rotation() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        fs::write(&path, "three\nfour\n").unwrap();
        fs::write(rotated(&path), "one\ntwo\n").unwrap();
        assert_eq!(
            last_lines(&path, Some(3)).unwrap(),
            ["two", "three", "four"]
        );
        assert_eq!(last_lines(&path, None).unwrap().len(), 4);
        assert!(last_lines(&directory.path().join("b.log"), None).is_err());
    }

    #[test]
    fn a_follower_goes_over_to_the_new_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut follower = Follower::at_end(&path).unwrap();
        assert_eq!(follower.take().unwrap(), b"");
        fs::write(&path, "one\n").unwrap();
        assert_eq!(follower.take().unwrap(), b"one\n");
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"two\n").unwrap();
        fs::rename(&path, rotated(&path)).unwrap();
        fs::write(&path, "three\n").unwrap();
        assert_eq!(follower.take().unwrap(), b"two\nthree\n");
        assert_eq!(follower.take().unwrap(), b"");
    }
}
