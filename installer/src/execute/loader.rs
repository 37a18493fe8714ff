//! GRUB for BIOS and for UEFI; every disk gets those that its machine may need.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use system::disk::partition_device;
use system::partition::drop_cache;

use super::disk::format_esp;
use super::fat;
use super::work::Work;
use crate::boot_entry;
use crate::grub::core_image;
use crate::layout::Role;

/// Where firmware looks for a loader on any disk.
const REMOVABLE: [&str; 2] = ["EFI", "BOOT"];

/// Writes the core image into its partition and reads it back.
pub(super) fn bios(work: &mut Work<'_>) -> Result<()> {
    let slice = work
        .slices
        .iter()
        .find(|slice| slice.role == Role::BiosBoot)
        .context("there is no partition for BIOS")?;
    let path = work.plan.release.path("grub/core.img");
    let image = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let image = core_image(&image, slice.start, slice.size)?;
    let device = partition_device(&work.plan.disk, slice.number);
    let writing = || format!("writing {}", device.display());
    let file = File::options()
        .read(true)
        .write(true)
        .open(&device)
        .with_context(writing)?;
    file.write_all_at(&image, 0).with_context(writing)?;
    drop_cache(&device)?;
    let mut found = vec![0; image.len()];
    file.read_exact_at(&mut found, 0).with_context(writing)?;
    ensure!(
        found == image,
        "{} does not hold what was written to it; the disk is broken",
        device.display()
    );
    Ok(())
}

/// Formats the EFI system partition, puts GRUB onto it and reads it back. The kernel need not know FAT for this.
pub(super) fn uefi(work: &mut Work<'_>, device: &Path) -> Result<()> {
    format_esp(device)?;
    let processor = work.plan.release.processor;
    let path = work.plan.release.path(processor.efi_loader());
    let image = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let writing = || format!("writing GRUB onto {}", device.display());
    let name = processor.removable();
    put(device, name, &image).with_context(writing)?;
    drop_cache(device)?;
    ensure!(
        get(device, name).with_context(writing)? == image,
        "{} does not hold what was written to it; the disk is broken",
        device.display()
    );
    Ok(())
}

/// Tells the firmware about the disk.
pub(super) fn boot_entry(work: &Work<'_>) -> Result<()> {
    let slice = work.slices.iter().find(|slice| slice.role == Role::Esp);
    let (slice, id) = slice
        .zip(work.esp)
        .context("there is no EFI system partition")?;
    let partition = boot_entry::Partition {
        number: slice.number,
        start: slice.start / work.plan.sector,
        length: slice.size / work.plan.sector,
        id,
        program: work.plan.release.processor.removable(),
    };
    boot_entry::set(Path::new(boot_entry::VARIABLES), &partition)
}

fn put(device: &Path, name: &str, image: &[u8]) -> Result<()> {
    let volume = volume(device)?;
    {
        let [efi, boot] = REMOVABLE;
        let directory = volume.root_dir().create_dir(efi)?.create_dir(boot)?;
        let mut file = directory.create_file(name)?;
        file.write_all(image)?;
        file.flush()?;
    }
    volume.unmount()?;
    fat::mend_parent(&File::options().read(true).write(true).open(device)?)
}

fn get(device: &Path, name: &str) -> Result<Vec<u8>> {
    let volume = volume(device)?;
    let mut image = Vec::new();
    volume
        .root_dir()
        .open_file(&[&REMOVABLE[..], &[name]].concat().join("/"))?
        .read_to_end(&mut image)?;
    Ok(image)
}

/// The library wants to be able to write, if only whether the volume is clean.
fn volume(device: &Path) -> Result<fatfs::FileSystem<File>> {
    let disk = File::options().read(true).write(true).open(device)?;
    Ok(fatfs::FileSystem::new(disk, fatfs::FsOptions::new())?)
}
