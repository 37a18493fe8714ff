//! What the kernel knows of a disk's partitions, changed without a table on the disk; and the size of a mounted file system.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::libc;

use crate::disk::{Partition, partition_device};
use crate::ext4::Superblock;

// linux/blkpg.h
const BLKPG: u64 = 0x1269;
const ADD: i32 = 1;
const DELETE: i32 = 2;
const RESIZE: i32 = 3;
// linux/fs.h
const BLKFLSBUF: u64 = 0x1261;
// fs/ext4/ext4.h: _IOW('f', 16, __u64)
const EXT4_IOC_RESIZE_FS: u64 = 0x4008_6610;
/// How long the node of a new partition may take to appear, and an old one to be free.
const NODE_TIMEOUT: Duration = Duration::from_secs(10);

/// `struct blkpg_partition` of linux/blkpg.h.
#[repr(C)]
struct BlkpgPartition {
    start: i64,
    length: i64,
    number: i32,
    names: [u8; 128],
}

/// `struct blkpg_ioctl_arg` of linux/blkpg.h.
#[repr(C)]
struct BlkpgArgument {
    operation: i32,
    flags: i32,
    length: i32,
    data: *mut BlkpgPartition,
}

/// Makes the kernel know a partition, whatever the disk's table says, and waits for its node.
///
/// # Errors
/// When the kernel refuses, or no node appears.
pub fn add(disk: &Path, partition: &Partition) -> Result<()> {
    let device = &partition.device;
    change(disk, ADD, partition)
        .with_context(|| format!("making {} known to the kernel", device.display()))?;
    let until = Instant::now() + NODE_TIMEOUT;
    while !device.exists() {
        if Instant::now() > until {
            bail!("the node {} did not appear", device.display());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Makes the kernel forget a partition; one that it does not know is fine. One that is in use is waited for a little: udev looks
/// at what has just appeared.
///
/// # Errors
/// When it stays in use.
pub fn remove(disk: &Path, number: u32) -> Result<()> {
    let device = partition_device(disk, number);
    let partition = Partition {
        device: device.clone(),
        number,
        start: 0,
        size: 0,
    };
    let forgetting = || format!("making the kernel forget {}", device.display());
    let until = Instant::now() + NODE_TIMEOUT;
    loop {
        let Err(error) = change(disk, DELETE, &partition) else {
            return Ok(());
        };
        match error.downcast_ref::<Errno>() {
            Some(&Errno::ENXIO) => return Ok(()),
            Some(&Errno::EBUSY) if Instant::now() < until => {
                thread::sleep(Duration::from_millis(100));
            }
            _ => return Err(error).with_context(forgetting),
        }
    }
}

/// Tells the kernel a partition's new size; it may be mounted.
///
/// # Errors
/// When the kernel refuses.
pub fn resize(disk: &Path, partition: &Partition) -> Result<()> {
    change(disk, RESIZE, partition).with_context(|| {
        format!(
            "telling the kernel the new size of {}",
            partition.device.display()
        )
    })
}

fn change(disk: &Path, operation: i32, partition: &Partition) -> Result<()> {
    let file = File::open(disk).with_context(|| format!("opening {}", disk.display()))?;
    let mut data = BlkpgPartition {
        start: i64::try_from(partition.start).context("reading a partition's start")?,
        length: i64::try_from(partition.size).context("reading a partition's size")?,
        number: i32::try_from(partition.number).context("reading a partition's number")?,
        names: [0; 128],
    };
    let mut argument = BlkpgArgument {
        operation,
        flags: 0,
        length: i32::try_from(size_of::<BlkpgPartition>()).unwrap_or(0),
        data: &raw mut data,
    };
    // SAFETY: both structures have the kernel's layout and outlive the call.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), BLKPG as _, &raw mut argument) };
    Errno::result(result)?;
    Ok(())
}

/// Writes out and forgets what is cached of a device, so that the next read comes from the disk.
///
/// # Errors
/// When the device cannot be opened or the disk fails.
pub fn drop_cache(device: &Path) -> Result<()> {
    let file = File::open(device).with_context(|| format!("opening {}", device.display()))?;
    file.sync_all()
        .with_context(|| format!("writing {} to disk", device.display()))?;
    // SAFETY: the descriptor is open for the call, and this request takes no pointer.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), BLKFLSBUF as _, 0) };
    Errno::result(result)
        .map(drop)
        .with_context(|| format!("emptying the cache of {}", device.display()))
}

/// Grows a mounted ext4 file system to this many bytes; one that is as large already is left alone. Returns whether it grew.
///
/// # Errors
/// When the device holds no ext4, or the kernel refuses.
pub fn grow_ext4(device: &Path, mounted_at: &Path, bytes: u64) -> Result<bool> {
    let growing = || format!("growing the file system of {}", device.display());
    let superblock = Superblock::read(device).with_context(growing)?;
    let block = superblock.and_then(|read| Some((read.blocks(), read.block_size()?)));
    let (blocks, size) = block.with_context(|| format!("{}: it holds no ext4", growing()))?;
    let wanted: u64 = bytes / size;
    if wanted <= blocks {
        return Ok(false);
    }
    let directory = File::open(mounted_at).with_context(growing)?;
    // SAFETY: the request takes a pointer to a 64-bit count of blocks, which outlives the call.
    let result = unsafe {
        libc::ioctl(
            directory.as_raw_fd(),
            EXT4_IOC_RESIZE_FS as _,
            &raw const wanted,
        )
    };
    Errno::result(result).with_context(growing)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_have_the_kernel_s_sizes() {
        assert_eq!(size_of::<BlkpgPartition>(), 152);
        assert_eq!(size_of::<BlkpgArgument>(), 24);
    }
}
