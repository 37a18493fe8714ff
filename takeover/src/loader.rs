//! GRUB's menu and environment block, kept aside and put back.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use system::durable::{self, sync_directory};

/// Where the loader's own files are kept, from the file system's root.
pub(crate) const SAVED: &str = "k3os/takeover/loader";
/// Where the menu of every installed disk waits, which takes the place of the takeover's own.
pub const FINAL: &str = "k3os/takeover/loader/final.cfg";
/// The files that are changed, in the order in which they are put back: with the menu the other system is back.
const FILES: [&str; 2] = ["grubenv", "grub.cfg"];
/// How each of our menus begins.
const MARK: &str = "# Written by the k3OS installer.";

/// Whether the menu in a loader's directory is one of ours.
pub fn is_ours(directory: &Path) -> bool {
    fs::read(directory.join("grub.cfg")).is_ok_and(|menu| menu.starts_with(MARK.as_bytes()))
}

/// Keeps the loader's files aside. One that was there before (of a takeover that was undone) goes.
///
/// # Errors
/// When they cannot be read or written.
pub fn save(root: &Path, directory: &Path) -> Result<()> {
    for name in FILES {
        let saved = root.join(SAVED).join(name);
        if !copy(&root.join(directory).join(name), &saved)? {
            delete(&saved)?;
        }
    }
    Ok(())
}

/// Puts them back.
pub(crate) fn restore(root: &Path, directory: &Path) -> Result<()> {
    for name in FILES {
        let place = root.join(directory).join(name);
        if !copy(&root.join(SAVED).join(name), &place)? {
            delete(&place)?;
        }
    }
    Ok(())
}

/// Gives the loader the menu of every installed disk, if that is still there to be given.
pub(crate) fn make_final(root: &Path, directory: &Path) -> Result<()> {
    copy(&root.join(FINAL), &root.join(directory).join("grub.cfg")).map(drop)
}

/// Copies a file with mode and owner. Tells whether there is one.
fn copy(from: &Path, to: &Path) -> Result<bool> {
    let reading = || format!("reading {}", from.display());
    let bytes = match fs::read(from) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(reading),
    };
    let meta = fs::metadata(from).with_context(reading)?;
    durable::write(&durable::Content {
        path: to,
        bytes: &bytes,
        mode: meta.mode() & 0o7777,
        owner: (Some(meta.uid()), Some(meta.gid())),
    })?;
    Ok(true)
}

fn delete(path: &Path) -> Result<()> {
    let removing = || format!("removing {}", path.display());
    match fs::remove_file(path) {
        Ok(()) => sync_directory(path.parent().unwrap_or(path)).with_context(removing),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(removing),
    }
}
