//! From the initramfs, or from another system's root, into the real root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use nix::unistd::{chdir, chroot, pivot_root};

use crate::mount::{Flags, move_to, propagate, unmount_lazily};

/// The directory of the new root on which the old one lies for a moment.
const OLD_ROOT: &str = "mnt";

/// Makes `new_root`, a mount point, the root of this process, moving these mounts (paths below `/`) into it and
/// freeing the memory that the initramfs takes.
///
/// pivot_root(2) cannot leave an initramfs, so the new root is moved over it, as switch_root(8) does.
///
/// # Errors
/// When a mount cannot be moved or the root cannot be changed.
pub fn enter(new_root: &Path, carried: &[&str]) -> Result<()> {
    carry(new_root, carried)?;
    chdir(new_root).with_context(|| format!("going into {}", new_root.display()))?;
    empty_initramfs();
    move_to(Path::new("."), Path::new("/"))?;
    chroot(".").context("making the new root this process's root")?;
    chdir("/").context("going into the new root")
}

/// The same from a root that lies on a disk. It is left as it is, and no longer seen.
///
/// # Errors
/// When a mount cannot be moved or the root cannot be changed.
pub fn pivot(new_root: &Path, carried: &[&str]) -> Result<()> {
    // An initrd of systemd leaves shared mounts behind, which can neither be moved nor pivoted.
    propagate(Path::new("/"), Flags::MS_PRIVATE)?;
    carry(new_root, carried)?;
    chdir(new_root).with_context(|| format!("going into {}", new_root.display()))?;
    pivot_root(".", OLD_ROOT).context("making the new root the root")?;
    chdir("/").context("going into the new root")?;
    unmount_lazily(&Path::new("/").join(OLD_ROOT))
}

fn carry(new_root: &Path, mounts: &[&str]) -> Result<()> {
    for mount in mounts {
        let target = new_root.join(mount.trim_start_matches('/'));
        fs::create_dir_all(&target)
            .with_context(|| format!("making the directory {}", target.display()))?;
        move_to(Path::new(mount), &target)?;
    }
    Ok(())
}

/// Deletes the files of the initramfs; what cannot be deleted only costs memory.
fn empty_initramfs() {
    if let Ok(root) = fs::metadata("/") {
        delete_below(Path::new("/"), root.dev());
    }
}

fn delete_below(directory: &Path, device: u64) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(meta) = fs::symlink_metadata(&path) else {
            continue;
        };
        // Another file system is mounted there: the new root, or one of what it was made from.
        if meta.dev() != device {
            continue;
        }
        if meta.is_dir() {
            delete_below(&path, device);
            let _ = fs::remove_dir(&path);
        } else {
            let _ = fs::remove_file(&path);
        }
    }
}
