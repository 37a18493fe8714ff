//! Files that are whole or untouched after a power cut: temporary file, fsync, rename, fsync of the directory.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use nix::libc;

/// A file as it shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content<'a> {
    /// Where.
    pub path: &'a Path,
    /// What it holds.
    pub bytes: &'a [u8],
    /// Its mode, set-id and sticky bits included.
    pub mode: u32,
    /// Its user and group; those of this process where `None`.
    pub owner: (Option<u32>, Option<u32>),
}

/// Makes the file what it shall be. Returns whether anything changed; a file that is right already is not touched.
///
/// Missing directories are made with mode 0755. The file is replaced, never written into, so a reader sees the old
/// one or the new one, and a symbolic link at its place is replaced too.
///
/// # Errors
/// When a directory or the file cannot be made. The old file is then still there, and no temporary one.
pub fn write(content: &Content<'_>) -> Result<bool> {
    write_in_directory(content, 0o755)
}

/// As [`write`], for a file of this process's own: missing directories are closed to others when the file is.
///
/// # Errors
/// As [`write`].
pub fn write_own(path: &Path, bytes: impl AsRef<[u8]>, mode: u32) -> Result<bool> {
    let content = Content {
        path,
        bytes: bytes.as_ref(),
        mode,
        owner: (None, None),
    };
    let is_private = mode & 0o077 == 0;
    write_in_directory(&content, if is_private { 0o700 } else { 0o755 })
}

fn write_in_directory(content: &Content<'_>, directory_mode: u32) -> Result<bool> {
    if is_as_wanted(content) {
        return Ok(false);
    }
    let directory = content.path.parent().unwrap_or(Path::new("/"));
    fs::DirBuilder::new()
        .recursive(true)
        .mode(directory_mode)
        .create(directory)
        .with_context(|| format!("making the directory {}", directory.display()))?;
    let temporary = temporary_path(content.path);
    let result = fill(&temporary, content).and_then(|()| fs::rename(&temporary, content.path));
    if let Err(error) = result {
        let _ = fs::remove_file(&temporary);
        return Err(error).with_context(|| format!("writing {}", content.path.display()));
    }
    sync_directory(directory)
        .with_context(|| format!("writing {} to disk", directory.display()))?;
    Ok(true)
}

/// Writes a directory's entries to disk: what was created, renamed or removed in it.
///
/// # Errors
/// When it cannot be opened or the disk fails.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        // Some file systems (those in memory, vfat) cannot sync a directory; there is nothing to be done then.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

/// Renames `from` to `to` in one step. What is at `to` is then at `from`: there is no moment without it.
///
/// # Errors
/// When one of the paths cannot be changed, or they lie on different file systems.
pub fn take_place(from: &Path, to: &Path) -> io::Result<()> {
    let path = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other);
    let (old, new) = (path(from)?, path(to)?);
    let flags = if to.exists() {
        libc::RENAME_EXCHANGE
    } else {
        libc::RENAME_NOREPLACE
    };
    // nix and musl have no function for it.
    // SAFETY: both paths are strings with an end that outlive the call, which keeps none of them.
    let result = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            old.as_ptr(),
            libc::AT_FDCWD,
            new.as_ptr(),
            flags,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn fill(temporary: &Path, content: &Content<'_>) -> io::Result<()> {
    // Only a power cut in an earlier boot, with the same process id, leaves one behind.
    let _ = fs::remove_file(temporary);
    // Closed to others until it has its owner and mode.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temporary)?;
    file.write_all(content.bytes)?;
    let (user, group) = content.owner;
    if user.is_some() || group.is_some() {
        fchown(&file, user, group)?;
    }
    // After the owner: changing the owner clears set-id bits.
    file.set_permissions(Permissions::from_mode(content.mode))?;
    file.sync_all()
}

fn is_as_wanted(content: &Content<'_>) -> bool {
    let Ok(present) = fs::symlink_metadata(content.path) else {
        return false;
    };
    let (user, group) = content.owner;
    present.is_file()
        && present.mode() & 0o7777 == content.mode
        && present.len() == content.bytes.len() as u64
        && user.is_none_or(|user| user == present.uid())
        && group.is_none_or(|group| group == present.gid())
        && fs::read(content.path).is_ok_and(|bytes| bytes == content.bytes)
}

/// A name beside the file that no other writer of this or another process uses.
fn temporary_path(path: &Path) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}-{number}.tmp", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content<'a>(path: &'a Path, bytes: &'a [u8], mode: u32) -> Content<'a> {
        Content {
            path,
            bytes,
            mode,
            owner: (None, None),
        }
    }

    #[test]
    fn what_was_there_changes_places_with_what_takes_it() {
        let root = tempfile::tempdir().unwrap();
        let [new, name] = ["new", "name"].map(|name| root.path().join(name));
        fs::create_dir(&new).unwrap();
        fs::write(new.join("a"), "1").unwrap();
        take_place(&new, &name).unwrap();
        assert!(!new.exists() && name.join("a").exists());
        fs::create_dir(&new).unwrap();
        take_place(&new, &name).unwrap();
        assert!(new.join("a").exists() && !name.join("a").exists());
        assert!(take_place(&root.path().join("gone"), &name).is_err());
    }

    #[test]
    fn writes_once_and_then_leaves_the_file_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/file");
        assert!(write(&content(&path, b"one", 0o640)).unwrap());
        let first = fs::metadata(&path).unwrap();
        assert!(!write(&content(&path, b"one", 0o640)).unwrap());
        assert_eq!(first.ino(), fs::metadata(&path).unwrap().ino());
        assert!(write(&content(&path, b"one", 0o4755)).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o4755);
    }

    #[test]
    fn directories_of_secrets_are_closed_to_others() {
        let directory = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        let (key, crt) = (
            directory.path().join("a/b.key"),
            directory.path().join("c/d.crt"),
        );
        assert!(write_own(&key, "secret", 0o600).unwrap());
        assert!(write_own(&crt, "public", 0o644).unwrap());
        assert_eq!(fs::read_to_string(&key).unwrap(), "secret");
        assert_eq!(
            (mode(&key), mode(&directory.path().join("a"))),
            (0o600, 0o700)
        );
        assert_eq!(
            (mode(&crt), mode(&directory.path().join("c"))),
            (0o644, 0o755)
        );
    }

    #[test]
    fn what_a_power_cut_left_behind_is_in_nobody_s_way() {
        let directory = tempfile::tempdir().unwrap();
        let temporary = directory.path().join(".f.tmp");
        fs::write(&temporary, "half").unwrap();
        fill(&temporary, &content(Path::new("f"), b"whole", 0o644)).unwrap();
        assert_eq!(fs::read(&temporary).unwrap(), b"whole");
    }

    #[test]
    fn a_link_is_replaced_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (
            directory.path().join("target"),
            directory.path().join("link"),
        );
        fs::write(&target, "kept").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write(&content(&link, b"new", 0o644)).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"kept");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
        let error = write(&content(&path, b"x", 0o644)).unwrap_err();
        assert!(error.to_string().starts_with("writing "), "{error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
