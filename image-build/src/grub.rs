//! GRUB: its menu on the medium, and its two core images with what they need built in, for BIOS and for UEFI.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use system::layout::RELEASES;
use system::power::PANIC_ARGUMENT;

use crate::arch::Arch;
use crate::context::Context;
use crate::run::run;
use crate::tools::Tools;

/// Modules for finding the medium or the state partition, reading it, and booting Linux from it on both firmwares.
const MODULES: &[&str] = &[
    "part_gpt",
    "part_msdos",
    "iso9660",
    "fat",
    "ext2",
    "search",
    "search_label",
    "search_fs_file",
    "search_fs_uuid",
    "normal",
    "configfile",
    "linux",
    "echo",
    "ls",
    "cat",
    "test",
    "true",
    "loadenv",
    "minicmd",
    "serial",
    "terminal",
    "reboot",
    "halt",
    "sleep",
    "loopback",
    "squash4",
    "regexp",
    "probe",
];
const BIOS_MODULES: &[&str] = &["biosdisk"];
const EFI_MODULES: &[&str] = &["efi_gop", "efifwsetup"];

/// The first commands of the core image on the medium: find the medium, go on with its menu.
pub const EARLY: &str =
    "search --no-floppy --set=root --label K3OS\nset prefix=($root)/boot/grub\n";

/// The first commands of the core images on an installed disk. The state partition of the disk that was booted from comes first,
/// which the prefix names; where it is not that one, any with the label will do.
pub const EARLY_DISK: &str = "search --no-floppy --set=root --label K3OS_STATE --hint $root\n\
                              set prefix=($root)/boot/grub\n";

/// An entry of the menu.
struct Item {
    title: &'static str,
    mode: &'static str,
}

const MENU: &[Item] = &[
    Item {
        title: "k3OS LiveCD & Installer",
        mode: "k3os.mode=live",
    },
    Item {
        title: "k3OS Installer",
        mode: "k3os.mode=install",
    },
    Item {
        title: "k3OS Rescue Shell",
        mode: "rescue",
    },
];

/// Where the kernel's messages go. The last console is /dev/console.
fn consoles(arch: Arch) -> String {
    let serial = arch.serial_console();
    format!("{PANIC_ARGUMENT} console=tty1 console={serial},115200 quiet loglevel=5")
}

/// An entry of the medium's menu.
///
/// People and their tools (Packer) add words by keys: `e`, six times down, end. That is k3OS's place of the kernel's line: behind
/// the title, an empty line and four others.
fn entry(item: &Item, release: &str, consoles: &str) -> String {
    let (title, mode) = (item.title, item.mode);
    format!(
        r#"
menuentry "{title}" {{
  set release={release}
  set directory=/{RELEASES}/${{release}}
  search --no-floppy --set=root --file ${{directory}}/vmlinuz --hint ${{root}}
  echo "Starting k3OS ${{release}}"
  linux ${{directory}}/vmlinuz {mode} {consoles}
  initrd ${{directory}}/initrd
}}
"#
    )
}

/// The medium's menu. It waits as long as k3OS's, for the same keys.
pub fn menu(arch: Arch, release: &str) -> String {
    let mut text = String::from("set default=0\nset timeout=10\n");
    // Without a BIOS, the firmware's own console is on the serial port already.
    if arch.has_bios() {
        text += "\n# The menu is on the screen, and on the serial port where there is one.\n\
                 if serial --unit=0 --speed=115200; then\n  terminal_input console serial\n  terminal_output console serial\nfi\n";
    }
    let consoles = consoles(arch);
    let entries = MENU.iter().map(|item| entry(item, release, &consoles));
    text.extend(entries);
    text
}

/// Which core image.
#[derive(Clone, Copy)]
pub enum Core {
    /// El Torito image for BIOS.
    BiosCd,
    /// UEFI program.
    Efi,
    /// For the BIOS-boot partition of a disk.
    BiosDisk,
    /// UEFI program for a disk.
    EfiDisk,
}

impl Core {
    /// grub-mkimage's name of the form.
    fn format(self, arch: Arch) -> &'static str {
        match self {
            Core::BiosCd => "i386-pc-eltorito",
            Core::BiosDisk => "i386-pc",
            Core::Efi | Core::EfiDisk => arch.grub_efi(),
        }
    }

    /// The directory of its modules, and those that only this firmware has.
    fn modules(self, arch: Arch) -> (&'static str, &'static [&'static str]) {
        match self {
            Core::BiosCd | Core::BiosDisk => ("i386-pc", BIOS_MODULES),
            Core::Efi | Core::EfiDisk => (arch.grub_efi(), EFI_MODULES),
        }
    }

    /// Where its menu is. On a disk, the state partition's number is that of the installer's layout.
    fn prefix(self) -> &'static str {
        match self {
            Core::BiosCd | Core::Efi => "/boot/grub",
            Core::BiosDisk | Core::EfiDisk => "(,gpt3)/boot/grub",
        }
    }
}

