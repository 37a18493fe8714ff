//! Whole disks and their partitions, as sysfs knows them.

mod serial;

use std::fs;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::libc;
use nix::sys::stat;

/// sysfs counts in these, whatever the disk's sectors are.
const SYSFS_SECTOR: u64 = 512;
/// Kernel names of what is no disk to install to.
const NO_DISKS: [&str; 13] = [
    "loop", "ram", "zram", "fd", "sr", "dm-", "md", "nbd", "mtdblock", "bcache", "drbd", "rbd",
    "zd",
];
/// What servers' management controllers call the disks that they lend over the network (virtual media).
const LENT: [&str; 6] = ["virtual", "idrac", "ilo ", "ami ", "megarac", "lifecycle"];

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
    /// Why it is unlikely to be where a system belongs, e.g. `USB`; `None` for a disk that is built in.
    pub outside: Option<&'static str>,
    /// The kernel's number of this disk in this place: another one gets another number, even under the same name. 0 where the
    /// kernel has none.
    pub sequence: u64,
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
    names(Path::new("/sys/block"))
        .iter()
        .filter_map(|name| read(name).ok())
        .filter(|disk| disk.size > 0)
        .collect()
}

/// Names of disks, sorted. Hidden ones are paths to a disk that has another name: `nvme0c0n1` to `nvme0n1`.
fn names(block: &Path) -> Vec<String> {
    let is_hidden = |name: &String| number(&block.join(name).join("hidden")) == Some(1);
    let mut names: Vec<String> = children(block)
        .into_iter()
        .filter(|name| !NO_DISKS.iter().any(|prefix| name.starts_with(prefix)))
        .filter(|name| !is_hidden(name))
        .collect();
    names.sort();
    names
}

/// Whether the kernel uses a device, or a part of it, for itself: mounted, swap, or a part of something larger. Programs that
/// have it open do not count.
pub fn is_claimed(device: &Path) -> bool {
    let mut options = fs::OpenOptions::new();
    let opened = options.read(true).custom_flags(libc::O_EXCL).open(device);
    opened.is_err_and(|error| error.raw_os_error() == Some(libc::EBUSY))
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
    let bus = bus(&place.to_string_lossy());
    let model = first_text(&directory, &["device/model", "device/name"]);
    Ok(Disk {
        outside: outside(&directory, bus, &model),
        sequence: number(&directory.join("diskseq")).unwrap_or(0),
        size: number(&directory.join("size")).unwrap_or(0) * SYSFS_SECTOR,
        sector: number(&directory.join("queue/logical_block_size")).unwrap_or(SYSFS_SECTOR),
        read_only: number(&directory.join("ro")) == Some(1),
        model,
        serial: serial::of(&directory, &place),
        bus,
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

/// Why a disk is not a built-in one.
fn outside(directory: &Path, bus: &str, model: &str) -> Option<&'static str> {
    let vendor = first_text(directory, &["device/vendor"]);
    let name = format!("{vendor} {model}").to_lowercase();
    let is_card = first_text(directory, &["device/type"]) == "SD";
    let is_lent = bus == "USB" && LENT.iter().any(|sign| name.contains(sign));
    match bus {
        _ if is_lent => Some("lent by the management controller"),
        "USB" => Some("USB"),
        "SD/MMC" if is_card => Some("an SD card"),
        _ if number(&directory.join("removable")) == Some(1) => Some("removable"),
        _ => None,
    }
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

    /// Makes files below a directory.
    fn sysfs(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_path_to_a_disk_that_has_another_name_is_left_out() {
        let block = sysfs(&[
            ("nvme0n1/hidden", "0\n"),
            ("nvme0c0n1/hidden", "1\n"),
            ("loop0/hidden", "0\n"),
            ("sda/size", "1\n"),
        ]);
        assert_eq!(names(block.path()), ["nvme0n1", "sda"]);
    }

    #[test]
    fn what_is_plugged_in_from_outside_is_told() {
        let of = |files: &[(&str, &str)], bus, model| outside(sysfs(files).path(), bus, model);
        let card = [("device/type", "SD\n"), ("removable", "0\n")];
        assert_eq!(of(&card, "SD/MMC", ""), Some("an SD card"));
        assert_eq!(of(&[("device/type", "MMC\n")], "SD/MMC", ""), None);
        assert_eq!(of(&[("removable", "1\n")], "SATA", ""), Some("removable"));
        assert_eq!(
            of(&[("removable", "0\n")], "USB", "DataTraveler"),
            Some("USB")
        );
        let lent = Some("lent by the management controller");
        assert_eq!(
            of(&[("device/vendor", "iDRAC\n")], "USB", "Virtual Floppy"),
            lent
        );
        assert_eq!(of(&[], "NVMe", "Samsung"), None);
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
