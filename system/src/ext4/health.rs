//! What an ext4 file system says of its own health.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};

/// The superblock begins here, in bytes.
const SUPERBLOCK: u64 = 1024;
/// How much of it is read: up to and including `s_state`.
const HEAD: usize = 0x3c;
const MAGIC: [u8; 2] = [0x53, 0xef];
/// `EXT2_ERROR_FS` of `s_state`: the kernel met an error since the last check.
const ERRORS: u16 = 2;

/// Whether the kernel has noted errors in the file system on `device`. A journal that is to be replayed is none: mounting
/// does that.
///
/// # Errors
/// When the device cannot be read.
pub fn has_errors(device: &Path) -> Result<bool> {
    let mut head = [0; HEAD];
    File::open(device)
        .and_then(|file| file.read_exact_at(&mut head, SUPERBLOCK))
        .with_context(|| format!("reading the superblock of {}", device.display()))?;
    Ok(notes_errors(&head))
}

/// `s_magic` is at 0x38, `s_state` at 0x3a, both little-endian.
fn notes_errors(superblock: &[u8; HEAD]) -> bool {
    let [.., magic_low, magic_high, state_low, state_high] = *superblock;
    [magic_low, magic_high] == MAGIC && u16::from_le_bytes([state_low, state_high]) & ERRORS != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock(state: u16) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[0x38..0x3a].copy_from_slice(&MAGIC);
        head[0x3a..].copy_from_slice(&state.to_le_bytes());
        head
    }

    #[test]
    fn only_the_kernels_note_counts() {
        assert!(!notes_errors(&superblock(1)), "unmounted in order");
        assert!(!notes_errors(&superblock(0)), "cut off");
        assert!(notes_errors(&superblock(2)) && notes_errors(&superblock(3)));
        assert!(!notes_errors(&[0xff; HEAD]), "another file system");
    }

    #[test]
    fn a_device_that_is_too_short_is_an_error() {
        assert!(has_errors(Path::new("/dev/null")).is_err());
    }
}
