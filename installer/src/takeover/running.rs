//! The system that runs and is to be taken over.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use system::mount::{self, MountInfo};
use system::{content, disk, ext4};
use takeover::{Record, keep};

/// Where GRUB's menu may be, from the root.
const LOADERS: [&str; 2] = ["boot/grub", "boot/grub2"];
/// File systems of disks and networks whose files are not on the root; a loop device's file is.
const ELSEWHERE: [&str; 9] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "ceph",
    "9p",
    "glusterfs",
    "zfs",
    "fuse.sshfs",
];
/// What is read only, such as our own medium.
const MEDIA: [&str; 3] = ["iso9660", "udf", "squashfs"];

/// A mount that would no longer be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherMount {
    /// Where, e.g. `/home`.
    pub target: PathBuf,
    /// Of what.
    pub source: String,
    /// How it is found again.
    pub uuid: Option<String>,
}

/// A path that shall be carried over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// As it was named.
    pub path: PathBuf,
    /// Without links on the way; `None` when there is nothing.
    pub real: Option<PathBuf>,
    /// It is a mount of its own.
    pub mounted: bool,
    /// Something is at the place already that it would go to.
    pub taken: bool,
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its processor, as `uname -m` names it.
    pub machine: String,
    /// Its name, e.g. `Debian GNU/Linux 13 (trixie)`.
    pub system: String,
    /// It is k3OS.
    pub ours: bool,
    /// The root's device, or why it has none.
    pub device: Result<PathBuf, String>,
    /// The disk that the device is on; the same when it is a disk itself.
    pub disk: PathBuf,
    /// The root's file system.
    pub fstype: String,
    /// It can be written.
    pub writable: bool,
    /// Bytes that are free on it.
    pub free: u64,
    /// Its label.
    pub label: String,
    /// Its UUID.
    pub uuid: Option<String>,
    /// The directory of GRUB's menu, from the root.
    pub loader: Option<PathBuf>,
    /// `/boot` is a mount of its own: of this.
    pub boot: Option<String>,
    /// What else is mounted and would no longer be.
    pub mounts: Vec<OtherMount>,
    /// What shall be carried over.
    pub keep: Vec<Keep>,
    /// A takeover that was begun before.
    pub before: Option<Record>,
    /// The files of that takeover's old system are still aside.
    pub aside: bool,
}

impl Running {
    /// Looks at the system whose root is at `root`, which is `/`.
    ///
    /// # Errors
    /// When its mounts or the record of a takeover cannot be read.
    pub fn gather(root: &Path, keep: &[PathBuf]) -> Result<Self> {
        let mounts = mount::list()?;
        let release = os_release(root);
        let of_root = mounts.iter().rfind(|mount| mount.target == root);
        let device = disk::device_of(root).map_err(|error| format!("{error:#}"));
        let path = device.clone().unwrap_or_default();
        let names = nix::sys::utsname::uname().context("asking for the machine's kind")?;
        Ok(Self {
            machine: names.machine().to_string_lossy().into_owned(),
            system: value(&release, "PRETTY_NAME").unwrap_or_else(|| "the other system".into()),
            ours: value(&release, "ID").as_deref() == Some("k3os"),
            disk: disk::disk_of(&path).unwrap_or_else(|| path.clone()),
            fstype: of_root.map(|m| m.fstype.clone()).unwrap_or_default(),
            writable: of_root.is_some_and(|m| m.writable),
            free: system::space::space(root)?.free,
            label: content::read(&path).label,
            uuid: ext4::uuid(&path),
            device,
            loader: loader(root),
            boot: boot(root, &mounts),
            mounts: others(root, &mounts),
            keep: keep.iter().map(|path| look(root, path, &mounts)).collect(),
            before: Record::read(root)?,
            aside: root.join(takeover::OLD_ROOT).exists(),
        })
    }
}

fn os_release(root: &Path) -> String {
    let places = ["etc/os-release", "usr/lib/os-release"];
    let read = places
        .iter()
        .map(|place| fs::read_to_string(root.join(place)));
    read.flatten().next().unwrap_or_default()
}

fn value(text: &str, key: &str) -> Option<String> {
    let values = text.lines().filter_map(|line| line.split_once('='));
    let (_, value) = values.into_iter().find(|(name, _)| *name == key)?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

fn loader(root: &Path) -> Option<PathBuf> {
    let has_menu = |directory: &&str| root.join(directory).join("grub.cfg").is_file();
    LOADERS.into_iter().find(has_menu).map(PathBuf::from)
}

fn boot(root: &Path, mounts: &[MountInfo]) -> Option<String> {
    let places = ["boot", "boot/grub", "boot/grub2"].map(|place| root.join(place));
    let found = mounts.iter().find(|mount| places.contains(&mount.target));
    found.map(|mount| mount.source.clone())
}

/// Mounts of disks and networks below the root, but for the boot loader's, which stays, and for what is read-only media.
fn others(root: &Path, mounts: &[MountInfo]) -> Vec<OtherMount> {
    let boot = root.join("boot");
    let is_other = |mount: &&MountInfo| {
        let on_disk = mount.source.starts_with("/dev/") && !mount.source.starts_with("/dev/loop");
        let elsewhere = on_disk || ELSEWHERE.contains(&mount.fstype.as_str());
        let below = mount.target != root && mount.target.starts_with(root);
        let is_run = mount.target.starts_with("/run") || MEDIA.contains(&mount.fstype.as_str());
        elsewhere && below && !mount.target.starts_with(&boot) && !is_run
    };
    let other = |mount: &MountInfo| OtherMount {
        target: Path::new("/").join(mount.target.strip_prefix(root).unwrap_or(&mount.target)),
        source: mount.source.clone(),
        uuid: ext4::uuid(Path::new(&mount.source)),
    };
    mounts.iter().filter(is_other).map(other).collect()
}

fn look(root: &Path, path: &Path, mounts: &[MountInfo]) -> Keep {
    let inside = path.strip_prefix("/").unwrap_or(path);
    let place = root.join(inside);
    let real = fs::symlink_metadata(&place).ok().and_then(|_| {
        // The last part may be a link, which is carried over as such.
        let directory = place.parent()?.canonicalize().ok()?;
        let found = directory.join(place.file_name()?);
        let root = root.canonicalize().ok()?;
        Some(Path::new("/").join(found.strip_prefix(root).ok()?))
    });
    let to = keep::destination(path).ok().map(|kept| root.join(kept.to));
    Keep {
        path: path.to_path_buf(),
        mounted: mounts.iter().any(|m| m.target == place && place != root),
        taken: to.is_some_and(|to| {
            let empty = fs::read_dir(&to).is_ok_and(|mut entries| entries.next().is_none());
            to.exists() && !empty
        }),
        real,
    }
}
