//! GUID partition tables: reading them without trusting them, writing them so that the disk counts only when all is there,
//! and growing the last partition.

use std::fs::{File, OpenOptions};
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use gptman::{GPT, GPTHeader, GPTPartitionEntry};

/// Type of a partition that GRUB for BIOS lives in.
pub const BIOS_BOOT: [u8; 16] = guid(0x2168_6148, 0x6449, 0x6e6f, 0x744e_6565_6445_4649);
/// Type of an EFI system partition.
pub const EFI_SYSTEM: [u8; 16] = guid(0xc12a_7328, 0xf81f, 0x11d2, 0xba4b_00a0_c93e_c93b);
/// Type of a Linux file system.
pub const LINUX_DATA: [u8; 16] = guid(0x0fc6_3daf, 0x8483, 0x4772, 0x8e79_3d69_d847_7de4);
/// Partitions are aligned to this many bytes.
pub const ALIGNMENT: u64 = 1 << 20;
/// Where the entry of a protective MBR begins in the first sector.
pub const MBR_ENTRIES: usize = 446;
/// Growing by less than this is not worth a write.
const LEAST_GROWTH: u64 = 8 << 20;
/// A table of more entries than this is not trusted.
const LARGEST_TABLE: u32 = 1024;

/// A GUID as it lies on the disk: its first three parts in little endian.
const fn guid(a: u32, b: u16, c: u16, rest: u64) -> [u8; 16] {
    let (a, b, c, d) = (
        a.to_le_bytes(),
        b.to_le_bytes(),
        c.to_le_bytes(),
        rest.to_be_bytes(),
    );
    [
        a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], d[2], d[3], d[4], d[5], d[6],
        d[7],
    ]
}

/// A partition of a table, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1.
    pub number: u32,
    /// Its type's GUID as on the disk.
    pub kind: [u8; 16],
    /// Its own GUID as on the disk.
    pub id: [u8; 16],
    /// Its name.
    pub name: String,
    /// First byte on the disk.
    pub start: u64,
    /// Bytes.
    pub size: u64,
}

/// Reads the partitions of a disk's table; `None` when there is no whole one.
///
/// # Errors
/// When the disk cannot be read.
pub fn read(disk: &Path, sector: u64) -> Result<Option<Vec<Entry>>> {
    let mut file = File::open(disk).with_context(|| format!("opening {}", disk.display()))?;
    let table = table(&mut file, sector)
        .with_context(|| format!("reading the partition table of {}", disk.display()))?;
    Ok(table.map(|table| entries(&table)))
}

/// The table of a stream, if there is a whole and sensible one.
fn table<S: Read + Seek>(stream: &mut S, sector: u64) -> Result<Option<GPT>> {
    let length = stream.seek(SeekFrom::End(0))?;
    if sector == 0 || length < 64 * sector {
        return Ok(None);
    }
    // The library asserts what it was not told to doubt, so a foreign header is looked at first.
    for place in [sector, (length / sector - 1) * sector] {
        stream.seek(SeekFrom::Start(place))?;
        let mut header = [0; 92];
        stream.read_exact(&mut header)?;
        if !is_foreign(&header) && is_unusual(&header) {
            return Ok(None);
        }
    }
    Ok(GPT::read_from(stream, sector).ok())
}

fn is_foreign(header: &[u8; 92]) -> bool {
    !header.starts_with(b"EFI PART")
}

/// Entries of another size than all tools write, or very many.
fn is_unusual(header: &[u8; 92]) -> bool {
    let word = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|b| b.try_into().ok());
        bytes.map_or(u32::MAX, u32::from_le_bytes)
    };
    word(84) != 128 || word(80) > LARGEST_TABLE
}

fn entries(table: &GPT) -> Vec<Entry> {
    let used = table.iter().filter(|(_, entry)| entry.is_used());
    used.map(|(number, entry)| Entry {
        number,
        kind: entry.partition_type_guid,
        id: entry.unique_partition_guid,
        name: entry.partition_name.as_str().to_owned(),
        start: entry.starting_lba * table.sector_size,
        size: (entry.ending_lba + 1).saturating_sub(entry.starting_lba) * table.sector_size,
    })
    .collect()
}

/// Writes both copies of a table, but not the first sector: firmware and kernel do not see the table until
/// [`protect`] writes that.
///
/// # Errors
/// When the partitions do not fit the disk, or the disk fails.
pub fn write(disk: &Path, sector: u64, id: [u8; 16], partitions: &[Entry]) -> Result<()> {
    let writing = || format!("writing the partition table of {}", disk.display());
    let mut file = writable(disk)?;
    let mut table = GPT::new_from(&mut file, sector, id).with_context(writing)?;
    for partition in partitions {
        ensure!(
            (1..=table.header.number_of_partition_entries).contains(&partition.number),
            "a table has no partition {}",
            partition.number
        );
        table[partition.number] = GPTPartitionEntry {
            partition_type_guid: partition.kind,
            unique_partition_guid: partition.id,
            starting_lba: partition.start / sector,
            ending_lba: (partition.start + partition.size) / sector - 1,
            attribute_bits: 0,
            partition_name: partition.name.as_str().into(),
        };
    }
    table.write_into(&mut file).with_context(writing)?;
    file.sync_all().with_context(writing)
}

