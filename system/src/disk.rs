//! Whole disks and their partitions, as sysfs knows them.

mod serial;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::sys::stat;

/// sysfs counts in these, whatever the disk's sectors are.
const SYSFS_SECTOR: u64 = 512;
/// Kernel names of what is no disk to install to.
const NO_DISKS: [&str; 9] = [
    "loop", "ram", "zram", "fd", "sr", "dm-", "md", "nbd", "mtdblock",
];

/// A whole disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The device node, such as `/dev/vda`.
    pub device: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Bytes of a logical sector: 512 or 4096.
    pub sector: u64,
    /// Whether it refuses to be written.
    pub read_only: bool,
    /// Its maker's name for it; empty where it has none.
    pub model: String,
    /// Its serial number; empty where it has none.
    pub serial: String,
    /// How it is connected, e.g. `NVMe`.
    pub bus: &'static str,
    /// Links to it below `/dev/disk`, sorted.
    pub links: Vec<PathBuf>,
    /// Whether LVM, RAID or encryption uses it or one of its partitions.
    pub held: bool,
    /// What the kernel knows of its partitions, in order.
    pub partitions: Vec<Partition>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The device node, such as `/dev/vda3`.
    pub device: PathBuf,
    /// Its number in the table.
    pub number: u32,
    /// First byte on the disk.
    pub start: u64,
    /// Bytes.
    pub size: u64,
}

