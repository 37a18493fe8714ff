//! Mounting, moving and unmounting, with errors that name the device and the directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, umount2};

pub use nix::mount::MsFlags as Flags;

/// One file system to mount: what, where, its type, flags and options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The device, or the name that `/proc/mounts` shows for a virtual file system.
    pub source: PathBuf,
    /// The directory it appears on; made when it is missing.
    pub target: PathBuf,
    /// The file system's type as the kernel names it; empty for a bind mount.
    pub fstype: &'static str,
    /// Mount flags (`MS_*`).
    pub flags: MsFlags,
    /// File system options, comma separated; empty for none.
    pub options: String,
}

impl Mount {
    /// A virtual file system such as `proc`; its type is also its source's name.
    pub fn virtual_fs(fstype: &'static str, target: impl Into<PathBuf>, options: &str) -> Self {
        let nothing_special = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        Self {
            source: fstype.into(),
            target: target.into(),
            fstype,
            flags: nothing_special,
            options: options.into(),
        }
    }

    /// A block device.
    pub fn device(
        source: impl Into<PathBuf>,
        target: impl Into<PathBuf>,
        fstype: &'static str,
    ) -> Self {
        Self {
            source: source.into(),
            target: target.into(),
            fstype,
            flags: MsFlags::empty(),
            options: String::new(),
        }
    }

    /// `source`, a directory or file that exists, seen again at `target`.
    pub fn bind(source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        Self {
            source: source.into(),
            target: target.into(),
            fstype: "",
            flags: MsFlags::MS_BIND | MsFlags::MS_REC,
            options: String::new(),
        }
    }

    /// The same with these flags instead.
    pub fn with_flags(mut self, flags: MsFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Mounts it, making the target directory when it is missing.
    ///
    /// # Errors
    /// What the kernel answers, with source, type and target named.
    pub fn perform(&self) -> Result<()> {
        if !self.target.exists() {
            fs::create_dir_all(&self.target)
                .with_context(|| format!("making the directory {}", self.target.display()))?;
        }
        let fstype = (!self.fstype.is_empty()).then_some(self.fstype);
        let options = (!self.options.is_empty()).then_some(self.options.as_str());
        mount(
            Some(&self.source),
            &self.target,
            fstype,
            self.flags,
            options,
        )
        .with_context(|| self.describe())
    }

    fn describe(&self) -> String {
        let kind = if self.fstype.is_empty() {
            "bind"
        } else {
            self.fstype
        };
        format!(
            "mounting {} ({kind}) on {}",
            self.source.display(),
            self.target.display()
        )
    }
}

fn mount(
    source: Option<&Path>,
    target: &Path,
    fstype: Option<&str>,
    flags: MsFlags,
    options: Option<&str>,
) -> nix::Result<()> {
    nix::mount::mount(source, target, fstype, flags, options)
}

/// Makes a bind mount read-only (a bind mount takes its flags only by a second call).
///
/// # Errors
/// What the kernel answers.
pub fn remount_read_only(target: &Path, bind: bool) -> Result<()> {
    let mut flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    if bind {
        flags |= MsFlags::MS_BIND;
    }
    mount(None, target, None, flags, None)
        .with_context(|| format!("remounting {} read-only", target.display()))
}

/// Makes a file system writable that was mounted read-only, as `ro` on the command line asks for the root. Times of
/// access are not kept: they wear out memory cards.
///
/// # Errors
/// What the kernel answers, such as that the device is write-protected.
pub fn remount_writable(target: &Path) -> Result<()> {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_NOATIME;
    mount(None, target, None, flags, None)
        .with_context(|| format!("remounting {} writable", target.display()))
}

/// Moves a whole mount tree to another directory.
///
/// # Errors
/// What the kernel answers.
pub fn move_to(from: &Path, to: &Path) -> Result<()> {
    mount(Some(from), to, None, MsFlags::MS_MOVE, None)
        .with_context(|| format!("moving the mount {} to {}", from.display(), to.display()))
}

/// Sets the propagation of a mount tree, `MS_SHARED` or `MS_PRIVATE`.
///
/// # Errors
/// What the kernel answers.
pub fn propagate(target: &Path, how: MsFlags) -> Result<()> {
    mount(None, target, None, how | MsFlags::MS_REC, None)
        .with_context(|| format!("setting the mount propagation of {}", target.display()))
}

/// Unmounts; a target that is no mount point is not an error.
///
/// # Errors
/// What the kernel answers, usually that the file system is busy.
pub fn unmount(target: &Path) -> Result<()> {
    match umount2(target, MntFlags::empty()) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("unmounting {}", target.display())),
    }
}

