//! The processor families that releases are for, and what differs between them on a disk.

use serde::Serialize;

/// A processor family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Processor {
    /// 64-bit PC: by BIOS and by UEFI.
    Amd64,
    /// 64-bit ARM: by UEFI alone.
    Arm64,
}

impl Processor {
    /// That of this program, and so of the machine that it runs on.
    pub const OWN: Self = if cfg!(target_arch = "aarch64") {
        Self::Arm64
    } else {
        Self::Amd64
    };

    /// As it stands in the names of the release's artefacts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Whether its machines may have a BIOS.
    pub fn has_bios(self) -> bool {
        self == Self::Amd64
    }

    /// GRUB for UEFI in the release's directory.
    pub fn efi_loader(self) -> &'static str {
        match self {
            Self::Amd64 => "grub/grubx64.efi",
            Self::Arm64 => "grub/grubaa64.efi",
        }
    }

    /// The name under which firmware looks for a loader on any disk, in `/EFI/BOOT` (UEFI specification 2.10, section 3.5.1.1).
    pub fn removable(self) -> &'static str {
        match self {
            Self::Amd64 => "BOOTX64.EFI",
            Self::Arm64 => "BOOTAA64.EFI",
        }
    }

    /// What a release must have to be put onto a disk.
    pub fn needed(self) -> &'static [&'static str] {
        match self {
            Self::Amd64 => &[
                "vmlinuz",
                "initrd",
                "rootfs.squashfs",
                "grub/boot.img",
                "grub/core.img",
                "grub/grubx64.efi",
            ],
            Self::Arm64 => &["vmlinuz", "initrd", "rootfs.squashfs", "grub/grubaa64.efi"],
        }
    }

    /// The processor of a release with these files: each has a loader of its own.
    pub fn of<'a>(mut files: impl Iterator<Item = &'a str>) -> Self {
        if files.any(|name| name == Self::Arm64.efi_loader()) {
            Self::Arm64
        } else {
            Self::Amd64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_known_by_its_loader() {
        for processor in [Processor::Amd64, Processor::Arm64] {
            let needed = processor.needed();
            assert_eq!(Processor::of(needed.iter().copied()), processor);
            assert!(needed.contains(&processor.efi_loader()));
            let has_bios = needed.contains(&"grub/core.img");
            assert_eq!(has_bios, processor.has_bios());
        }
        assert_eq!(Processor::of(std::iter::empty()), Processor::Amd64);
    }
}