/// Writes the first sector: boot code of at most 446 bytes and the protective entry, which makes the table count.
///
/// # Errors
/// When the disk fails.
pub fn protect(disk: &Path, sector: u64, boot_code: &[u8]) -> Result<()> {
    let mut file = writable(disk)?;
    let length = file.seek(SeekFrom::End(0)).context("reading its size")?;
    let first = first_sector(sector, boot_code, length / sector)?;
    write_first(disk, &file, &first)
}

/// Makes the first sector one without partitions, with this boot code, and destroys both copies of the table.
///
/// # Errors
/// When the disk fails.
pub fn destroy(disk: &Path, sector: u64, boot_code: &[u8]) -> Result<()> {
    let erasing = || format!("erasing the partition table of {}", disk.display());
    let mut file = writable(disk)?;
    let length = file.seek(SeekFrom::End(0)).with_context(erasing)?;
    let mut first = first_sector(sector, boot_code, 0)?;
    if let Some(entry) = first.get_mut(MBR_ENTRIES..MBR_ENTRIES + 16) {
        entry.fill(0);
    }
    // First of all what makes the rest count.
    write_first(disk, &file, &first)?;
    let nothing = vec![0; usize::try_from(ALIGNMENT - sector)?];
    file.write_all_at(&nothing, sector).with_context(erasing)?;
    let last = length.saturating_sub(ALIGNMENT).max(ALIGNMENT);
    let rest = vec![0; usize::try_from(length.saturating_sub(last))?];
    file.write_all_at(&rest, last).with_context(erasing)?;
    file.sync_all().with_context(erasing)
}

fn write_first(disk: &Path, file: &File, sector: &[u8]) -> Result<()> {
    let written = file.write_all_at(sector, 0).and_then(|()| file.sync_all());
    written.with_context(|| format!("writing the first sector of {}", disk.display()))
}

