//! What a disk or partition holds, told from its first and last bytes, for people who are about to erase it.

mod members;
mod signs;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::block::text;
use crate::ext4::Superblock;
use signs::{SIGNS, Sign};

/// How much is read of each end: ZFS has two labels of 256 KiB at either, and all others lie within.
const END: usize = 1 << 20;

/// What a device holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// Its kind, as people call it; empty when it is not known or there is nothing.
    pub kind: &'static str,
    /// Its label; empty when it has none.
    pub label: String,
    /// Free bytes of an ext4 file system, by its superblock.
    pub free: Option<u64>,
    /// Whether it is a part of something larger, a RAID for instance, that other disks may belong to as well.
    pub member: bool,
}

/// Both ends of a device. They overlap where it is small.
#[derive(Debug, Clone, Default)]
pub struct Ends {
    /// The first bytes, at most 1 MiB.
    pub head: Vec<u8>,
    /// The last bytes, at most 1 MiB.
    pub tail: Vec<u8>,
    /// Bytes of the device.
    pub size: u64,
}

impl Ends {
    /// Reads them.
    ///
    /// # Errors
    /// When the device cannot be read.
    pub fn read(device: &Path) -> std::io::Result<Self> {
        let mut file = File::open(device)?;
        let size = file.seek(SeekFrom::End(0))?;
        let length = usize::try_from(size).unwrap_or(END).min(END);
        let mut ends = Self {
            head: vec![0; length],
            tail: vec![0; length],
            size,
        };
        file.seek(SeekFrom::Start(0))?;
        file.read_exact(&mut ends.head)?;
        file.read_exact_at(&mut ends.tail, size - length as u64)?;
        Ok(ends)
    }

    /// Bytes at a place counted from the device's beginning, in whichever end has them.
    fn at(&self, place: u64, length: usize) -> Option<&[u8]> {
        let slice = |bytes: &'_ Vec<u8>, from: u64| {
            let from = usize::try_from(from).ok()?;
            (from.checked_add(length)? <= bytes.len()).then_some(from)
        };
        if let Some(from) = slice(&self.head, place) {
            return self.head.get(from..from + length);
        }
        let from = place.checked_sub(self.size.checked_sub(self.tail.len() as u64)?)?;
        let from = slice(&self.tail, from)?;
        self.tail.get(from..from + length)
    }

    /// Whether these bytes are at a place.
    fn has(&self, place: u64, bytes: &[u8]) -> bool {
        self.at(place, bytes.len()) == Some(bytes)
    }
}

/// Reads what a device holds; nothing when it cannot be read.
pub fn read(device: &Path) -> Content {
    Ends::read(device).map_or_else(|_| Content::default(), |ends| identify(&ends))
}

/// Tells it from both ends. Members of something larger come first: half of a mirror looks like the file system that is on it.
pub fn identify(ends: &Ends) -> Content {
    if let Some(member) = members::identify(ends) {
        return member;
    }
    if let Some(superblock) = Superblock::in_head(&ends.head) {
        return Content {
            kind: "ext4",
            label: superblock.label(),
            free: superblock
                .block_size()
                .and_then(|size| superblock.free_blocks().checked_mul(size)),
            member: false,
        };
    }
    let fits = |sign: &&Sign| ends.has(sign.at, sign.bytes);
    SIGNS
        .iter()
        .find(fits)
        .map_or_else(Content::default, |sign| {
            let (start, length) = sign.label;
            Content {
                kind: sign.kind,
                label: text(ends.head.get(start..start + length).unwrap_or_default()),
                ..Content::default()
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ext4::superblock;

    fn head(marks: &[(usize, &[u8])]) -> Ends {
        let mut head = vec![0; END];
        for (at, bytes) in marks {
            head[*at..*at + bytes.len()].copy_from_slice(bytes);
        }
        ends(head)
    }

    fn ends(head: Vec<u8>) -> Ends {
        Ends {
            size: 1 << 33,
            head,
            tail: vec![0; END],
        }
    }

    #[test]
    fn kinds_and_labels_are_told() {
        let ext4 = identify(&ends(superblock::made_up(&[
            (0x78, b"K3OS_STATE"),
            (0x0c, &[100]),
            (0x08, &[10]),
            (0x18, &[2]),
        ])));
        assert_eq!((ext4.kind, ext4.label.as_str()), ("ext4", "K3OS_STATE"));
        assert_eq!(ext4.free, Some(90 * 4096));
        let fat = identify(&head(&[(0x52, b"FAT32   "), (0x47, b"EFI        ")]));
        assert_eq!((fat.kind, fat.label.as_str()), ("FAT", "EFI"));
        assert_eq!(identify(&head(&[(3, b"NTFS    ")])).kind, "NTFS");
    }

    #[test]
    fn nothing_and_nonsense_are_nothing() {
        assert_eq!(identify(&Ends::default()), Content::default());
        assert_eq!(identify(&head(&[])), Content::default());
        // A block size that cannot be.
        let odd = superblock::made_up(&[(0x18, &[255; 4])]);
        assert_eq!(identify(&ends(odd)).free, None);
    }
}
