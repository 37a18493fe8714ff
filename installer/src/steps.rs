//! The steps of an installation, as data.

use std::path::PathBuf;

use serde::Serialize;

use crate::layout::Slice;
use crate::size;
use crate::takeover::Action;

/// A file that is made new on the state partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewFile {
    /// Where, from the partition's root.
    pub path: PathBuf,
    /// Its mode.
    pub mode: u32,
    /// One that is there already stays as it is.
    pub keep: bool,
    /// What it holds; not shown, since it may be secret.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// One step. They are done in order, and the first that fails ends the installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Compare the release with its manifest.
    CheckRelease {
        /// Its version.
        version: String,
        /// Bytes.
        size: u64,
    },
    /// Make the disk's old content unreachable. From here on the disk boots nothing.
    Erase {
        /// The disk.
        device: PathBuf,
    },
    /// Make the kernel know the new partitions; the disk has no table yet.
    Divide {
        /// The disk.
        device: PathBuf,
        /// What it is divided into.
        slices: Vec<Slice>,
    },
    /// Put GRUB for BIOS into its partition.
    LoaderBios {
        /// The partition.
        device: PathBuf,
    },
    /// Make the EFI system partition, with GRUB where firmware looks on any disk.
    LoaderUefi {
        /// The partition.
        device: PathBuf,
    },
    /// Make the state partition's file system.
    FormatState {
        /// The partition.
        device: PathBuf,
    },
    /// Label an existing file system.
    Label {
        /// The partition.
        device: PathBuf,
    },
    /// Mount the state partition.
    Mount {
        /// The partition.
        device: PathBuf,
    },
    /// Copy the release.
    Copy {
        /// Its version.
        version: String,
        /// Bytes.
        size: u64,
    },
    /// Write configuration and menu.
    Write {
        /// The files.
        files: Vec<NewFile>,
    },
    /// Make this release the one that is booted, and the one before it the previous.
    Select {
        /// Its version.
        version: String,
    },
    /// Read back what was written, from the disk.
    ReadBack {
        /// Bytes.
        size: u64,
    },
    /// Write the partition table: from here on the disk boots.
    Commit {
        /// The disk.
        device: PathBuf,
    },
    /// Put the disk in front of the firmware's list. A failure is told, and ends nothing: the disk boots without.
    BootEntry,
    /// One that only a takeover has.
    Takeover(Action),
}

impl Step {
    /// What is done, as a gerund.
    pub fn words(&self) -> String {
        match self {
            Self::CheckRelease { version, size } => format!(
                "checking the release {version} ({}) against its manifest",
                size::show(*size)
            ),
            Self::Erase { device } => format!(
                "erasing {}; what is on it now is lost from here on",
                device.display()
            ),
            Self::Divide { device, slices } => {
                let sizes: Vec<String> = slices
                    .iter()
                    .map(|slice| format!("{} {}", slice.role.name(), size::show(slice.size)))
                    .collect();
                format!("dividing {}: {}", device.display(), sizes.join(", "))
            }
            Self::LoaderBios { device } => {
                format!("putting GRUB for BIOS into {}", device.display())
            }
            Self::LoaderUefi { device } => {
                format!("putting GRUB for UEFI onto {}", device.display())
            }
            Self::FormatState { device } => format!("formatting {} with ext4", device.display()),
            Self::Label { device } => format!("labelling {} K3OS_STATE", device.display()),
            Self::Mount { device } => format!("mounting {}", device.display()),
            Self::Copy { version, size } => {
                format!("copying the release {version} ({})", size::show(*size))
            }
            Self::Write { files } => {
                let name = |file: &NewFile| {
                    let unless = if file.keep {
                        " (unless it is there)"
                    } else {
                        ""
                    };
                    format!("/{}{unless}", file.path.display())
                };
                let names: Vec<String> = files.iter().map(name).collect();
                format!("writing {}", names.join(", "))
            }
            Self::Select { version } => format!("choosing {version} as the release to boot"),
            Self::ReadBack { size } => format!("reading {} back from the disk", size::show(*size)),
            Self::Commit { device } => format!(
                "writing the partition table of {}; it can be booted from here on",
                device.display()
            ),
            Self::Takeover(action) => action.words(),
            Self::BootEntry => "putting the disk in front of the firmware's list".to_owned(),
        }
    }
}
