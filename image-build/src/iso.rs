//! The ISO: one medium that boots by BIOS and by UEFI, from CD and from a USB stick.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use system::layout::RELEASES;

use crate::context::Context;
use crate::grub::{self, Core};
use crate::run::run;
use crate::tools::Tools;

/// Volume id, by which init finds the medium.
const VOLUME: &str = system::layout::MEDIUM_LABEL;
/// What `/k3os/system/config.yaml` of the medium says before a user edits it.
const CONFIG: &str = "# k3OS reads its configuration from this file; `k3os iso` fills it. The keys: docs/configuration.md.\n";
/// Room in files that users change without making the ISO anew, bytes (docs/decisions/0008-own-iso.md).
const CONFIG_ROOM: usize = 128 << 10;
const MENU_ROOM: usize = 16 << 10;
/// Size of the FAT image with the UEFI program, KiB: the size of a floppy that mformat knows.
const EFI_IMAGE_KIB: &str = "2880";
/// The boot images on the medium, for UEFI and for BIOS.
const EFI_IMAGE: &str = "boot/grub/efi.img";
const BIOS_IMAGE: &str = "boot/grub/eltorito.img";

/// Of the boot image for BIOS.
const BIOS_OPTIONS: [&str; 5] = [
    "-no-emul-boot",
    "-boot-load-size",
    "4",
    "-boot-info-table",
    "--grub2-boot-info",
];
/// The medium's partition table, for USB sticks.
const DISK_OPTIONS: [&str; 5] = [
    "--protective-msdos-label",
    "-partition_cyl_align",
    "off",
    "-partition_offset",
    "16",
];
/// Of the boot image for UEFI.
const EFI_OPTIONS: [&str; 2] = ["-efi-boot-part", "--efi-boot-image"];

/// Writes the ISO. `files` are the files of the release, by their names in its directory.
pub fn write(
    ctx: &Context,
    tools: &Tools,
    files: &[(String, PathBuf)],
    scratch: &Path,
    target: &Path,
) -> Result<()> {
    let directory = scratch.join("iso");
    std::fs::create_dir_all(&directory).context("making a directory for the ISO")?;
    let put = |name: &str, text: &[u8]| {
        std::fs::write(directory.join(name), text)
            .with_context(|| format!("writing {name} of the ISO"))
    };
    put("early.cfg", grub::EARLY.as_bytes())?;
    put(
        "grub.cfg",
        &with_room(&grub::menu(ctx.arch, &ctx.release), MENU_ROOM),
    )?;
    put("config.yaml", &with_room(CONFIG, CONFIG_ROOM))?;
    let early = directory.join("early.cfg");
    let core = |kind, name| grub::core(ctx, tools, kind, &early, &directory.join(name));
    let mut grafts = vec![
        (EFI_IMAGE.to_owned(), directory.join("efi.img")),
        ("boot/grub/grub.cfg".to_owned(), directory.join("grub.cfg")),
        (
            "k3os/system/config.yaml".to_owned(),
            directory.join("config.yaml"),
        ),
    ];
    if ctx.arch.has_bios() {
        core(Core::BiosCd, "eltorito.img")?;
        grafts.push((BIOS_IMAGE.to_owned(), directory.join("eltorito.img")));
    }
    core(Core::Efi, ctx.arch.removable_efi())?;
    efi_image(ctx, tools, &directory)?;
    grafts.extend(
        files
            .iter()
            .map(|(name, path)| (format!("{RELEASES}/{}/{name}", ctx.release), path.clone())),
    );
    xorriso(ctx, tools, &grafts, target)
}

/// A text with empty lines behind it up to a size.
fn with_room(text: &str, room: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(room.max(bytes.len()), b'\n');
    bytes
}

/// The EFI system partition of the medium: a FAT image with the one program that firmware starts from removable media.
fn efi_image(ctx: &Context, tools: &Tools, directory: &Path) -> Result<()> {
    let (image, program) = (directory.join("efi.img"), ctx.arch.removable_efi());
    let mtools = |name: &str| {
        let mut command = tools.command(name);
        command
            .env("SOURCE_DATE_EPOCH", ctx.epoch.to_string())
            .arg("-i")
            .arg(&image);
        command
    };
    let making = "making the EFI boot image";
    run(
        &ctx.progress,
        "iso",
        mtools("mformat").args(["-C", "-f", EFI_IMAGE_KIB, "-N", "0", "-v", "K3OS_EFI", "::"]),
    )
    .context(making)?;
    run(
        &ctx.progress,
        "iso",
        mtools("mmd").args(["::/EFI", "::/EFI/BOOT"]),
    )
    .context(making)?;
    run(
        &ctx.progress,
        "iso",
        mtools("mcopy")
            .arg(directory.join(program))
            .arg(format!("::/EFI/BOOT/{program}")),
    )
    .context(making)?;
    Ok(())
}

/// The file system with both boot records. Dates and ids come from the time of the commit.
fn xorriso(
    ctx: &Context,
    tools: &Tools,
    grafts: &[(String, PathBuf)],
    target: &Path,
) -> Result<()> {
    let mut command = tools.command("xorriso");
    // The variable covers the volume only, not the dates of its files.
    command.env("SOURCE_DATE_EPOCH", ctx.epoch.to_string());
    command
        .args([
            "-as",
            "mkisofs",
            "-quiet",
            "-graft-points",
            "-r",
            "-J",
            "-joliet-long",
            "-V",
            VOLUME,
            "-o",
        ])
        .arg(target)
        .args(["--set_all_file_dates", &format!("={}", ctx.epoch)]);
    if ctx.arch.has_bios() {
        command.args(["-b", BIOS_IMAGE]).args(BIOS_OPTIONS);
        command
            .arg("--grub2-mbr")
            .arg(tools.path("usr/lib/grub/i386-pc/boot_hybrid.img"));
    }
    command.args(DISK_OPTIONS);
    command.args(["--efi-boot", EFI_IMAGE]).args(EFI_OPTIONS);
    command.args(
        grafts
            .iter()
            .map(|(inside, path)| format!("/{inside}={}", path.display())),
    );
    run(&ctx.progress, "iso", &mut command)
        .map(|_| ())
        .context("writing the ISO")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;

    #[test]
    fn room_is_empty_lines_behind_the_text() {
        assert_eq!(with_room("a\n", 5), b"a\n\n\n\n");
        assert_eq!(with_room("abc", 2), b"abc");
        assert!(
            grub::menu(Arch::Amd64, "v1.2.3").len() * 4 < MENU_ROOM && CONFIG.len() < CONFIG_ROOM
        );
    }
}
