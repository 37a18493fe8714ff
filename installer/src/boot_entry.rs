//! The firmware's own list of what it can boot (UEFI specification 2.10, sections 3.1 and 10.3): an entry for the new disk, in front.
//!
//! The disk boots without it, since GRUB lies where firmware looks on any disk; but firmware that prefers its list would go on
//! booting what stood there first.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Where Linux shows the variables, as `NAME-GUID`.
pub const VARIABLES: &str = "/sys/firmware/efi/efivars";
/// EFI_GLOBAL_VARIABLE.
const GUID: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Kept, and seen by the boot services and by a running system.
const ATTRIBUTES: [u8; 4] = [7, 0, 0, 0];
/// LOAD_OPTION_ACTIVE.
const ACTIVE: [u8; 4] = [1, 0, 0, 0];
const NAME: &str = "k3OS";
const DIRECTORY: &str = "\\EFI\\BOOT\\";

/// The EFI system partition, as the firmware finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Its number.
    pub number: u32,
    /// First sector of the disk.
    pub start: u64,
    /// Sectors of the disk.
    pub length: u64,
    /// Its own GUID, as on the disk.
    pub id: [u8; 16],
    /// The program's name in `/EFI/BOOT`.
    pub program: &'static str,
}

/// Makes the entry, or changes that of an earlier installation, and puts it in front.
///
/// # Errors
/// When the variables cannot be read or written.
pub fn set(directory: &Path, partition: &Partition) -> Result<()> {
    let number = number(directory)?;
    let order = read(directory, "BootOrder").unwrap_or_default();
    write(directory, &name(number), &load_option(partition))?;
    write(directory, "BootOrder", &in_front(number, &order))
}

/// The number of our own entry, else the first that is free.
fn number(directory: &Path) -> Result<u16> {
    let is_ours = |number: &u16| {
        read(directory, &name(*number)).is_some_and(|option| description(&option) == NAME)
    };
    let known = known(directory)?;
    let ours = known.iter().copied().find(is_ours);
    let free = (0..=u16::MAX).find(|number| !known.contains(number));
    ours.or(free).context("the firmware's list is full")
}

