//! The superblock of an ext4 file system, as it lies on the device (Linux: `struct ext4_super_block` in fs/ext4/ext4.h).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::block::text;

/// Where it begins, bytes.
const START: usize = 1024;
/// How much of it is read: up to and including `s_free_blocks_count_hi`.
const LENGTH: usize = 0x15c;
/// `s_magic`, which is at 0x38.
const MAGIC: [u8; 2] = [0x53, 0xef];
/// `EXT2_ERROR_FS` of `s_state`: the kernel met an error since the last check.
const ERRORS: u8 = 2;

/// What it says. All numbers are little-endian; large ones are in two places.
#[derive(Clone, Copy, Debug)]
pub struct Superblock([u8; LENGTH]);

impl Superblock {
    /// That of a device; `None` where it holds no ext4.
    ///
    /// # Errors
    /// When the device cannot be read, or is too short for one.
    pub fn read(device: &Path) -> io::Result<Option<Self>> {
        let mut bytes = [0; LENGTH];
        File::open(device)?.read_exact_at(&mut bytes, START as u64)?;
        Ok(Self::checked(bytes))
    }

    /// That in the first bytes of a device.
    pub fn in_head(head: &[u8]) -> Option<Self> {
        let bytes = head.get(START..START + LENGTH)?;
        Self::checked(bytes.try_into().ok()?)
    }

    fn checked(bytes: [u8; LENGTH]) -> Option<Self> {
        (bytes.get(0x38..0x3a) == Some(&MAGIC)).then_some(Self(bytes))
    }

    fn field<const BYTES: usize>(&self, at: usize) -> [u8; BYTES] {
        let field = self.0.get(at..at + BYTES);
        field.and_then(|f| f.try_into().ok()).unwrap_or([0; BYTES])
    }

    fn number(&self, low: usize, high: usize) -> u64 {
        let [low, high] = [low, high].map(|at| u64::from(u32::from_le_bytes(self.field(at))));
        low | high << 32
    }

    /// `s_volume_name`; empty when there is none.
    pub fn label(&self) -> String {
        text(&self.field::<16>(0x78))
    }

    /// `s_uuid`.
    pub fn uuid(&self) -> [u8; 16] {
        self.field(0x68)
    }

    /// Whether the kernel has noted errors in `s_state`. A journal that is to be replayed is none: mounting does that.
    pub fn has_errors(&self) -> bool {
        let [state, _] = self.field(0x3a);
        state & ERRORS != 0
    }

    /// All blocks.
    pub fn blocks(&self) -> u64 {
        self.number(0x04, 0x150)
    }

    /// Free blocks, less those that are kept for root.
    pub fn free_blocks(&self) -> u64 {
        let reserved = self.number(0x08, 0x154);
        self.number(0x0c, 0x158).saturating_sub(reserved)
    }

    /// Bytes of a block; `None` when it says nonsense. ext4 has 1024 to 65536.
    pub fn block_size(&self) -> Option<u64> {
        let exponent = u32::from_le_bytes(self.field(0x18));
        (exponent <= 6).then(|| 1024 << exponent)
    }
}

/// One for tests, with these bytes at these places of it.
#[cfg(test)]
pub fn made_up(fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut head = vec![0; START + LENGTH];
    for (at, bytes) in [(0x38, MAGIC.as_slice())].iter().chain(fields) {
        head[START + at..START + at + bytes.len()].copy_from_slice(bytes);
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(at: usize, bytes: &[u8]) -> Superblock {
        Superblock::in_head(&made_up(&[(at, bytes)])).unwrap()
    }

    #[test]
    fn only_the_kernels_note_of_errors_counts() {
        assert!(!with(0x3a, &[1, 0]).has_errors(), "unmounted in order");
        assert!(!with(0x3a, &[0, 0]).has_errors(), "cut off");
        assert!(with(0x3a, &[2, 0]).has_errors() && with(0x3a, &[3, 0]).has_errors());
    }

    #[test]
    fn large_numbers_are_in_two_places() {
        let head = made_up(&[(0x04, &[7, 0, 0, 0]), (0x150, &[1, 0, 0, 0])]);
        assert_eq!(Superblock::in_head(&head).unwrap().blocks(), 7 | 1 << 32);
        let full = made_up(&[(0x0c, &[3]), (0x08, &[5])]);
        assert_eq!(Superblock::in_head(&full).unwrap().free_blocks(), 0);
    }

    #[test]
    fn a_block_has_a_size_that_can_be() {
        assert_eq!(with(0x18, &[2]).block_size(), Some(4096));
        assert_eq!(with(0x18, &[255; 4]).block_size(), None);
    }

    #[test]
    fn other_devices_have_none_and_short_ones_are_an_error() {
        assert!(Superblock::in_head(&[]).is_none());
        assert!(Superblock::in_head(&[0xff; 4096]).is_none());
        assert!(Superblock::read(Path::new("/dev/null")).is_err());
    }
}
