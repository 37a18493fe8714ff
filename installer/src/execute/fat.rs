//! One field of FAT32 that the library writes otherwise than the specification wants: the `..` of a directory in the root names
//! cluster 0, not the root's own. Firmware does not look at it, but fsck.vfat complains.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};

const ENTRY: usize = 32;
const PARENT: &[u8; 11] = b"..         ";

/// Where things are on a volume (Microsoft's FAT specification, section 3).
struct Geometry {
    /// First byte of cluster 2.
    data: u64,
    /// Bytes of a cluster.
    cluster: u64,
    root: u64,
}

impl Geometry {
    fn read(volume: &File) -> Result<Self> {
        let mut sector = [0; 512];
        volume.read_exact_at(&mut sector, 0)?;
        let bytes = number(&sector, 11, 2)?;
        let fats = number(&sector, 16, 1)? * number(&sector, 36, 4)?;
        Ok(Self {
            data: (number(&sector, 14, 2)? + fats) * bytes,
            cluster: number(&sector, 13, 1)? * bytes,
            root: number(&sector, 44, 4)?,
        })
    }

    fn place(&self, cluster: u64) -> u64 {
        self.data + cluster.saturating_sub(2) * self.cluster
    }
}

/// Corrects the `..` of every directory in the root's first cluster.
pub(super) fn mend_parent(volume: &File) -> Result<()> {
    let geometry = Geometry::read(volume)?;
    let mut root = vec![0; usize::try_from(geometry.cluster)?];
    volume.read_exact_at(&mut root, geometry.place(geometry.root))?;
    for entry in root.chunks_exact(ENTRY).filter(|entry| is_directory(entry)) {
        let cluster = number(entry, 20, 2)? << 16 | number(entry, 26, 2)?;
        let at = geometry.place(cluster) + ENTRY as u64;
        let mut parent = [0; ENTRY];
        volume.read_exact_at(&mut parent, at)?;
        if parent.starts_with(PARENT) {
            volume.write_all_at(&[0; 2], at + 20)?;
            volume.write_all_at(&[0; 2], at + 26)?;
        }
    }
    Ok(volume.sync_all()?)
}

/// A directory that is in use, and no part of a long name.
fn is_directory(entry: &[u8]) -> bool {
    let used = entry
        .first()
        .is_some_and(|first| ![0, 0xe5].contains(first));
    used && entry
        .get(11)
        .is_some_and(|kind| kind & 0x18 == 0x10 && *kind != 0x0f)
}

/// A number of so many bytes, little end first.
fn number(bytes: &[u8], at: usize, length: usize) -> Result<u64> {
    let bytes = bytes
        .get(at..at + length)
        .context("the volume is cut short")?;
    Ok(bytes
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}