/// The numbers of all entries.
fn known(directory: &Path) -> Result<Vec<u16>> {
    let reading = || format!("reading {}", directory.display());
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory).with_context(reading)? {
        let file = entry.with_context(reading)?.file_name();
        let file = file.to_string_lossy();
        let digits = file
            .strip_suffix(GUID)
            .and_then(|rest| rest.strip_suffix('-'))
            .and_then(|rest| rest.strip_prefix("Boot"));
        let number = digits.filter(|digits| digits.len() == 4);
        numbers.extend(number.and_then(|digits| u16::from_str_radix(digits, 16).ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn name(number: u16) -> String {
    format!("Boot{number:04X}")
}

/// EFI_LOAD_OPTION.
fn load_option(partition: &Partition) -> Vec<u8> {
    let path = device_path(partition);
    let length = u16::try_from(path.len()).unwrap_or(u16::MAX);
    let mut option = ACTIVE.to_vec();
    option.extend(length.to_le_bytes());
    option.extend(utf16(NAME));
    option.extend(path);
    option
}

/// A hard drive, a file on it, the end.
fn device_path(partition: &Partition) -> Vec<u8> {
    let mut path = vec![4, 1, 42, 0];
    path.extend(partition.number.to_le_bytes());
    path.extend(partition.start.to_le_bytes());
    path.extend(partition.length.to_le_bytes());
    path.extend(partition.id);
    // A GUID partition table, known by a GUID.
    path.extend([2, 2]);
    let file = utf16(&format!("{DIRECTORY}{}", partition.program));
    path.extend([4, 4]);
    path.extend(
        u16::try_from(file.len() + 4)
            .unwrap_or(u16::MAX)
            .to_le_bytes(),
    );
    path.extend(file);
    path.extend([0x7f, 0xff, 4, 0]);
    path
}

fn utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().chain([0]);
    units.flat_map(u16::to_le_bytes).collect()
}

/// What an entry calls itself.
fn description(option: &[u8]) -> String {
    let text = option.get(6..).unwrap_or_default();
    let units = text
        .chunks_exact(2)
        .map(|pair| {
            pair.iter()
                .rev()
                .fold(0, |sum, byte| sum << 8 | u16::from(*byte))
        })
        .take_while(|unit| *unit != 0);
    String::from_utf16_lossy(&units.collect::<Vec<u16>>())
}

fn in_front(number: u16, order: &[u8]) -> Vec<u8> {
    let first = number.to_le_bytes();
    let others = order.chunks_exact(2).filter(|entry| *entry != first);
    first.into_iter().chain(others.flatten().copied()).collect()
}

/// A variable without its attributes; `None` when it is not there.
fn read(directory: &Path, name: &str) -> Option<Vec<u8>> {
    let bytes = fs::read(file(directory, name)).ok()?;
    bytes.get(4..).map(<[u8]>::to_vec)
}

/// The kernel wants a variable in one write. It makes variables immutable, but not those of the specification's list for booting
/// (drivers/firmware/efi/vars.c, `variable_validate`), so there is no flag to be taken away first.
fn write(directory: &Path, name: &str, value: &[u8]) -> Result<()> {
    let bytes = [&ATTRIBUTES, value].concat();
    fs::write(file(directory, name), bytes)
        .with_context(|| format!("writing the firmware's variable {name}"))
}

fn file(directory: &Path, name: &str) -> std::path::PathBuf {
    directory.join(format!("{name}-{GUID}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTITION: Partition = Partition {
        number: 2,
        start: 6144,
        length: 1_048_576,
        id: [0xab; 16],
        program: "BOOTX64.EFI",
    };

    #[test]
    fn an_option_has_the_specification_s_form() {
        let option = load_option(&PARTITION);
        assert_eq!(option[..6], [1, 0, 0, 0, 94, 0]);
        assert_eq!(option[6..16], *b"k\x003\x00O\x00S\x00\x00\x00");
        assert_eq!(option[16..24], [4, 1, 42, 0, 2, 0, 0, 0]);
        assert_eq!(option[24..32], 6144_u64.to_le_bytes());
        assert_eq!(option[40..58], [[0xab; 16].as_slice(), &[2, 2]].concat());
        assert_eq!(option[58..62], [4, 4, 48, 0]);
        assert!(option.ends_with(&[0x7f, 0xff, 4, 0]));
        assert_eq!(option.len(), 16 + 94);
        assert_eq!(description(&option), "k3OS");
    }

    #[test]
    fn arm_names_its_own_program() {
        let arm = Partition {
            program: "BOOTAA64.EFI",
            ..PARTITION
        };
        let option = load_option(&arm);
        let path = utf16("\\EFI\\BOOT\\BOOTAA64.EFI");
        assert_eq!(option[58..62], [4, 4, 50, 0]);
        assert_eq!(option[62..62 + path.len()], path);
    }

    #[test]
    fn the_entry_comes_first_and_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        write(
            directory.path(),
            "Boot0000",
            &[1, 0, 0, 0, 0, 0, b'x', 0, 0, 0],
        )
        .unwrap();
        write(directory.path(), "BootOrder", &[0, 0, 9, 0]).unwrap();
        for _ in 0..2 {
            set(directory.path(), &PARTITION).unwrap();
            let order = read(directory.path(), "BootOrder").unwrap();
            assert_eq!(order, [1, 0, 0, 0, 9, 0]);
        }
        assert_eq!(known(directory.path()).unwrap(), [0, 1]);
        let bytes = fs::read(file(directory.path(), "Boot0001")).unwrap();
        assert_eq!(bytes[..4], ATTRIBUTES);
    }
}
