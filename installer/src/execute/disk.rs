//! Tables and file systems.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use system::command::{self, CommandLine};
use system::disk::{self, Partition, partition_device};
use system::ext4;
use system::gpt::{self, Entry};
use system::partition;

use super::work::Work;
use crate::grub::{UNFINISHED, boot_code};
use crate::layout::{Role, STATE_LABEL, Slice};

/// Formatting a slow and large disk may take this long.
const LIMIT: Duration = Duration::from_secs(1800);

/// Destroys the table, and with it every way into the old content.
pub(super) fn erase(work: &mut Work<'_>) -> Result<()> {
    let disk = &work.plan.disk;
    work.erased = true;
    gpt::destroy(disk, work.plan.sector, UNFINISHED)?;
    // The kernel's own list still has the old partitions, or those of an installation that was cut off.
    for old in disk::open(disk)?.partitions {
        partition::remove(disk, old.number)?;
    }
    Ok(())
}

/// Makes the kernel know the new partitions, and wipes what told of old file systems there.
pub(super) fn divide(work: &mut Work<'_>, slices: &[Slice]) -> Result<()> {
    let disk = &work.plan.disk;
    for slice in slices {
        let device = partition_device(disk, slice.number);
        partition::add(
            disk,
            &Partition {
                device: device.clone(),
                number: slice.number,
                start: slice.start,
                size: slice.size,
            },
        )?;
        work.slices.push(*slice);
        wipe(&device)?;
    }
    Ok(())
}

/// Both ends of a partition, where file systems and members of RAIDs are told from: an old one must not be found between two
/// steps, nor be put together with others by the next system that sees the disk.
fn wipe(device: &Path) -> Result<()> {
    let wiping = || format!("wiping {}", device.display());
    let file = File::options().write(true).open(device);
    let mut file = file.with_context(wiping)?;
    let size = file.seek(SeekFrom::End(0)).with_context(wiping)?;
    let nothing = vec![0; 1 << 20];
    let end = size.saturating_sub(nothing.len() as u64);
    file.write_all_at(&nothing, 0).with_context(wiping)?;
    file.write_all_at(&nothing, end).with_context(wiping)?;
    file.sync_all().with_context(wiping)
}

/// ext4. Of the space only a hundredth is kept for root: these disks are large, and containers run as root anyway.
pub(super) fn format_state(device: &Path) -> Result<()> {
    tool(
        &["mkfs.ext4", "-q", "-F", "-m", "1", "-L", STATE_LABEL],
        device,
    )
}

/// The EFI system partition: FAT32.
pub(super) fn format_esp(device: &Path) -> Result<()> {
    tool(&["mkfs.vfat", "-F", "32", "-n", Role::Esp.name()], device)
}

/// Labels a file system that is kept, and is mounted.
pub(super) fn label(work: &Work<'_>) -> Result<()> {
    ext4::set_label(&work.target, STATE_LABEL)
}

/// Writes the table, then the first sector, which makes it count.
pub(super) fn commit(work: &mut Work<'_>) -> Result<()> {
    let plan = work.plan;
    work.unmount()?;
    for slice in &work.slices {
        partition::drop_cache(&partition_device(&plan.disk, slice.number))?;
    }
    let entries = work.slices.iter().map(entry).collect::<Result<Vec<_>>>()?;
    let code = first_sector(work)?;
    gpt::write(&plan.disk, plan.sector, random_guid()?, &entries)?;
    gpt::protect(&plan.disk, plan.sector, &code)?;
    work.esp = entries
        .iter()
        .find(|e| e.kind == gpt::EFI_SYSTEM)
        .map(|e| e.id);
    work.erased = false;
    Ok(())
}

/// What a BIOS runs; nothing where there is none.
fn first_sector(work: &Work<'_>) -> Result<Vec<u8>> {
    let mut slices = work.slices.iter();
    let Some(bios) = slices.find(|slice| slice.role == Role::BiosBoot) else {
        return Ok(Vec::new());
    };
    let image = work.plan.release.path("grub/boot.img");
    let image = std::fs::read(&image).with_context(|| format!("reading {}", image.display()))?;
    boot_code(&image, bios.start)
}

fn entry(slice: &Slice) -> Result<Entry> {
    Ok(Entry {
        number: slice.number,
        kind: slice.role.kind(),
        id: random_guid()?,
        name: slice.role.name().to_owned(),
        start: slice.start,
        size: slice.size,
    })
}

/// A random GUID (version 4) as it lies on the disk.
fn random_guid() -> Result<[u8; 16]> {
    let mut guid = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut guid))
        .context("reading /dev/urandom")?;
    guid[7] = guid[7] & 0x0f | 0x40;
    guid[8] = guid[8] & 0x3f | 0x80;
    Ok(guid)
}

/// Runs a tool on a device.
fn tool(words: &[&str], device: &Path) -> Result<()> {
    let name = words.first().copied().unwrap_or_default();
    let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    words.push(device.display().to_string());
    let ended = command::run(&CommandLine {
        words,
        environment: Default::default(),
        limit: Some(LIMIT),
    })?;
    if !ended.succeeded() {
        let said = String::from_utf8_lossy(&ended.output);
        bail!("{name} {}: {}", ended.description(), said.trim());
    }
    Ok(())
}