/// The first sector: boot code, one entry of type 0xEE over the whole disk (UEFI specification 5.2.3), signature.
fn first_sector(sector: u64, boot_code: &[u8], sectors: u64) -> Result<Vec<u8>> {
    ensure!(
        boot_code.len() <= MBR_ENTRIES,
        "the boot code has {} bytes; 446 fit",
        boot_code.len()
    );
    let mut first = boot_code.to_vec();
    first.resize(MBR_ENTRIES, 0);
    let covered = u32::try_from(sectors.saturating_sub(1)).unwrap_or(u32::MAX);
    first.extend([0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
    first.extend(covered.to_le_bytes());
    first.extend([0; 48]);
    first.extend([0x55, 0xaa]);
    first.resize(usize::try_from(sector)?.max(512), 0);
    Ok(first)
}

/// Grows a partition that is the last on its disk to the disk's end, in the table. Returns the partition as it is then; one with
/// another behind it stays as it is.
///
/// The copy at the end is written first, then the front in one write: whenever the power fails, one of them is whole.
///
/// # Errors
/// When there is no whole table or no such partition, or the disk fails.
pub fn grow(disk: &Path, sector: u64, number: u32) -> Result<Entry> {
    let growing = || format!("growing partition {number} of {}", disk.display());
    let mut file = writable(disk)?;
    let Some(mut table) = table(&mut file, sector).with_context(growing)? else {
        bail!("{} has no whole GUID partition table", disk.display());
    };
    let changed = extend(&mut table, &mut file, number).with_context(growing)?;
    if changed {
        write_grown(&mut file, &mut table).with_context(growing)?;
    }
    let grown = entries(&table)
        .into_iter()
        .find(|entry| entry.number == number);
    grown.with_context(growing)
}

/// Changes the table in memory. Returns whether it is worth writing.
fn extend<S: Seek>(table: &mut GPT, stream: &mut S, number: u32) -> Result<bool> {
    let sector = table.sector_size;
    let last_used = table.iter().map(|(_, entry)| entry.ending_lba).max();
    let known = table
        .iter()
        .any(|(n, entry)| n == number && entry.is_used());
    ensure!(known, "the table has no partition {number}");
    let end = table[number].ending_lba;
    if last_used.is_some_and(|last| last > end) {
        return Ok(false);
    }
    table.header.update_from(stream, sector)?;
    // Whole pages of 4096 bytes, which is what ext4 uses.
    let page = (4096 / sector).max(1);
    let new_end = (table.header.last_usable_lba + 1) / page * page - 1;
    if new_end < end + LEAST_GROWTH / sector {
        return Ok(false);
    }
    table[number].ending_lba = new_end;
    Ok(true)
}

fn write_grown(file: &mut File, table: &mut GPT) -> Result<()> {
    let sector = table.sector_size;
    let all: Vec<GPTPartitionEntry> = table.iter().map(|(_, entry)| entry.clone()).collect();
    let mut front = table.header.clone();
    (
        front.primary_lba,
        front.backup_lba,
        front.partition_entry_lba,
    ) = (1, front.primary_lba.max(front.backup_lba), 2);
    let mut back: GPTHeader = front.clone();
    (back.primary_lba, back.backup_lba) = (front.backup_lba, 1);
    back.partition_entry_lba = front.last_usable_lba + 1;
    back.write_into(file, sector, &all)?;
    file.sync_all()?;
    let mut head = Cursor::new(vec![0; usize::try_from(sector)?]);
    file.read_exact_at(head.get_mut(), 0)?;
    front.write_into(&mut head, sector, &all)?;
    let covered = u32::try_from(front.backup_lba).unwrap_or(u32::MAX);
    if let Some(field) = head.get_mut().get_mut(MBR_ENTRIES + 12..MBR_ENTRIES + 16) {
        field.copy_from_slice(&covered.to_le_bytes());
    }
    file.write_all_at(head.get_ref(), 0)?;
    file.flush()?;
    file.sync_all()?;
    Ok(())
}

fn writable(disk: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(disk)
        .with_context(|| format!("opening {} for writing", disk.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn disk(size: u64) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(size).unwrap();
        file
    }

    fn entry(number: u32, start: u64, size: u64) -> Entry {
        Entry {
            number,
            kind: LINUX_DATA,
            id: [u8::try_from(number).unwrap(); 16],
            name: format!("part{number}"),
            start,
            size,
        }
    }

    #[test]
    fn types_have_the_bytes_of_the_specification() {
        assert_eq!(
            EFI_SYSTEM,
            *b"\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b"
        );
        assert_eq!(&BIOS_BOOT, b"Hah!IdontNeedEFI");
    }

    #[test]
    fn a_table_is_read_as_it_was_written_in_both_sector_sizes() {
        for sector in [512, 4096] {
            let disk = disk(64 * MIB);
            let wanted = [entry(1, MIB, 2 * MIB), entry(3, 3 * MIB, 50 * MIB)];
            write(disk.path(), sector, [7; 16], &wanted).unwrap();
            protect(disk.path(), sector, b"code").unwrap();
            assert_eq!(read(disk.path(), sector).unwrap().unwrap(), wanted);
            let first = std::fs::read(disk.path()).unwrap();
            assert_eq!((&first[..4], first[450]), (&b"code"[..], 0xee));
            assert_eq!(first[510..512], [0x55, 0xaa]);
            destroy(disk.path(), sector, b"gone").unwrap();
            assert_eq!(read(disk.path(), sector).unwrap(), None);
        }
    }

    #[test]
    fn the_last_partition_grows_with_the_disk_and_only_once() {
        let disk = disk(64 * MIB);
        let before = [entry(1, MIB, 2 * MIB), entry(2, 3 * MIB, 60 * MIB)];
        write(disk.path(), 512, [7; 16], &before).unwrap();
        protect(disk.path(), 512, b"code").unwrap();
        disk.as_file().set_len(256 * MIB).unwrap();
        let grown = grow(disk.path(), 512, 2).unwrap();
        assert_eq!(grown.start, 3 * MIB);
        assert!(grown.size > 250 * MIB && grown.size.is_multiple_of(4096));
        assert_eq!(read(disk.path(), 512).unwrap().unwrap()[1], grown);
        assert_eq!(grow(disk.path(), 512, 2).unwrap(), grown);
        // The copy at the end is whole by itself.
        disk.as_file().write_all_at(&[0; 512], 512).unwrap();
        assert_eq!(read(disk.path(), 512).unwrap().unwrap()[1], grown);
        assert_eq!(&std::fs::read(disk.path()).unwrap()[..4], b"code");
    }

    #[test]
    fn a_partition_with_another_behind_it_does_not_grow() {
        let disk = disk(64 * MIB);
        let before = [entry(1, MIB, 2 * MIB), entry(2, 3 * MIB, 4 * MIB)];
        write(disk.path(), 512, [7; 16], &before).unwrap();
        disk.as_file().set_len(128 * MIB).unwrap();
        assert_eq!(grow(disk.path(), 512, 1).unwrap(), before[0]);
        assert!(grow(disk.path(), 512, 9).is_err());
    }

    #[test]
    fn odd_tables_are_no_tables() {
        let disk = disk(64 * MIB);
        write(disk.path(), 512, [7; 16], &[entry(1, MIB, MIB)]).unwrap();
        let mut header = [0; 512];
        disk.as_file().read_exact_at(&mut header, 512).unwrap();
        // Entries of 256 bytes, for which the library has an assertion.
        header[84] = 0;
        header[85] = 1;
        disk.as_file().write_all_at(&header, 512).unwrap();
        assert_eq!(read(disk.path(), 512).unwrap(), None);
        assert_eq!(read(Path::new("/dev/null"), 512).unwrap(), None);
    }
}
