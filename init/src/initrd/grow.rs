//! Growing the state partition and its file system to the end of the disk, at the first boot after an installation.
//!
//! A disk image is smaller than the disk it was written to. The installer leaves a mark; while it is there, growing is tried,
//! and doing it again does no harm, so a power cut does none either. It happens mounted, by the kernel.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use system::durable::sync_directory;
use system::{disk, gpt, partition};

/// The mark, from the root of the state partition; k3OS has the same.
const MARK: &str = "k3os/system/growpart";

/// Whether the mark is there.
pub fn is_wanted(mounted_at: &Path) -> bool {
    mounted_at.join(MARK).exists()
}

/// Grows partition and file system as far as there is room, and takes the mark away.
///
/// # Errors
/// When the disk has no whole partition table, or disk or kernel refuse. The mark is still there then.
pub fn grow(device: &Path, mounted_at: &Path) -> Result<()> {
    let size = match disk::disk_of(device) {
        Some(disk) => grow_partition(&disk, device)?,
        None => disk::open(device)?.size,
    };
    partition::grow_ext4(device, mounted_at, size)?;
    let mark = mounted_at.join(MARK);
    fs::remove_file(&mark).with_context(|| format!("removing {}", mark.display()))?;
    let directory = mark.parent().unwrap_or(mounted_at);
    sync_directory(directory).with_context(|| format!("writing {} to disk", directory.display()))
}

/// Grows the partition in the table and for the kernel. Gives its size, bytes.
fn grow_partition(whole: &Path, device: &Path) -> Result<u64> {
    let facts = disk::open(whole)?;
    let number = disk::partition_number(device)
        .with_context(|| format!("finding the number of {}", device.display()))?;
    let known = facts.partitions.into_iter().find(|p| p.number == number);
    let known = known.with_context(|| format!("finding {}", device.display()))?;
    let grown = gpt::grow(whole, facts.sector, number)?;
    if grown.start != known.start || grown.size <= known.size {
        return Ok(known.size);
    }
    let wanted = disk::Partition {
        size: grown.size,
        ..known
    };
    partition::resize(whole, &wanted)?;
    Ok(wanted.size)
}
