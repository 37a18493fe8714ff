//! What the kernel can do to a mounted ext4 file system as a whole: its label, its journal. And what its superblock
//! says: its UUID, whether it has errors.

pub(crate) mod superblock;

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};

pub use superblock::Superblock;

// linux/fs.h
const FS_IOC_SETFSLABEL: u64 = 0x4100_9432;
const FIFREEZE: u64 = 0xc004_5877;
const FITHAW: u64 = 0xc004_5878;
/// FSLABEL_MAX.
const LABEL_BUFFER: usize = 256;
/// Bytes of an ext4 label.
const LABEL_MOST: usize = 16;

/// Labels a mounted file system, by its journal.
///
/// # Errors
/// When the label is too long, or the kernel refuses (before Linux 5.17 it cannot).
pub fn set_label(mounted_at: &Path, label: &str) -> Result<()> {
    let labelling = || format!("labelling the file system on {}", mounted_at.display());
    ensure!(
        label.len() <= LABEL_MOST && !label.contains('\0'),
        "{}: {label:?} is no label of ext4",
        labelling()
    );
    let directory = File::open(mounted_at).with_context(labelling)?;
    let mut buffer = [0_u8; LABEL_BUFFER];
    for (to, from) in buffer.iter_mut().zip(label.bytes()) {
        *to = from;
    }
    // SAFETY: the descriptor is open, and the kernel reads at most 256 bytes of the buffer, which outlives the call.
    let result = unsafe {
        libc::ioctl(
            directory.as_raw_fd(),
            FS_IOC_SETFSLABEL as _,
            buffer.as_ptr(),
        )
    };
    Errno::result(result).map(drop).with_context(labelling)
}

/// Writes all of a mounted file system to its final place, the journal too, so that a boot loader, which replays none, sees
/// it as it is. File systems that cannot be frozen are only synced.
///
/// # Errors
/// When the disk fails.
pub fn settle(mounted_at: &Path) -> Result<()> {
    let settling = || format!("writing {} to disk", mounted_at.display());
    let directory = File::open(mounted_at).with_context(settling)?;
    nix::unistd::syncfs(&directory).with_context(settling)?;
    // Between the two calls nothing may end this process: nobody else would thaw the file system.
    let mut before = SigSet::empty();
    sigprocmask(
        SigmaskHow::SIG_BLOCK,
        Some(&SigSet::all()),
        Some(&mut before),
    )
    .with_context(settling)?;
    let frozen = freeze_and_thaw(&directory);
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None).with_context(settling)?;
    match frozen {
        // Without the right to freeze, or frozen by somebody else, who syncs it as well.
        Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENOTTY | Errno::EPERM | Errno::EBUSY) => Ok(()),
        Err(error) => Err(error).with_context(settling),
    }
}

fn freeze_and_thaw(directory: &File) -> nix::Result<()> {
    // SAFETY: the descriptor is open for both calls, and these requests use no pointer.
    let frozen = unsafe { libc::ioctl(directory.as_raw_fd(), FIFREEZE as _, 0) };
    Errno::result(frozen)?;
    // SAFETY: as above.
    let thawed = unsafe { libc::ioctl(directory.as_raw_fd(), FITHAW as _, 0) };
    Errno::result(thawed).map(drop)
}

/// The UUID of the ext4 file system on a device, as `blkid` writes it; `None` where there is none.
pub fn uuid(device: &Path) -> Option<String> {
    let superblock = Superblock::read(device).ok()??;
    Some(text(&superblock.uuid()))
}

/// Whether the kernel has noted errors in the file system on a device; not where it holds no ext4 or cannot be read.
pub fn has_errors(device: &Path) -> bool {
    let read = Superblock::read(device).ok().flatten();
    read.is_some_and(|superblock| superblock.has_errors())
}

fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_written_as_everybody_does() {
        let bytes: Vec<u8> = (0..16).collect();
        let head = superblock::made_up(&[(0x68, &bytes)]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &head).unwrap();
        assert_eq!(
            uuid(file.path()).as_deref(),
            Some("00010203-0405-0607-0809-0a0b0c0d0e0f")
        );
        std::fs::write(file.path(), "short").unwrap();
        assert_eq!(uuid(file.path()), None);
    }

    #[test]
    fn a_label_that_does_not_fit_is_refused() {
        let error = set_label(Path::new("/"), "longer than sixteen").unwrap_err();
        assert!(error.to_string().contains("is no label of ext4"), "{error}");
    }
}
