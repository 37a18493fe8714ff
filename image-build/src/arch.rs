//! The processor families that an image can be for, and everything that differs between them.

/// The processor family of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Arch {
    /// 64-bit PC.
    Amd64,
    /// 64-bit ARM: servers by UEFI, and boards by their own loader and kernel.
    Arm64,
}

impl Arch {
    /// Debian's and Go's name, which stands in the artefacts' names.
    pub fn name(self) -> &'static str {
        match self {
            Arch::Amd64 => "amd64",
            Arch::Arm64 => "arm64",
        }
    }

    /// The Rust target of our programs: static, so that they run in the initrd and on other systems too.
    pub fn rust_target(self) -> &'static str {
        match self {
            Arch::Amd64 => "x86_64-unknown-linux-musl",
            Arch::Arm64 => "aarch64-unknown-linux-musl",
        }
    }

    /// The C compiler for that target.
    pub fn c_compiler(self) -> &'static str {
        match self {
            Arch::Amd64 => "musl-gcc",
            Arch::Arm64 => "aarch64-linux-gnu-gcc",
        }
    }

    /// The linker for that target, where cargo's own choice is not it.
    pub fn linker(self) -> Option<&'static str> {
        match self {
            Arch::Amd64 => None,
            Arch::Arm64 => Some("aarch64-linux-gnu-gcc"),
        }
    }

    /// The Debian package with the kernel.
    pub fn kernel_package(self) -> &'static str {
        match self {
            Arch::Amd64 => "linux-image-amd64",
            Arch::Arm64 => "linux-image-arm64",
        }
    }

    /// Whether its machines may have a BIOS.
    pub fn has_bios(self) -> bool {
        self == Arch::Amd64
    }

    /// grub-mkimage's name of the UEFI form, which is also the directory of its modules.
    pub fn grub_efi(self) -> &'static str {
        match self {
            Arch::Amd64 => "x86_64-efi",
            Arch::Arm64 => "arm64-efi",
        }
    }

    /// The name under which firmware looks for a program on removable media.
    pub fn removable_efi(self) -> &'static str {
        match self {
            Arch::Amd64 => "BOOTX64.EFI",
            Arch::Arm64 => "BOOTAA64.EFI",
        }
    }

    /// GRUB's UEFI program for disks, in the release's directory.
    pub fn disk_efi(self) -> &'static str {
        match self {
            Arch::Amd64 => "grubx64.efi",
            Arch::Arm64 => "grubaa64.efi",
        }
    }

    /// The kernel's name of the first serial port.
    pub fn serial_console(self) -> &'static str {
        match self {
            Arch::Amd64 => "ttyS0",
            Arch::Arm64 => "ttyAMA0",
        }
    }
}