/// All disks that an operating system could be installed to, in order of name. Empty drives are left out.
pub fn list() -> Vec<Disk> {
    let mut names: Vec<String> = children(Path::new("/sys/block"))
        .into_iter()
        .filter(|name| !NO_DISKS.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    names.sort();
    names
        .iter()
        .filter_map(|name| read(name).ok())
        .filter(|disk| disk.size > 0)
        .collect()
}

/// The disk that a path leads to, of any kind, loop devices included.
///
/// # Errors
/// When there is nothing, or something that is no whole disk.
pub fn open(path: &Path) -> Result<Disk> {
    let device = path
        .canonicalize()
        .with_context(|| format!("looking for {}", path.display()))?;
    let name = kernel_name(&device);
    if !Path::new("/sys/class/block").join(&name).is_dir() {
        bail!("{} is no block device", path.display());
    }
    if let Some(disk) = disk_of(&device) {
        bail!(
            "{} is a partition of {}; name the whole disk",
            path.display(),
            disk.display()
        );
    }
    read(&name)
}

/// The whole disk that a partition is on; `None` for what is no partition.
pub fn disk_of(partition: &Path) -> Option<PathBuf> {
    let directory = Path::new("/sys/class/block").join(kernel_name(partition));
    if !directory.join("partition").exists() {
        return None;
    }
    let disk = directory.canonicalize().ok()?;
    Some(Path::new("/dev").join(disk.parent()?.file_name()?))
}

/// The block device of the file system that a path is on, whatever name it was mounted by.
///
/// # Errors
/// When there is no such path, or its file system is on no block device.
pub fn device_of(path: &Path) -> Result<PathBuf> {
    let looking = || format!("looking for the device of {}", path.display());
    let number = fs::metadata(path).with_context(looking)?.dev();
    let (major, minor) = (stat::major(number), stat::minor(number));
    let link = format!("/sys/dev/block/{major}:{minor}");
    let target = fs::read_link(link).with_context(looking)?;
    let name = target.file_name().with_context(looking)?;
    Ok(Path::new("/dev").join(name))
}

/// The number of a partition, as the kernel counts it.
pub fn partition_number(partition: &Path) -> Option<u32> {
    let file = Path::new("/sys/class/block")
        .join(kernel_name(partition))
        .join("partition");
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The node of a disk's partition: `/dev/vda3`, but `/dev/nvme0n1p3`.
pub fn partition_device(disk: &Path, number: u32) -> PathBuf {
    let name = disk.as_os_str().to_string_lossy();
    let separator = if name.ends_with(|c: char| c.is_ascii_digit()) {
        "p"
    } else {
        ""
    };
    PathBuf::from(format!("{name}{separator}{number}"))
}

/// Reads one disk by its kernel name.
fn read(name: &str) -> Result<Disk> {
    let directory = Path::new("/sys/block").join(name);
    let place = directory
        .canonicalize()
        .with_context(|| format!("looking for the disk {name}"))?;
    let device = Path::new("/dev").join(name.replace('!', "/"));
    Ok(Disk {
        size: number(&directory.join("size")).unwrap_or(0) * SYSFS_SECTOR,
        sector: number(&directory.join("queue/logical_block_size")).unwrap_or(SYSFS_SECTOR),
        read_only: number(&directory.join("ro")) == Some(1),
        model: first_text(&directory, &["device/model", "device/name"]),
        serial: serial::of(&directory, &place),
        bus: bus(&place.to_string_lossy()),
        links: links(&device),
        held: is_held(&directory),
        partitions: partitions(&directory),
        device,
    })
}

fn partitions(disk: &Path) -> Vec<Partition> {
    let mut found: Vec<Partition> = children(disk)
        .into_iter()
        .filter_map(|name| {
            let directory = disk.join(&name);
            Some(Partition {
                device: Path::new("/dev").join(&name),
                number: u32::try_from(number(&directory.join("partition"))?).ok()?,
                start: number(&directory.join("start"))? * SYSFS_SECTOR,
                size: number(&directory.join("size"))? * SYSFS_SECTOR,
            })
        })
        .collect();
    found.sort_by_key(|partition| partition.number);
    found
}

fn is_held(disk: &Path) -> bool {
    let has_holder = |directory: &Path| !children(&directory.join("holders")).is_empty();
    has_holder(disk)
        || children(disk)
            .iter()
            .any(|name| has_holder(&disk.join(name)))
}

/// udev's links, by which people name disks.
fn links(device: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["by-id", "by-path"]
        .iter()
        .map(|kind| Path::new("/dev/disk").join(kind))
        .flat_map(|directory| {
            children(&directory)
                .into_iter()
                .map(move |name| directory.join(name))
        })
        .filter(|link| link.canonicalize().is_ok_and(|target| target == device))
        .collect();
    found.sort();
    found
}

/// Tells the bus from the disk's place in the tree of devices. Virtio and USB come first: SCSI disks are behind them too.
fn bus(place: &str) -> &'static str {
    const SIGNS: [(&str, &str); 10] = [
        ("/usb", "USB"),
        ("/virtio", "virtio"),
        ("/nvme", "NVMe"),
        ("/mmc", "SD/MMC"),
        ("/ata", "SATA"),
        ("/vmbus", "Hyper-V"),
        ("/VMBUS", "Hyper-V"),
        ("/vbd-", "Xen"),
        ("/virtual/block/loop", "loop"),
        ("/host", "SCSI"),
    ];
    SIGNS
        .iter()
        .find(|(sign, _)| place.contains(sign))
        .map_or("", |(_, bus)| bus)
}

fn kernel_name(device: &Path) -> String {
    let name = device.strip_prefix("/dev").unwrap_or(device);
    name.to_string_lossy().replace('/', "!")
}

fn children(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn first_text(directory: &Path, files: &[&str]) -> String {
    let read = |file: &&str| fs::read_to_string(directory.join(file)).ok();
    let texts = files.iter().filter_map(read);
    texts
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_of_disks_that_end_in_a_digit_have_a_p() {
        let device = |disk: &str| partition_device(Path::new(disk), 3);
        assert_eq!(device("/dev/vda"), Path::new("/dev/vda3"));
        assert_eq!(device("/dev/nvme0n1"), Path::new("/dev/nvme0n1p3"));
        assert_eq!(device("/dev/mmcblk0"), Path::new("/dev/mmcblk0p3"));
    }

    #[test]
    fn the_bus_follows_from_the_place() {
        let usb = "/sys/devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sdb";
        assert_eq!(bus(usb), "USB");
        assert_eq!(
            bus("/sys/devices/pci0000:00/0000:00:04.0/virtio1/block/vda"),
            "virtio"
        );
        assert_eq!(
            bus("/sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda"),
            "SATA"
        );
        assert_eq!(bus("/sys/devices/virtual/block/loop0"), "loop");
    }

    #[test]
    fn what_is_no_disk_is_refused_by_name() {
        let error = open(Path::new("/dev/null")).unwrap_err().to_string();
        assert_eq!(error, "/dev/null is no block device");
        let error = open(Path::new("/dev/nothing-here")).unwrap_err();
        assert!(error.to_string().contains("/dev/nothing-here"), "{error:#}");
    }
}
