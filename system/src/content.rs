//! What a disk or partition holds, told from its first bytes, for people who are about to erase it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::block::text;
use crate::ext4::Superblock;

/// How much is read: up to the label of btrfs, the last of those that are known.
const HEAD: usize = 0x1_0200;

/// What a device holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// Its kind, as people call it; empty when it is not known or there is nothing.
    pub kind: &'static str,
    /// Its label; empty when it has none.
    pub label: String,
    /// Free bytes of an ext4 file system, by its superblock.
    pub free: Option<u64>,
}

/// A mark at a fixed place, and where the label is.
struct Sign {
    kind: &'static str,
    at: usize,
    bytes: &'static [u8],
    /// First byte and length.
    label: (usize, usize),
}

const fn sign(kind: &'static str, at: usize, bytes: &'static [u8], label: (usize, usize)) -> Sign {
    Sign {
        kind,
        at,
        bytes,
        label,
    }
}

/// In the order in which they are tried: FAT's boot sector also begins a disk of NTFS's kind.
const SIGNS: [Sign; 11] = [
    sign("LUKS", 0, b"LUKS\xba\xbe", (0, 0)),
    sign("XFS", 0, b"XFSB", (0x6c, 12)),
    sign("NTFS", 3, b"NTFS    ", (0, 0)),
    sign("exFAT", 3, b"EXFAT   ", (0, 0)),
    sign("FAT", 0x52, b"FAT32   ", (0x47, 11)),
    sign("FAT", 0x36, b"FAT1", (0x2b, 11)),
    sign("squashfs", 0, b"hsqs", (0, 0)),
    sign("LVM", 0x218, b"LVM2 001", (0, 0)),
    sign("swap", 4086, b"SWAPSPACE2", (0x41c, 16)),
    sign("ISO 9660", 0x8001, b"CD001", (0x8028, 32)),
    sign("btrfs", 0x1_0040, b"_BHRfS_M", (0x1_012b, 64)),
];

/// Reads what a device holds; nothing when it cannot be read.
pub fn read(device: &Path) -> Content {
    let mut head = Vec::with_capacity(HEAD);
    let read = File::open(device).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head));
    match read {
        Ok(_) => identify(&head),
        Err(_) => Content::default(),
    }
}

/// Tells it from the first bytes.
pub fn identify(head: &[u8]) -> Content {
    if let Some(superblock) = Superblock::in_head(head) {
        return Content {
            kind: "ext4",
            label: superblock.label(),
            free: superblock
                .block_size()
                .and_then(|size| superblock.free_blocks().checked_mul(size)),
        };
    }
    let fits = |sign: &&Sign| head.get(sign.at..sign.at + sign.bytes.len()) == Some(sign.bytes);
    let Some(sign) = SIGNS.iter().find(fits) else {
        return Content::default();
    };
    let (start, length) = sign.label;
    Content {
        kind: sign.kind,
        label: text(head.get(start..start + length).unwrap_or_default()),
        free: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ext4::superblock;

    fn head(marks: &[(usize, &[u8])]) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        for (at, bytes) in marks {
            head[*at..*at + bytes.len()].copy_from_slice(bytes);
        }
        head
    }

    #[test]
    fn kinds_and_labels_are_told() {
        let ext4 = identify(&superblock::made_up(&[
            (0x78, b"K3OS_STATE"),
            (0x0c, &[100]),
            (0x08, &[10]),
            (0x18, &[2]),
        ]));
        assert_eq!((ext4.kind, ext4.label.as_str()), ("ext4", "K3OS_STATE"));
        assert_eq!(ext4.free, Some(90 * 4096));
        let fat = identify(&head(&[(0x52, b"FAT32   "), (0x47, b"EFI        ")]));
        assert_eq!((fat.kind, fat.label.as_str()), ("FAT", "EFI"));
        assert_eq!(identify(&head(&[(3, b"NTFS    ")])).kind, "NTFS");
    }

    #[test]
    fn nothing_and_nonsense_are_nothing() {
        assert_eq!(identify(&[]), Content::default());
        assert_eq!(identify(&head(&[])), Content::default());
        // A block size that cannot be.
        let odd = superblock::made_up(&[(0x18, &[255; 4])]);
        assert_eq!(identify(&odd).free, None);
    }
}