/// How long a file system may be busy with what passes, such as a process that was just started and has not yet let go of
/// its parent's files.
const BUSY: Duration = Duration::from_secs(5);
/// How often a busy one is tried; the kernel tells nobody when it is free.
const BUSY_ROUND: Duration = Duration::from_millis(20);

/// Unmounts, waiting a moment where the file system is in use.
///
/// # Errors
/// As [`unmount`]; also when it is still busy after that moment.
pub fn unmount_patiently(target: &Path) -> Result<()> {
    let until = Instant::now() + BUSY;
    loop {
        match unmount(target) {
            Err(error) if is_busy(&error) && Instant::now() < until => thread::sleep(BUSY_ROUND),
            result => return result,
        }
    }
}

fn is_busy(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Errno>() == Some(&Errno::EBUSY)
}

/// Unmounts when it is no longer used, at once out of sight.
///
/// # Errors
/// What the kernel answers.
pub fn unmount_lazily(target: &Path) -> Result<()> {
    umount2(target, MntFlags::MNT_DETACH)
        .with_context(|| format!("unmounting {} lazily", target.display()))
}

/// Writes what is cached of the file system that is mounted here.
///
/// # Errors
/// What the kernel answers; a device that stands still never answers.
pub fn flush(target: &Path) -> Result<()> {
    let root = fs::File::open(target).with_context(|| format!("opening {}", target.display()))?;
    nix::unistd::syncfs(&root).with_context(|| format!("writing {}", target.display()))
}

/// Takes a file system away whose device or server does not answer: requests under way are given up (`MNT_FORCE`, which
/// network file systems and FUSE know), and it is out of sight at once.
///
/// # Errors
/// What the kernel answers.
pub fn abandon(target: &Path) -> Result<()> {
    let flags = MntFlags::MNT_FORCE | MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW;
    umount2(target, flags).with_context(|| format!("abandoning {}", target.display()))
}

/// One line of `/proc/self/mountinfo`, as far as it is needed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountInfo {
    /// Where it is mounted, with the kernel's octal escapes undone.
    pub target: PathBuf,
    /// The file system's type.
    pub fstype: String,
    /// The device or name it was mounted from.
    pub source: String,
    /// Whether the file system itself (not only this mount) can be written.
    pub writable: bool,
}

/// All mounts of this process in the order in which they were made.
///
/// # Errors
/// When `/proc/self/mountinfo` cannot be read.
pub fn list() -> Result<Vec<MountInfo>> {
    let text =
        fs::read_to_string("/proc/self/mountinfo").context("reading /proc/self/mountinfo")?;
    Ok(parse_mountinfo(&text))
}

/// Parses the text of `/proc/self/mountinfo` (proc_pid_mountinfo(5)); lines that do not fit are left out.
pub fn parse_mountinfo(text: &str) -> Vec<MountInfo> {
    text.lines().filter_map(parse_mountinfo_line).collect()
}

fn parse_mountinfo_line(line: &str) -> Option<MountInfo> {
    let (mount_part, fs_part) = line.split_once(" - ")?;
    let target = mount_part.split(' ').nth(4)?;
    let mut fs_fields = fs_part.split(' ');
    let fstype = fs_fields.next()?.to_string();
    let source = fs_fields.next()?.to_string();
    let super_options = fs_fields.next()?;
    Some(MountInfo {
        target: PathBuf::from(unescape_octal(target)),
        fstype,
        source,
        writable: super_options.split(',').any(|option| option == "rw"),
    })
}

/// Undoes the kernel's `\040` style escapes.
fn unescape_octal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let code = after
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                out.push(char::from(code));
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_gives_target_type_source_and_writability() {
        let text = "36 35 98:0 /x /mnt\\040a rw,noatime shared:1 - ext4 /dev/vda3 rw,errors=continue\n\
                    37 35 7:0 / /usr ro - squashfs /dev/loop0 ro\nnonsense\n";
        let mounts = parse_mountinfo(text);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].target, PathBuf::from("/mnt a"));
        assert_eq!(mounts[0].source, "/dev/vda3");
        assert!(mounts[0].writable);
        assert_eq!(mounts[1].fstype, "squashfs");
        assert!(!mounts[1].writable);
    }

    #[test]
    fn a_backslash_that_is_no_escape_stays() {
        assert_eq!(unescape_octal("a\\zb\\"), "a\\zb\\");
    }
}
