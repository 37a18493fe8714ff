//! How a disk is divided.

use serde::Serialize;
use system::gpt;

use crate::manifest::Release;
use crate::processor::Processor;

const MIB: u64 = 1 << 20;
/// Where GRUB for BIOS lies, bytes.
const BIOS_SIZE: u64 = 2 * MIB;
/// The EFI system partition, bytes: firmware updates and other systems' loaders have room too.
const ESP_SIZE: u64 = 512 * MIB;
/// The copy of the table at the end of the disk, with room to align.
const TAIL: u64 = MIB;
/// Room on the state partition beside releases: file system, configuration, the first images and logs.
const STATE_SPARE: u64 = 256 * MIB;
/// The README's "at least 2 GB", bytes.
pub const LEAST_DISK: u64 = 2_000_000_000;
/// The label of the state partition.
pub use system::layout::STATE_LABEL;
/// The label of the EFI system partition, as in k3OS.
pub const ESP_LABEL: &str = "K3OS_GRUB";
/// The number of the state partition, on disks without a partition for BIOS as well. GRUB's core image looks for it by this number.
pub const STATE_NUMBER: u32 = 3;

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// GRUB's core image for BIOS.
    BiosBoot,
    /// GRUB for UEFI.
    Esp,
    /// Releases and data.
    State,
}

impl Role {
    /// The type in the table.
    pub fn kind(self) -> [u8; 16] {
        match self {
            Self::BiosBoot => gpt::BIOS_BOOT,
            Self::Esp => gpt::EFI_SYSTEM,
            Self::State => gpt::LINUX_DATA,
        }
    }

    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::BiosBoot => "K3OS_BIOS",
            Self::Esp => ESP_LABEL,
            Self::State => STATE_LABEL,
        }
    }
}

/// A partition to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Slice {
    /// Its number.
    pub number: u32,
    /// What it is for.
    pub role: Role,
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub size: u64,
}

/// Divides a disk of this many bytes; it must have at least [`least_size`].
pub fn divide(disk: u64, processor: Processor) -> Vec<Slice> {
    let bios = MIB;
    let esp = bios + if processor.has_bios() { BIOS_SIZE } else { 0 };
    let state = esp + ESP_SIZE;
    let end = disk.saturating_sub(TAIL) / MIB * MIB;
    let slice = |number, role, start, size| Slice {
        number,
        role,
        start,
        size,
    };
    let loader = slice(1, Role::BiosBoot, bios, BIOS_SIZE);
    let mut slices = Vec::from_iter(processor.has_bios().then_some(loader));
    slices.push(slice(2, Role::Esp, esp, ESP_SIZE));
    slices.push(slice(
        STATE_NUMBER,
        Role::State,
        state,
        end.saturating_sub(state),
    ));
    slices
}

/// The smallest disk for a release: two of them must fit beside one another, and data.
pub fn least_size(release: &Release) -> u64 {
    let state = 2 * release.size() + STATE_SPARE;
    LEAST_DISK.max(MIB + BIOS_SIZE + ESP_SIZE + state + TAIL)
}

/// Free bytes that an existing file system must have.
pub fn least_free(release: &Release) -> u64 {
    release.size() + 64 * MIB
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_aligned_and_fill_the_disk() {
        let disk = 8_000_000_000;
        let slices = divide(disk, Processor::Amd64);
        for slice in &slices {
            assert!(slice.start.is_multiple_of(MIB) && slice.size.is_multiple_of(MIB));
        }
        for pair in slices.windows(2) {
            assert_eq!(pair[0].start + pair[0].size, pair[1].start);
        }
        let end = slices[2].start + slices[2].size;
        assert!(end <= disk - MIB && end > disk - 3 * MIB);
        assert!(slices[1].size >= 512 * MIB);
    }

    #[test]
    fn arm_has_no_partition_for_bios_and_keeps_the_others_numbers() {
        let slices = divide(8_000_000_000, Processor::Arm64);
        let numbers: Vec<(u32, Role)> = slices.iter().map(|s| (s.number, s.role)).collect();
        assert_eq!(numbers, [(2, Role::Esp), (STATE_NUMBER, Role::State)]);
        assert_eq!(slices[0].start, MIB);
        assert_eq!(slices[0].start + slices[0].size, slices[1].start);
    }

    #[test]
    fn two_gigabytes_are_enough_for_a_release_of_usual_size() {
        let release = crate::facts::examples::release();
        assert_eq!(least_size(&release), LEAST_DISK);
        let mut large = release;
        large.files[0].size = 1 << 31;
        assert!(least_size(&large) > 4 << 30);
    }
}
