//! What there is: disks and what is on them, what is mounted, the release, the firmware. Gathered once; the plan is made of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use system::content::{self, Content};
use system::disk::{self, Disk, Partition};
use system::gpt;
use system::mount::{self, MountInfo};

use crate::layout::STATE_LABEL;
use crate::manifest::Release;
use crate::processor::Processor;
use crate::selector::Selector;

/// How the machine was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// By a BIOS.
    Bios,
    /// By UEFI.
    Uefi,
}

/// A disk's partition table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// There is none.
    None,
    /// A GUID partition table of so many partitions.
    Gpt(usize),
    /// An MBR with partitions.
    Mbr,
}

/// A disk and what is on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskFacts {
    /// The disk.
    pub disk: Disk,
    /// Its table.
    pub table: Table,
    /// What it holds outside of partitions.
    pub content: Content,
    /// What each partition that the kernel knows holds.
    pub partitions: Vec<(Partition, Content)>,
    /// Why it must not be erased now, each as `/dev/vda1 is mounted on /mnt`.
    pub in_use: Vec<String>,
}

/// A file system labelled K3OS_STATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume<'a> {
    /// Its device.
    pub device: &'a Path,
    /// What the superblock says.
    pub content: &'a Content,
    /// The disk that it is on.
    pub disk: &'a DiskFacts,
}

/// Everything that the plan depends on.
#[derive(Debug, Clone)]
pub struct Facts {
    /// All disks, and the one that was named by path whatever its kind.
    pub disks: Vec<DiskFacts>,
    /// Why the disk that was named by path cannot be looked at.
    pub named_wrong: Option<String>,
    /// The release to install, or why there is none.
    pub release: Result<Release, String>,
    /// How the machine was started.
    pub firmware: Firmware,
    /// What it runs on.
    pub processor: Processor,
}

impl DiskFacts {
    /// File systems of the disk: of itself, and of its partitions.
    pub fn volumes(&self) -> impl Iterator<Item = Volume<'_>> {
        let whole = (self.disk.device.as_path(), &self.content);
        let parts = self
            .partitions
            .iter()
            .map(|(partition, content)| (partition.device.as_path(), content));
        std::iter::once(whole)
            .chain(parts)
            .map(|(device, content)| Volume {
                device,
                content,
                disk: self,
            })
    }

    fn read(disk: Disk, mounts: &[MountInfo], swaps: &str) -> Self {
        let mut in_use = uses(&disk, mounts, swaps);
        in_use.extend(claim(&disk, mounts).filter(|_| in_use.is_empty()));
        let read = |partition: &Partition| (partition.clone(), content::read(&partition.device));
        Self {
            table: table(&disk),
            content: content::read(&disk.device),
            partitions: disk.partitions.iter().map(read).collect(),
            in_use,
            disk,
        }
    }
}

impl Facts {
    /// Gathers them. `release` is the directory of the release to install; `device` may name a disk that is not listed by itself.
    pub fn gather(release: &Path, device: Option<&Selector>) -> Self {
        let mounts = mount::list().unwrap_or_default();
        let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
        let mut disks = disk::list();
        let named_wrong = add_named(&mut disks, device).err();
        let is_uefi = Path::new("/sys/firmware/efi").is_dir();
        Self {
            disks: disks
                .into_iter()
                .map(|disk| DiskFacts::read(disk, &mounts, &swaps))
                .collect(),
            named_wrong: named_wrong.map(|error| format!("{error:#}")),
            release: find_release(release, &mounts).map_err(|error| format!("{error:#}")),
            firmware: if is_uefi {
                Firmware::Uefi
            } else {
                Firmware::Bios
            },
            processor: Processor::OWN,
        }
    }

    /// All file systems labelled K3OS_STATE.
    pub fn states(&self) -> Vec<Volume<'_>> {
        let all = self.disks.iter().flat_map(DiskFacts::volumes);
        all.filter(|volume| volume.content.kind == "ext4" && volume.content.label == STATE_LABEL)
            .collect()
    }

    /// Whether the release that is installed comes from this disk.
    pub fn is_medium(&self, disk: &DiskFacts) -> bool {
        self.is_medium_at(&disk.disk.device)
    }

    /// The same by the disk's node.
    pub fn is_medium_at(&self, device: &Path) -> bool {
        self.release
            .as_ref()
            .is_ok_and(|release| release.disk.as_deref() == Some(device))
    }
}

/// The disk of a path (or the disk of a partition's path) belongs to the facts even when lists leave it out.
fn add_named(disks: &mut Vec<Disk>, device: Option<&Selector>) -> Result<()> {
    let Some(Selector::Path(path)) = device else {
        return Ok(());
    };
    let device = path
        .canonicalize()
        .with_context(|| format!("looking for {}", path.display()))?;
    let mut named = disk::open(&disk::disk_of(&device).unwrap_or(device))?;
    if !disks.iter().any(|known| known.device == named.device) {
        named.links.push(path.clone());
        disks.push(named);
    } else if let Some(known) = disks.iter_mut().find(|known| known.device == named.device) {
        known.links.push(path.clone());
    }
    Ok(())
}

fn table(disk: &Disk) -> Table {
    match gpt::read(&disk.device, disk.sector) {
        Ok(Some(entries)) => Table::Gpt(entries.len()),
        _ if disk.partitions.is_empty() => Table::None,
        _ => Table::Mbr,
    }
}

