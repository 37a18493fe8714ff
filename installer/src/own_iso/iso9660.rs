//! Where a file lies on an ISO 9660 medium, read from the image itself (ECMA-119; names from Rock Ridge, IEEE P1282). Only what
//! finding needs: no crate tells where a file's bytes are, and a mount needs root.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

const SECTOR: u64 = 2048;
/// Volume descriptors begin here; the first of kind 1 is the one with the root.
const FIRST_DESCRIPTOR: u64 = 16;
const MOST_DESCRIPTORS: u64 = 16;
/// A directory larger than this is none of ours.
const MOST_DIRECTORY: u64 = 1 << 20;
/// Where the root's record and the volume's name are in the descriptor.
const ROOT_RECORD: usize = 156;
const VOLUME: std::ops::Range<usize> = 40..72;
/// Bits of a record's flags.
const DIRECTORY: u8 = 2;
const MORE_PARTS: u8 = 0x80;

/// A file or directory of the medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// First byte of its content in the image.
    pub(super) start: u64,
    /// Bytes.
    pub(super) size: u64,
    directory: bool,
    parted: bool,
}

/// An image that is read.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// Bytes of the file.
    pub(super) length: u64,
    pub(super) volume: String,
    root: Entry,
}

impl Image {
    /// Reads the volume descriptor.
    ///
    /// # Errors
    /// When the file cannot be read or is no ISO.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        let length = file.metadata().map_or(0, |facts| facts.len());
        let descriptor = descriptor(&file)
            .with_context(|| format!("{} is no ISO image; give a released one", path.display()))?;
        let root = descriptor.get(ROOT_RECORD..).and_then(record);
        let volume = descriptor.get(VOLUME).unwrap_or_default();
        Ok(Self {
            path: path.to_path_buf(),
            file,
            length,
            volume: String::from_utf8_lossy(volume).trim_end().to_owned(),
            root: root.with_context(|| format!("{} has no root directory", path.display()))?,
        })
    }

    /// What is at a path such as `k3os/system/config.yaml`.
    ///
    /// # Errors
    /// When it is not there, or a directory on the way cannot be read.
    pub(super) fn find(&self, path: &str) -> Result<Entry> {
        let mut entry = self.root.clone();
        for part in path.split('/') {
            let inside = self.list(&entry)?;
            entry = inside
                .into_iter()
                .find(|entry| entry.name == part)
                .with_context(|| format!("{} has no /{path}", self.path.display()))?;
        }
        Ok(entry)
    }

    /// What is in a directory.
    ///
    /// # Errors
    /// When it is no directory or cannot be read.
    pub(super) fn list(&self, directory: &Entry) -> Result<Vec<Entry>> {
        let name = || {
            format!(
                "reading the directory {:?} of {}",
                directory.name,
                self.path.display()
            )
        };
        ensure!(
            directory.directory && directory.size <= MOST_DIRECTORY,
            "{}: it is none",
            name()
        );
        let bytes = self.bytes(directory).with_context(name)?;
        let sectors = bytes.chunks(SECTOR as usize);
        let records = sectors.flat_map(records);
        // The first two are the directory itself and the one above it.
        let mut entries = Vec::new();
        for text in records.skip(2) {
            let continued = self.continued(text).with_context(name)?;
            entries.extend(record(text).map(|entry| entry.named(&continued)));
        }
        Ok(entries)
    }

    /// A file's content.
    ///
    /// # Errors
    /// When the image ends before the file does.
    pub(super) fn bytes(&self, entry: &Entry) -> Result<Vec<u8>> {
        self.whole(entry)?;
        let mut bytes = vec![0; usize::try_from(entry.size)?];
        self.file.read_exact_at(&mut bytes, entry.start)?;
        Ok(bytes)
    }

    /// Whether the image holds all of a file in one piece.
    pub(super) fn whole(&self, entry: &Entry) -> Result<()> {
        if entry.parted {
            bail!("{:?} lies in several pieces", entry.name);
        }
        let end = entry.start.saturating_add(entry.size);
        ensure!(
            end <= self.length,
            "{} is cut short: {:?} ends at byte {end}, the image has {}; download it again",
            self.path.display(),
            entry.name,
            self.length
        );
        Ok(())
    }

    /// The record's fields of Rock Ridge, with those that it goes on with elsewhere.
    fn continued(&self, text: &[u8]) -> Result<Vec<u8>> {
        let mut fields = system_use(text).to_vec();
        let elsewhere = field(&fields, *b"CE").and_then(|field| {
            let place = u64::from(number(field, 4)?) * SECTOR + u64::from(number(field, 12)?);
            Some((place, number(field, 20)?))
        });
        if let Some((place, length)) = elsewhere {
            let mut more = vec![0; usize::try_from(length)?.min(SECTOR as usize)];
            self.file.read_exact_at(&mut more, place)?;
            fields.extend(more);
        }
        Ok(fields)
    }
}

