//! From the initramfs into the real root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use nix::unistd::{chdir, chroot};

use crate::mount::move_to;

/// Makes `new_root`, a mount point, the root of this process, moving these mounts (paths below `/`) into it and
/// freeing the memory that the initramfs takes.
///
/// pivot_root(2) cannot leave an initramfs, so the new root is moved over it, as switch_root(8) does.
///
/// # Errors
/// When a mount cannot be moved or the root cannot be changed.
pub fn enter(new_root: &Path, carried: &[&str]) -> Result<()> {
    for mount in carried {
        let target = new_root.join(mount.trim_start_matches('/'));
        fs::create_dir_all(&target)
            .with_context(|| format!("making the folder {}", target.display()))?;
        move_to(Path::new(mount), &target)?;
    }
    chdir(new_root).with_context(|| format!("going into {}", new_root.display()))?;
    empty_initramfs();
    move_to(Path::new("."), Path::new("/"))?;
    chroot(".").context("making the new root this process's root")?;
    chdir("/").context("going into the new root")
}

/// Deletes the files of the initramfs; what cannot be deleted only costs memory.
fn empty_initramfs() {
    if let Ok(root) = fs::metadata("/") {
        delete_below(Path::new("/"), root.dev());
    }
}

fn delete_below(folder: &Path, device: u64) {
    let Ok(entries) = fs::read_dir(folder) else {
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
