//! Disks and partitions that are a part of something larger: RAID by the kernel or by a firmware, ZFS, LVM, Ceph, bcache.
//!
//! Places and marks as in util-linux' libblkid.

use super::{Content, Ends};
use crate::block::text;

const KIB: u64 = 1024;
const SECTOR: u64 = 512;
/// The kernel's RAID: MD_SB_MAGIC, by the byte order of the machine that wrote it.
const MD: [&[u8]; 2] = [b"\xfc\x4e\x2b\xa9", b"\xa9\x2b\x4e\xfc"];
/// The name in a superblock of version 1.
const MD_NAME: (u64, usize) = (32, 32);
/// ZFS: the magic of an uberblock.
const UBERBLOCK: [&[u8]; 2] = [b"\x0c\xb1\xba\0\0\0\0\0", b"\0\0\0\0\0\xba\xb1\x0c"];
/// ZFS: a label, and where in it its ring of uberblocks begins.
const LABEL: u64 = 256 * KIB;
const RING: u64 = 128 * KIB;

/// Marks from the beginning.
const FRONT: [(&str, u64, &[u8]); 10] = [
    ("LVM", 0x18, b"LVM2 001"),
    ("LVM", 0x218, b"LVM2 001"),
    ("LVM", 0x418, b"LVM2 001"),
    ("LVM", 0x618, b"LVM2 001"),
    ("Ceph OSD", 0, b"bluestore block device\n"),
    (
        "bcache",
        0x1018,
        b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81",
    ),
    (
        "bcachefs",
        0x1018,
        b"\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef",
    ),
    ("Stratis", 0x204, b"!Stra0tis\x86\xff\x02^Arh"),
    ("Stratis", 0x1204, b"!Stra0tis\x86\xff\x02^Arh"),
    ("VDO", 0, b"dmvdo001"),
];

/// Marks of firmware's RAIDs, so many bytes before the end.
const BACK: [(&str, u64, &[u8]); 6] = [
    ("RAID (Intel)", 2 * SECTOR, b"Intel Raid ISM Cfg Sig. "),
    ("RAID (DDF)", SECTOR, b"\xde\x11\xde\x11"),
    ("RAID (DDF)", 257 * SECTOR, b"\xde\x11\xde\x11"),
    ("RAID (NVIDIA)", 2 * SECTOR, b"NVIDIA"),
    ("RAID (LSI)", SECTOR, b"$XIDE$"),
    ("RAID (Promise)", 63 * SECTOR, b"Promise Technology, Inc."),
];

/// Tells a member.
pub(super) fn identify(ends: &Ends) -> Option<Content> {
    md(ends)
        .or_else(|| {
            front(ends)
                .or_else(|| back(ends))
                .map(|kind| member(kind, ""))
        })
        .or_else(|| zfs(ends).then(|| member("ZFS", "")))
}

fn member(kind: &'static str, label: &str) -> Content {
    Content {
        kind,
        label: label.to_owned(),
        free: None,
        member: true,
    }
}

fn front(ends: &Ends) -> Option<&'static str> {
    let found = FRONT.iter().find(|(_, at, bytes)| ends.has(*at, bytes));
    found.map(|(kind, ..)| *kind)
}

fn back(ends: &Ends) -> Option<&'static str> {
    let found = BACK.iter().find(|(_, before, bytes)| {
        let place = ends.size.checked_sub(*before);
        place.is_some_and(|place| ends.has(place, bytes))
    });
    found.map(|(kind, ..)| *kind)
}

