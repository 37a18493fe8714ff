//! Marks at fixed places from the beginning.

/// A mark at a fixed place, and where the label is.
pub(super) struct Sign {
    pub(super) kind: &'static str,
    /// Bytes from the beginning.
    pub(super) at: u64,
    pub(super) bytes: &'static [u8],
    /// First byte and length.
    pub(super) label: (usize, usize),
}

const fn sign(kind: &'static str, at: u64, bytes: &'static [u8], label: (usize, usize)) -> Sign {
    Sign {
        kind,
        at,
        bytes,
        label,
    }
}

/// Places and marks as in util-linux' libblkid. In the order in which they are tried: FAT's boot sector also begins a disk of
/// NTFS's kind.
pub(super) const SIGNS: [Sign; 21] = [
    sign("LUKS", 0, b"LUKS\xba\xbe", (0, 0)),
    sign("XFS", 0, b"XFSB", (0x6c, 12)),
    sign("BitLocker", 3, b"-FVE-FS-", (0, 0)),
    sign("NTFS", 3, b"NTFS    ", (0, 0)),
    sign("ReFS", 3, b"ReFS\0\0\0\0", (0, 0)),
    sign("exFAT", 3, b"EXFAT   ", (0, 0)),
    sign("FAT", 0x52, b"FAT32   ", (0x47, 11)),
    sign("FAT", 0x36, b"FAT1", (0x2b, 11)),
    sign("squashfs", 0, b"hsqs", (0, 0)),
    sign("APFS", 0x20, b"NXSB", (0, 0)),
    sign("HFS+", 0x400, b"H+\0\x04", (0, 0)),
    sign("HFS+", 0x400, b"HX\0\x05", (0, 0)),
    sign("F2FS", 0x400, b"\x10\x20\xf5\xf2", (0, 0)),
    sign("EROFS", 0x400, b"\xe2\xe1\xf5\xe0", (0, 0)),
    sign("swap", 4086, b"SWAPSPACE2", (0x41c, 16)),
    sign("OCFS2", 0x2000, b"OCFSV2", (0, 0)),
    sign("JFS", 0x8000, b"JFS1", (0x8098, 16)),
    sign("ISO 9660", 0x8001, b"CD001", (0x8028, 32)),
    sign("ReiserFS", 0x1_0034, b"ReIsEr", (0x1_0064, 16)),
    sign("GFS2", 0x1_0000, b"\x01\x16\x19\x70", (0, 0)),
    sign("btrfs", 0x1_0040, b"_BHRfS_M", (0x1_012b, 64)),
];
