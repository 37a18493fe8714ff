//! The processor of the machines: that of the artefacts under test.

use std::path::Path;

use crate::accel::Accel;

/// A processor family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    /// 64-bit PC.
    Amd64,
    /// 64-bit ARM, which an amd64 host translates.
    Arm64,
}

impl Processor {
    /// That of the artefacts in `dir`; amd64 where there are none yet.
    pub fn of(dir: &Path) -> Self {
        if dir.join("k3os-arm64.iso").exists() {
            Self::Arm64
        } else {
            Self::Amd64
        }
    }

    /// As it stands in the artefacts' names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Whether its machines have a BIOS.
    pub fn has_bios(self) -> bool {
        self == Self::Amd64
    }

    /// QEMU's program.
    pub fn emulator(self) -> &'static str {
        match self {
            Self::Amd64 => "qemu-system-x86_64",
            Self::Arm64 => "qemu-system-aarch64",
        }
    }

    /// The Debian package with that program.
    pub fn package(self) -> &'static str {
        match self {
            Self::Amd64 => "qemu-system-x86",
            Self::Arm64 => "qemu-system-arm",
        }
    }

    /// The kernel's name of the serial port.
    pub fn serial(self) -> &'static str {
        match self {
            Self::Amd64 => "ttyS0",
            Self::Arm64 => "ttyAMA0",
        }
    }

    /// QEMU's machine and how it runs instructions.
    pub fn machine(self, accel: Accel) -> Vec<&'static str> {
        let (machine, run): (_, &[_]) = match self {
            Self::Amd64 => (["-vga", "std", "-machine", "q35"], accel.arguments()),
            Self::Arm64 => (
                ["-vga", "none", "-machine", "virt"],
                &["-accel", "tcg,thread=multi", "-cpu", "cortex-a72"],
            ),
        };
        machine.into_iter().chain(run.iter().copied()).collect()
    }

    /// By how much the machine is slower than a PC's on the same host: all limits are that much longer. TCG translates ARM's
    /// code as well as a PC's, but a PC's may run on KVM and is what the limits were measured with.
    pub fn slowness(self) -> u32 {
        match self {
            Self::Amd64 => 1,
            Self::Arm64 => 3,
        }
    }

    /// The firmware's code, its empty variable store, and the Debian package with both.
    pub fn uefi(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Amd64 => (
                "/usr/share/OVMF/OVMF_CODE_4M.fd",
                "/usr/share/OVMF/OVMF_VARS_4M.fd",
                "ovmf",
            ),
            Self::Arm64 => (
                "/usr/share/AAVMF/AAVMF_CODE.fd",
                "/usr/share/AAVMF/AAVMF_VARS.fd",
                "qemu-efi-aarch64",
            ),
        }
    }

    /// Devices of the CD drive.
    pub fn cd(self) -> &'static [&'static str] {
        match self {
            Self::Amd64 => &["-device", "ide-cd,drive=cd"],
            Self::Arm64 => &["-device", "virtio-scsi-pci", "-device", "scsi-cd,drive=cd"],
        }
    }
}
