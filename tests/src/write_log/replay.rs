//! The disk as a cut left it, from the log.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::cut::{Cut, Piece};
use super::format::{Kind, WriteLog};
use crate::tool::{self, text};

/// A disk that goes through the log, from flush to flush.
#[derive(Debug)]
pub struct Replay<'a> {
    log: &'a WriteLog,
    data: File,
    disk: PathBuf,
    applied: usize,
}

impl<'a> Replay<'a> {
    /// Begins with `before`, the disk as it was when the log began, of which a copy is made at `disk`.
    pub fn new(log: &'a WriteLog, before: &Path, disk: &Path) -> Result<Self> {
        copy(before, disk)?;
        let data =
            File::open(&log.path).with_context(|| format!("reading {}", log.path.display()))?;
        Ok(Self {
            log,
            data,
            disk: disk.to_owned(),
            applied: 0,
        })
    }

    /// Makes at `target` what `cut` left; cuts must come in ascending order. Gives how many of the lost pieces would have changed
    /// the disk.
    pub fn cut(&mut self, cut: &Cut, target: &Path) -> Result<usize> {
        ensure!(self.applied <= cut.durable, "cuts must ascend");
        let disk = writable(&self.disk)?;
        for entry in &self.log.entries[self.applied..cut.durable] {
            // What was discarded may still be read: nobody may count on zeros.
            if matches!(entry.kind, Kind::Write | Kind::WriteThrough) {
                self.write(&disk, entry.at, entry.length, entry.data)?;
            }
        }
        self.applied = cut.durable;
        copy(&self.disk, target)?;
        let target = writable(target)?;
        for piece in &cut.kept {
            self.write(&target, piece.at, piece.length, piece.data)?;
        }
        let missing = cut.lost.iter().map(|piece| self.is_missing(&target, piece));
        missing.sum()
    }

    fn write(&self, disk: &File, at: u64, length: u64, data: u64) -> Result<()> {
        let bytes = read(&self.data, data, length).context("reading the write log")?;
        disk.write_all_at(&bytes, at).context("writing the disk")
    }

    fn is_missing(&self, disk: &File, piece: &Piece) -> Result<usize> {
        let wanted = read(&self.data, piece.data, piece.length)?;
        let found = read(disk, piece.at, piece.length)?;
        Ok(usize::from(wanted != found))
    }
}

/// Holes stay holes, so that a copy costs what is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let _ = fs::remove_file(to);
    tool::run("cp", ["--sparse=always", &text(from), &text(to)]).map(drop)
}

fn writable(path: &Path) -> Result<File> {
    let file = File::options().read(true).write(true).open(path);
    file.with_context(|| format!("opening {}", path.display()))
}

fn read(file: &File, at: u64, length: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length)?];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_log::format::tests::log;
    use crate::write_log::random::Random;

    #[test]
    fn a_disk_holds_what_was_flushed_and_what_the_cut_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (before, disk, target) = (
            dir.path().join("before"),
            dir.path().join("disk"),
            dir.path().join("target"),
        );
        fs::write(&before, [0; 4 * 512]).unwrap();
        let requests = [Some((0, 1)), None, Some((1, 2)), None, Some((0, 3))];
        let log = log(&dir.path().join("log"), &requests);
        let mut replay = Replay::new(&log, &before, &disk).unwrap();
        let mut seen = [false; 2];
        for seed in 0..32 {
            let cut = Cut::at(&log, log.entries[4].end, &mut Random::new(seed));
            let missing = replay.cut(&cut, &target).unwrap();
            let found = fs::read(&target).unwrap();
            assert_eq!(found[512], 2, "what was flushed");
            assert_eq!(found[0], if missing == 0 { 3 } else { 1 });
            seen[missing] = true;
        }
        assert_eq!(seen, [true; 2], "both kept and lost");
    }

    #[test]
    fn cuts_that_go_back_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let before = dir.path().join("before");
        fs::write(&before, [0; 4 * 512]).unwrap();
        let log = log(&dir.path().join("log"), &[Some((0, 1)), None]);
        let mut replay = Replay::new(&log, &before, &dir.path().join("disk")).unwrap();
        let mut cut = |at| {
            let cut = Cut::at(&log, at, &mut Random::new(0));
            replay.cut(&cut, &dir.path().join("target"))
        };
        assert!(cut(u64::MAX).is_ok());
        assert!(cut(0).is_err());
    }
}