/// Makes a core image that starts with `early`.
pub fn core(ctx: &Context, tools: &Tools, kind: Core, early: &Path, target: &Path) -> Result<()> {
    let (format, (directory, extra)) = (kind.format(ctx.arch), kind.modules(ctx.arch));
    let mut command = tools.command("grub-mkimage");
    command
        .arg("-d")
        .arg(tools.grub_modules(directory))
        .args(["-O", format, "-p", kind.prefix()]);
    command
        .arg("-c")
        .arg(early)
        .arg("-o")
        .arg(target)
        .args(MODULES)
        .args(extra);
    run(&ctx.progress, "grub", &mut command)
        .map(|_| ())
        .with_context(|| format!("making GRUB's image for {format}"))
}

/// GRUB's images for disks, which belong to the release: names in its directory, and files in `directory`.
pub fn disk_images(
    ctx: &Context,
    tools: &Tools,
    directory: &Path,
) -> Result<Vec<(String, PathBuf)>> {
    std::fs::create_dir_all(directory).context("making a directory for GRUB's images")?;
    let at = |name: &str| directory.join(name);
    let early = at("early.cfg");
    std::fs::write(&early, EARLY_DISK).context("writing GRUB's first commands")?;
    let efi = ctx.arch.disk_efi();
    core(ctx, tools, Core::EfiDisk, &early, &at(efi))?;
    let mut names = vec![efi];
    if ctx.arch.has_bios() {
        core(ctx, tools, Core::BiosDisk, &early, &at("core.img"))?;
        std::fs::copy(tools.path("usr/lib/grub/i386-pc/boot.img"), at("boot.img"))
            .context("copying GRUB's boot.img")?;
        names.extend(["boot.img", "core.img"]);
    }
    let file = |name: &'static str| (format!("grub/{name}"), directory.join(name));
    Ok(names.into_iter().map(file).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_boots_live_first_and_names_files_of_the_release() {
        let text = menu(Arch::Amd64, "v1.2.3");
        let kernels: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("  linux "))
            .collect();
        assert_eq!(kernels.len(), 3);
        assert_eq!(
            kernels[0],
            "  linux ${directory}/vmlinuz k3os.mode=live panic=10 console=tty1 console=ttyS0,115200 quiet loglevel=5"
        );
        for line in [
            "set release=v1.2.3",
            "set directory=/k3os/system/releases/${release}",
        ] {
            assert_eq!(text.matches(&format!("  {line}\n")).count(), 3, "{line}");
        }
        assert_eq!(text.matches("  initrd ${directory}/initrd\n").count(), 3);
        assert!(text.starts_with("set default=0\nset timeout=10\n"));
        let arm = menu(Arch::Arm64, "v1.2.3");
        assert!(arm.contains("console=ttyAMA0,115200") && !arm.contains("serial --unit"));
    }

    #[test]
    fn the_kernel_is_where_the_keys_of_recipes_for_k3os_look_for_it() {
        for arch in [Arch::Amd64, Arch::Arm64] {
            let text = menu(arch, "v1.2.3");
            let entries: Vec<&str> = text.split("menuentry ").skip(1).collect();
            for entry in entries {
                // GRUB's editor shows the title's line as the first, then what is behind the bracket.
                let sixth_down = entry.lines().nth(6 - 1).unwrap();
                assert!(sixth_down.starts_with("  linux "), "{entry}");
            }
        }
    }

    #[test]
    fn a_disk_for_arm_is_booted_by_uefi_from_the_same_partition() {
        let core = Core::EfiDisk;
        assert_eq!(core.format(Arch::Arm64), "arm64-efi");
        assert_eq!(core.modules(Arch::Arm64), ("arm64-efi", EFI_MODULES));
        assert_eq!(core.prefix(), Core::BiosDisk.prefix());
        // Names that the installer knows (installer/src/processor.rs).
        let names = (Arch::Arm64.disk_efi(), Arch::Arm64.removable_efi());
        assert_eq!(names, ("grubaa64.efi", "BOOTAA64.EFI"));
        assert!(!Arch::Arm64.has_bios());
    }
}