impl Entry {
    /// The name that Rock Ridge gives, where it does.
    fn named(self, fields: &[u8]) -> Self {
        let name = field(fields, *b"NM").and_then(|field| field.get(5..));
        match name {
            Some(name) => Self {
                name: String::from_utf8_lossy(name).into_owned(),
                ..self
            },
            None => self,
        }
    }
}

fn descriptor(file: &File) -> Result<Vec<u8>> {
    let mut sector = vec![0; SECTOR as usize];
    for number in FIRST_DESCRIPTOR..FIRST_DESCRIPTOR + MOST_DESCRIPTORS {
        file.read_exact_at(&mut sector, number * SECTOR)?;
        match (sector.get(1..6), sector.first()) {
            (Some(b"CD001"), Some(1)) => return Ok(sector),
            (Some(b"CD001"), Some(0 | 2..=254)) => {}
            _ => break,
        }
    }
    bail!("it has no volume descriptor")
}

/// The records of a sector; none reaches over its end.
fn records(sector: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut found) = (sector, Vec::new());
    while let Some(length) = rest.first().map(|length| usize::from(*length))
        && length > 0
        && length <= rest.len()
    {
        let (record, behind) = rest.split_at(length);
        found.push(record);
        rest = behind;
    }
    found
}

/// A directory record: extent at 2, size at 10, flags at 25, name from 32.
fn record(text: &[u8]) -> Option<Entry> {
    let flags = *text.get(25)?;
    let name = text.get(33..33 + usize::from(*text.get(32)?))?;
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    Some(Entry {
        name: name.split(';').next()?.trim_end_matches('.').to_owned(),
        start: u64::from(number(text, 2)?) * SECTOR,
        size: u64::from(number(text, 10)?),
        directory: flags & DIRECTORY != 0,
        parted: flags & MORE_PARTS != 0,
    })
}

/// What follows the name, from an even place on.
fn system_use(text: &[u8]) -> &[u8] {
    let name = text.get(32).map_or(0, |length| usize::from(*length));
    text.get((33 + name).next_multiple_of(2)..)
        .unwrap_or_default()
}

/// The field with these two letters: letters, length, version, content.
fn field(fields: &[u8], letters: [u8; 2]) -> Option<&[u8]> {
    let mut rest = fields;
    loop {
        let length = usize::from(*rest.get(2)?);
        let this = rest.get(..length).filter(|this| this.len() >= 4)?;
        if this.starts_with(&letters) {
            return Some(this);
        }
        rest = rest.get(length..)?;
    }
}

/// Four bytes, little end first (the big-endian copy behind them is not looked at).
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record_of(name: &str, rock_ridge: &[u8]) -> Vec<u8> {
        let mut text = vec![0; 33];
        text[2..6].copy_from_slice(&100_u32.to_le_bytes());
        text[10..14].copy_from_slice(&7_u32.to_le_bytes());
        text[32] = name.len() as u8;
        text.extend(name.bytes());
        text.resize(text.len().next_multiple_of(2), 0);
        text.extend(rock_ridge);
        text[0] = text.len() as u8;
        text
    }

    #[test]
    fn names_come_from_rock_ridge_and_else_from_iso_itself() {
        let text = record_of("CONFIG.YAM;1", b"PX\x04\x01NM\x10\x01\x00config.yaml");
        let plain = record(&text).unwrap();
        assert_eq!(
            (plain.name.as_str(), plain.start, plain.size),
            ("config.yam", 204_800, 7)
        );
        assert_eq!(plain.named(system_use(&text)).name, "config.yaml");
    }

    #[test]
    fn damaged_records_end_the_search_instead_of_the_program() {
        assert!(records(&[200, 1, 2]).is_empty());
        assert_eq!(field(b"NM\x00\x01", *b"NM"), None);
        assert_eq!(field(b"PX\x04\x01N", *b"NM"), None);
        assert_eq!(record(&[0; 20]), None);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.iso");
        std::fs::write(&path, vec![0; 100_000]).unwrap();
        let error = format!("{:#}", Image::open(&path).unwrap_err());
        assert!(error.contains("x.iso is no ISO image"), "{error}");
    }
}
