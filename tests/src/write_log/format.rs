//! The log's format, that of Linux' dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst): a super block, then
//! for each request a header and its data, each filling whole sectors of [`SECTOR`] bytes. Numbers are little-endian.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Bytes of a sector, in the log and on the disk.
pub const SECTOR: u64 = 512;
const MAGIC: u64 = 0x006a_7366_7773_6872;
const VERSION: u64 = 1;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;

/// What a request did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Wrote data, which may be in the cache alone.
    Write,
    /// Wrote data that was on the disk when it was acknowledged.
    WriteThrough,
    /// Brought to the disk all that was acknowledged before.
    Flush,
    /// Gave sectors back: their content is anything from now on.
    Discard,
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it did.
    pub kind: Kind,
    /// Where on the disk, bytes.
    pub at: u64,
    /// How much, bytes.
    pub length: u64,
    /// Where its data is in the log, bytes.
    pub data: u64,
    /// Where it ends in the log, bytes: the log's length when it was written.
    pub end: u64,
}

/// A complete log.
#[derive(Clone, Debug)]
pub struct WriteLog {
    /// The file.
    pub path: PathBuf,
    /// All requests, in order.
    pub entries: Vec<Entry>,
}

impl WriteLog {
    /// Reads the log's headers.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
        let entries = entries(&file).with_context(|| format!("reading {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            entries,
        })
    }
}

fn entries(file: &File) -> Result<Vec<Entry>> {
    let end = file.metadata()?.len();
    let head = header(file, 0)?;
    ensure!(head[0] == MAGIC && head[1] == VERSION, "not a write log");
    ensure!(
        head[3] & 0xffff_ffff == SECTOR,
        "its sectors have another size"
    );
    let mut entries = Vec::new();
    let mut place = SECTOR;
    while place + SECTOR <= end {
        let [sector, sectors, flags, _] = header(file, place)?;
        let entry = entry(sector, sectors, flags, place);
        if entry.end > end {
            break;
        }
        place = entry.end;
        entries.push(entry);
    }
    Ok(entries)
}

fn header(file: &File, at: u64) -> Result<[u64; 4]> {
    let mut bytes = [0; 32];
    file.read_exact_at(&mut bytes, at)?;
    let mut numbers = [0; 4];
    for (number, bytes) in numbers.iter_mut().zip(bytes.chunks_exact(8)) {
        *number = u64::from_le_bytes(bytes.try_into()?);
    }
    Ok(numbers)
}

fn entry(sector: u64, sectors: u64, flags: u64, place: u64) -> Entry {
    let kind = match flags {
        flags if flags & DISCARD != 0 => Kind::Discard,
        flags if flags & FLUSH != 0 && sectors == 0 => Kind::Flush,
        flags if flags & FUA != 0 => Kind::WriteThrough,
        _ => Kind::Write,
    };
    let (data, length) = (place + SECTOR, sectors * SECTOR);
    let kept = if kind == Kind::Discard { 0 } else { length };
    Entry {
        kind,
        at: sector * SECTOR,
        length,
        data,
        end: data + kept,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    fn sector(numbers: [u64; 4]) -> Vec<u8> {
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        bytes.resize(SECTOR as usize, 0);
        bytes
    }

    /// A log of one-sector writes of a byte (`Some`) at a sector, and of flushes (`None`).
    pub fn log(path: &Path, requests: &[Option<(u64, u8)>]) -> WriteLog {
        let mut bytes = sector([MAGIC, VERSION, requests.len() as u64, SECTOR]);
        for request in requests {
            match request {
                Some((at, byte)) => {
                    bytes.extend(sector([*at, 1, 0, 0]));
                    bytes.extend([*byte; SECTOR as usize]);
                }
                None => bytes.extend(sector([0, 0, FLUSH, 0])),
            }
        }
        std::fs::write(path, bytes).unwrap();
        WriteLog::read(path).unwrap()
    }

    #[test]
    fn requests_are_read_in_order_with_the_places_of_their_data() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(&dir.path().join("log"), &[Some((3, 7)), None, Some((4, 8))]);
        let kinds: Vec<Kind> = log.entries.iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, [Kind::Write, Kind::Flush, Kind::Write]);
        assert_eq!((log.entries[0].at, log.entries[0].data), (1536, 1024));
        assert_eq!((log.entries[1].length, log.entries[1].end), (0, 2048));
    }

    #[test]
    fn a_request_that_the_log_has_not_wholly_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let whole = log(&path, &[Some((3, 7)), Some((4, 8))]);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(whole.entries[1].end - 1).unwrap();
        assert_eq!(WriteLog::read(&path).unwrap().entries.len(), 1);
    }

    #[test]
    fn a_discard_has_no_data_and_fua_is_written_through() {
        assert_eq!(entry(8, 8, DISCARD, 512).end, 1024);
        assert_eq!(entry(8, 1, FUA, 512).kind, Kind::WriteThrough);
        assert_eq!(entry(8, 1, FUA | FLUSH, 512).kind, Kind::WriteThrough);
    }

    #[test]
    fn another_file_is_no_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, [0; 1024]).unwrap();
        assert!(WriteLog::read(&path).is_err());
    }
}
