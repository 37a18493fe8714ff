//! Block devices: which there are, and what file system and label each holds.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::ext4::Superblock;

/// A file system that can hold a release or state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// ext2, ext3 or ext4; the kernel's ext4 driver mounts all three.
    Ext4,
    /// A CD or an ISO image written to a stick.
    Iso9660,
}

impl FileSystem {
    /// The name that mount(2) takes.
    pub fn kernel_name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Iso9660 => "iso9660",
        }
    }

    /// The module that serves it.
    pub fn module(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Iso9660 => "isofs",
        }
    }
}

/// A block device with a file system that we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The device node, such as `/dev/vda3`.
    pub device: PathBuf,
    /// What it holds.
    pub filesystem: FileSystem,
    /// The file system's label (volume id), trimmed.
    pub label: String,
}

/// How much of a device is read to know its label: up to the end of ISO 9660's first descriptor.
const HEAD: usize = 0x8800;

/// All block devices of the machine whose file system is known, in order of name.
///
/// Devices that cannot be read (an empty CD drive, a floppy) are left out.
pub fn volumes() -> Vec<Volume> {
    device_names()
        .into_iter()
        .filter_map(|name| probe(&Path::new("/dev").join(name)))
        .collect()
}

/// The names under `/sys/class/block` that can hold a medium or the state: no loop, RAM or floppy devices.
pub fn device_names() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/sys/class/block") else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            !["loop", "ram", "zram", "fd"]
                .iter()
                .any(|p| is_numbered(name, p))
        })
        .collect();
    names.sort();
    names
}

fn is_numbered(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// What one device holds; nothing when it cannot be read or is unknown.
pub fn probe(device: &Path) -> Option<Volume> {
    let mut head = Vec::with_capacity(HEAD);
    let mut file = File::open(device).ok()?;
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(HEAD as u64).read_to_end(&mut head).ok()?;
    let (filesystem, label) = identify(&head)?;
    Some(Volume {
        device: device.to_path_buf(),
        filesystem,
        label,
    })
}

/// Tells file system and label from the first bytes of a device.
///
/// ISO 9660: "CD001" at 0x8001, volume id of 32 at 0x8028.
pub fn identify(head: &[u8]) -> Option<(FileSystem, String)> {
    if let Some(superblock) = Superblock::in_head(head) {
        return Some((FileSystem::Ext4, superblock.label()));
    }
    if head.get(0x8001..0x8006) == Some(b"CD001") {
        return Some((FileSystem::Iso9660, text(head.get(0x8028..0x8048)?)));
    }
    None
}

/// A label as superblocks hold it: up to the first NUL byte, without blanks around it.
pub(crate) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default())
        .trim()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ext4::superblock;

    #[test]
    fn ext4_and_iso_labels_are_read() {
        let ext4 = superblock::made_up(&[(0x78, b"K3OS_STATE")]);
        assert_eq!(
            identify(&ext4),
            Some((FileSystem::Ext4, "K3OS_STATE".into()))
        );

        let mut iso = vec![0; HEAD];
        iso[0x8001..0x8006].copy_from_slice(b"CD001");
        iso[0x8028..0x8048].copy_from_slice(b"K3OS                            ");
        assert_eq!(identify(&iso), Some((FileSystem::Iso9660, "K3OS".into())));
    }

    #[test]
    fn short_and_foreign_devices_are_nothing() {
        assert_eq!(identify(&[]), None);
        assert_eq!(identify(&vec![0xff; 0x439]), None);
        assert_eq!(identify(&vec![0; HEAD]), None);
    }

    #[test]
    fn loop_and_ram_devices_are_left_out_by_number_only() {
        assert!(is_numbered("loop0", "loop"));
        assert!(!is_numbered("loopy", "loop"));
        assert!(!is_numbered("fd", "fd"));
    }
}