/// The kernel's RAID: version 1.1 at the beginning, 1.2 behind 4 KiB, 1.0 and 0.90 near the end.
fn md(ends: &Ends) -> Option<Content> {
    let marked = |place: &u64| MD.iter().any(|magic| ends.has(*place, magic));
    // 1.0: at least 8 KiB before the end, at a multiple of 4 KiB.
    let late = ends
        .size
        .checked_sub(8 * KIB)
        .map(|end| end & !(4 * KIB - 1));
    let version_1 = [Some(0), Some(4 * KIB), late].into_iter().flatten();
    if let Some(place) = version_1.into_iter().find(marked) {
        let (at, length) = MD_NAME;
        let name = ends.at(place + at, length).map(text).unwrap_or_default();
        return Some(member("RAID (md)", &name));
    }
    // 0.90: the last but one multiple of 64 KiB.
    let oldest = (ends.size & !(64 * KIB - 1)).checked_sub(64 * KIB)?;
    marked(&oldest).then(|| member("RAID (md)", ""))
}

/// ZFS: an uberblock in the first label, or in the last of the four, when somebody has overwritten the beginning.
fn zfs(ends: &Ends) -> bool {
    let last = (ends.size & !(LABEL - 1)).checked_sub(LABEL);
    [Some(0), last].into_iter().flatten().any(|label| {
        let mut slots = (label + RING..label + LABEL).step_by(KIB as usize);
        slots.any(|place| UBERBLOCK.iter().any(|magic| ends.has(place, magic)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::identify;
    use super::*;
    use crate::ext4::superblock;

    const SIZE: u64 = (8 << 30) + 4096;
    const END: usize = 1 << 20;

    /// A device of that size with marks at places.
    fn device(marks: &[(u64, &[u8])]) -> Ends {
        let mut ends = Ends {
            head: vec![0; END],
            tail: vec![0; END],
            size: SIZE,
        };
        for (place, bytes) in marks {
            let (part, from) = match place.checked_sub(SIZE - END as u64) {
                Some(from) => (&mut ends.tail, from),
                None => (&mut ends.head, *place),
            };
            let from = usize::try_from(from).unwrap();
            part[from..from + bytes.len()].copy_from_slice(bytes);
        }
        ends
    }

    #[test]
    fn members_are_told_by_either_end() {
        let zfs_end = (SIZE & !(LABEL - 1)) - LABEL + RING + 5 * KIB;
        let table: [(u64, &[u8], &str); 10] = [
            (0, MD[0], "RAID (md)"),
            (4096, MD[1], "RAID (md)"),
            (SIZE - 8192, MD[0], "RAID (md)"),
            ((SIZE & !0xffff) - 0x1_0000, MD[0], "RAID (md)"),
            (SIZE - 1024, b"Intel Raid ISM Cfg Sig. 1.3", "RAID (Intel)"),
            (SIZE - 512, b"\xde\x11\xde\x11", "RAID (DDF)"),
            (0x2_0000, UBERBLOCK[0], "ZFS"),
            (zfs_end, UBERBLOCK[1], "ZFS"),
            (0, b"bluestore block device\n", "Ceph OSD"),
            (0x1018, FRONT[5].2, "bcache"),
        ];
        for (place, mark, kind) in table {
            let content = identify(&device(&[(place, mark)]));
            assert_eq!((content.kind, content.member), (kind, true), "{place:#x}");
        }
        assert_eq!(identify(&device(&[])), Content::default());
    }

    #[test]
    fn half_of_a_mirror_is_no_file_system_of_its_own() {
        let mut ends = device(&[(SIZE - 8192, MD[0]), (SIZE - 8192 + 32, b"box:0")]);
        let ext4 = superblock::made_up(&[(0x78, b"K3OS_STATE")]);
        ends.head[..ext4.len()].copy_from_slice(&ext4);
        let content = identify(&ends);
        assert_eq!(
            (content.kind, content.label.as_str()),
            ("RAID (md)", "box:0")
        );
    }

    #[test]
    fn what_is_too_small_for_a_superblock_holds_none() {
        for size in [0, 512, 4096, 65536] {
            let bytes = vec![0; size];
            let ends = Ends {
                head: bytes.clone(),
                tail: bytes,
                size: size as u64,
            };
            assert_eq!(identify(&ends), Content::default());
        }
    }
}
