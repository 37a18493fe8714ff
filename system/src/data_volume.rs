//! Volumes that hold data for the machine, such as a CD labelled `cidata`: finding them, and reading files off them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::block;
use crate::mount::{Flags, Mount, unmount};

/// Where a volume is mounted while it is read.
const MOUNT_POINT: &str = "/run/k3os/data-volume";
/// How much of a device is read to know its label: up to the end of ISO 9660's first descriptor.
const HEAD: usize = 0x8800;

/// A block device with a file system that may hold data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The device node, such as `/dev/sr0`.
    pub device: PathBuf,
    /// The file system, as mount(2) names it.
    pub filesystem: &'static str,
    /// The file system's label, trimmed; may be empty.
    pub label: String,
}

impl Volume {
    /// Whether it lies in a CD drive.
    pub fn is_cd(&self) -> bool {
        let name = self.device.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with("sr")
    }
}

/// All volumes of the machine with ext4, ISO 9660 or FAT, in order of device. Unreadable ones are left out.
pub fn all() -> Vec<Volume> {
    let devices = block::device_names().into_iter();
    devices
        .filter_map(|name| probe(&Path::new("/dev").join(name)))
        .collect()
}

fn probe(device: &Path) -> Option<Volume> {
    let mut head = Vec::with_capacity(HEAD);
    let file = File::open(device).ok()?;
    file.take(HEAD as u64).read_to_end(&mut head).ok()?;
    let (filesystem, label) = identify(&head)?;
    Some(Volume {
        device: device.to_owned(),
        filesystem,
        label,
    })
}

fn identify(head: &[u8]) -> Option<(&'static str, String)> {
    let known = block::identify(head).map(|(filesystem, label)| (filesystem.kernel_name(), label));
    known.or_else(|| Some(("vfat", fat_label(head)?)))
}

/// FAT: boot signature at 0x1fe; a type and, in front of it, a label of 11 bytes at 0x52 (FAT32) or 0x36 (FAT12, FAT16).
fn fat_label(head: &[u8]) -> Option<String> {
    if head.get(0x1fe..0x200) != Some(&[0x55, 0xaa]) {
        return None;
    }
    let at = [(0x52, "FAT32"), (0x36, "FAT1")]
        .into_iter()
        .find_map(|(at, kind)| {
            let found = head.get(at..at + kind.len())?;
            (found == kind.as_bytes()).then_some(at)
        })?;
    let label = String::from_utf8_lossy(head.get(at - 11..at)?)
        .trim()
        .to_owned();
    Some(if label == "NO NAME" {
        String::new()
    } else {
        label
    })
}

/// Mounts a volume read-only, reads those of these files that it has, at most `limit` bytes of each, and unmounts it.
///
/// # Errors
/// When it cannot be mounted, read or unmounted.
pub fn read(volume: &Volume, paths: &[&str], limit: u64) -> Result<BTreeMap<String, Vec<u8>>> {
    let flags = Flags::MS_RDONLY | Flags::MS_NODEV | Flags::MS_NOSUID | Flags::MS_NOEXEC;
    Mount::device(&volume.device, MOUNT_POINT, volume.filesystem)
        .with_flags(flags)
        .perform()?;
    let files = read_below(Path::new(MOUNT_POINT), paths, limit);
    let unmounted = unmount(Path::new(MOUNT_POINT));
    let files = files.with_context(|| format!("reading {}", volume.device.display()))?;
    unmounted.map(|()| files)
}

fn read_below(directory: &Path, paths: &[&str], limit: u64) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for path in paths {
        if let Some(bytes) =
            read_plain(&directory.join(path), limit).with_context(|| format!("reading {path}"))?
        {
            files.insert((*path).to_owned(), bytes);
        }
    }
    Ok(files)
}

/// A plain file's bytes. Links are not followed: a medium must not name files of the machine.
fn read_plain(path: &Path, limit: u64) -> std::io::Result<Option<Vec<u8>>> {
    match fs::symlink_metadata(path) {
        Ok(kind) if kind.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fat_labels_are_read_where_each_kind_has_them() {
        for (at, kind) in [(0x52, "FAT32   "), (0x36, "FAT16   "), (0x36, "FAT12   ")] {
            let mut head = vec![0; HEAD];
            head[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
            head[at..at + 8].copy_from_slice(kind.as_bytes());
            head[at - 11..at].copy_from_slice(b"CIDATA     ");
            assert_eq!(identify(&head), Some(("vfat", "CIDATA".into())), "{kind}");
        }
        assert_eq!(identify(&vec![0; HEAD]), None);
    }

    #[test]
    fn only_plain_files_are_read_and_not_endlessly() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("user-data"), "0123456789").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", directory.path().join("meta-data")).unwrap();
        fs::create_dir(directory.path().join("config")).unwrap();
        let paths = ["user-data", "meta-data", "config", "user-data/x", "absent"];
        let files = read_below(directory.path(), &paths, 4).unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files["user-data"], b"0123");
    }

    #[test]
    fn cds_are_told_by_their_name() {
        let volume = |device: &str| Volume {
            device: device.into(),
            filesystem: "iso9660",
            label: String::new(),
        };
        assert!(volume("/dev/sr0").is_cd() && !volume("/dev/sda1").is_cd());
    }
}