fn uses(disk: &Disk, mounts: &[MountInfo], swaps: &str) -> Vec<String> {
    let parts = disk.partitions.iter().map(|partition| &partition.device);
    let devices: Vec<&PathBuf> = std::iter::once(&disk.device).chain(parts).collect();
    let mut found = Vec::new();
    for device in devices {
        let name = device.display().to_string();
        // A mount of an installation that was cut off does not count: the next one clears it up.
        let mut others = mounts
            .iter()
            .filter(|m| !m.target.starts_with(crate::SCRATCH));
        let mounted = others.find(|mount| mount.source == name);
        found.extend(
            mounted.map(|mount| format!("{name} is mounted on {}", mount.target.display())),
        );
        let is_swap = swaps
            .lines()
            .any(|line| line.split_whitespace().next() == Some(&name));
        found.extend(is_swap.then(|| format!("{name} is used as swap")));
    }
    if disk.held {
        found.push(format!(
            "{} is used by LVM, RAID or encryption",
            disk.device.display()
        ));
    }
    found
}

/// A use that no list shows: a further disk of btrfs, ZFS. The kernel itself is asked.
fn claim(disk: &Disk, mounts: &[MountInfo]) -> Option<String> {
    let name = disk.device.display();
    // That of an installation that was cut off.
    let is_ours = |mount: &MountInfo| {
        let device = Path::new(&mount.source);
        let parts = || disk.partitions.iter().map(|part| part.device.as_path());
        mount.target.starts_with(crate::SCRATCH)
            && parts()
                .chain([disk.device.as_path()])
                .any(|part| part == device)
    };
    let claimed = disk::is_claimed(&disk.device) && !mounts.iter().any(is_ours);
    claimed.then(|| {
        format!("{name} is used by the kernel, for instance by a file system of several disks")
    })
}

fn find_release(directory: &Path, mounts: &[MountInfo]) -> Result<Release> {
    let directory = directory
        .canonicalize()
        .with_context(|| format!("looking for the release in {}", directory.display()))?;
    let mut release = Release::read(&directory)?;
    release.disk = disk_under(&directory, mounts);
    Ok(release)
}

/// The disk that a directory is on, if it is on one.
fn disk_under(directory: &Path, mounts: &[MountInfo]) -> Option<PathBuf> {
    let below = mounts
        .iter()
        .filter(|mount| directory.starts_with(&mount.target));
    // Of several mounts at one place the last one is seen.
    let seen = below.max_by_key(|mount| mount.target.components().count())?;
    let device = Path::new(&seen.source).canonicalize().ok()?;
    device
        .starts_with("/dev")
        .then(|| disk::disk_of(&device).unwrap_or(device))
}

/// Facts for tests.
#[cfg(test)]
pub(crate) mod examples {
    use super::*;
    use crate::manifest::ReleaseFile;

    pub fn disk(device: &str, size: u64) -> DiskFacts {
        DiskFacts {
            disk: Disk {
                device: device.into(),
                size,
                sector: 512,
                read_only: false,
                model: "QEMU HARDDISK".into(),
                serial: format!("S{}", device.replace('/', "-")),
                bus: "SATA",
                outside: None,
                sequence: 1,
                links: Vec::new(),
                held: false,
                partitions: Vec::new(),
            },
            table: Table::None,
            content: Content::default(),
            partitions: Vec::new(),
            in_use: Vec::new(),
        }
    }

    pub fn release() -> Release {
        release_for(Processor::Amd64)
    }

    pub fn release_for(processor: Processor) -> Release {
        let file = |name: &&str| ReleaseFile {
            name: (*name).into(),
            size: 30 << 20,
            sha256: "00".into(),
        };
        Release {
            version: "v1.2.3".into(),
            processor,
            directory: "/k3os/system/releases/v1.2.3".into(),
            disk: Some("/dev/sr0".into()),
            files: processor.needed().iter().map(file).collect(),
        }
    }

    pub fn facts(disks: Vec<DiskFacts>) -> Facts {
        Facts {
            disks,
            named_wrong: None,
            release: Ok(release()),
            firmware: Firmware::Bios,
            processor: Processor::Amd64,
        }
    }

    /// Puts a file system onto a partition of a disk.
    pub fn with_state(mut disk: DiskFacts, label: &str, free: u64) -> DiskFacts {
        let partition = Partition {
            device: disk::partition_device(&disk.disk.device, 1),
            number: 1,
            start: 1 << 20,
            size: disk.disk.size - (2 << 20),
        };
        let content = Content {
            kind: "ext4",
            label: label.into(),
            free: Some(free),
            member: false,
        };
        disk.disk.partitions.push(partition.clone());
        disk.partitions.push((partition, content));
        disk.table = Table::Gpt(1);
        disk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_and_swap_are_uses() {
        let disk = examples::with_state(examples::disk("/dev/sda", 1 << 32), "x", 1).disk;
        let mounts = mount::parse_mountinfo(
            "36 35 8:1 / /mnt rw - ext4 /dev/sda1 rw\n37 35 8:2 / /other rw - ext4 /dev/sda11 rw\n",
        );
        let swaps = "Filename Type\n/dev/sda partition 1 0 -2\n";
        assert_eq!(
            uses(&disk, &mounts, swaps),
            ["/dev/sda is used as swap", "/dev/sda1 is mounted on /mnt"]
        );
    }

    #[test]
    fn the_innermost_mount_tells_the_disk() {
        let mounts = mount::parse_mountinfo(
            "1 1 0:1 / / rw - tmpfs none rw\n2 1 1:3 / /k3os/system ro - iso9660 /dev/null ro\n",
        );
        let found = disk_under(Path::new("/k3os/system/releases/v1"), &mounts);
        assert_eq!(found, Some("/dev/null".into()));
        assert_eq!(disk_under(Path::new("/elsewhere"), &mounts), None);
    }

    #[test]
    fn a_release_that_is_not_there_is_told() {
        let facts = Facts::gather(Path::new("/no/release"), None);
        assert!(facts.release.unwrap_err().contains("/no/release"));
    }
}
