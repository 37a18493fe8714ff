//! Does steps, one after the other.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::loader;
use crate::record::Record;
use crate::step::Step;

/// The file system as a whole.
pub trait Volume {
    /// Its label.
    ///
    /// # Errors
    /// When it cannot be told.
    fn label(&self) -> Result<String>;
    /// Labels it.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn set_label(&self, label: &str) -> Result<()>;
    /// Writes everything to its final place.
    ///
    /// # Errors
    /// When the disk fails.
    fn settle(&self) -> Result<()>;
}

/// A mounted ext4 file system.
#[derive(Debug, Clone)]
pub struct Disk {
    /// Its device.
    pub device: PathBuf,
    /// Where it is mounted, writable.
    pub root: PathBuf,
}

impl Volume for Disk {
    fn label(&self) -> Result<String> {
        Ok(system::content::read(&self.device).label)
    }

    fn set_label(&self, label: &str) -> Result<()> {
        system::ext4::set_label(&self.root, label)
    }

    fn settle(&self) -> Result<()> {
        system::ext4::settle(&self.root)
    }
}

/// Does one step.
pub(crate) fn perform(
    root: &Path,
    record: &mut Record,
    step: &Step,
    volume: &dyn Volume,
) -> Result<()> {
    match step {
        Step::Phase(phase) => {
            record.phase = *phase;
            record.write(root)
        }
        Step::Parents { from, to } => make_parents(root, from, to),
        Step::Directory(path) => make_directory(&root.join(path)),
        Step::Move { from, to } => rename(&root.join(from), &root.join(to)),
        Step::RemoveDirectory(path) => {
            let path = root.join(path);
            fs::remove_dir(&path).with_context(|| format!("removing {}", path.display()))
        }
        Step::Label(label) => volume.set_label(label),
        Step::RestoreLoader => loader::restore(root, &record.loader),
        Step::FinalMenu => loader::make_final(root, &record.loader),
        Step::Settle => volume.settle(),
        Step::Delete(path) => delete(&root.join(path)),
    }
}

fn make_directory(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("making {}", path.display()))
}

/// From the outermost inwards: those that have no counterpart belong to root and can be read by all.
fn make_parents(root: &Path, from: &Path, to: &Path) -> Result<()> {
    let outer = |path: &Path| path.parent().map(Path::to_path_buf).unwrap_or_default();
    let is_some = |path: &PathBuf| !path.as_os_str().is_empty();
    let mut pairs = Vec::new();
    let (mut like, mut directory) = (outer(from), outer(to));
    while is_some(&directory) {
        let counterpart = Some(root.join(&like)).filter(|_| is_some(&like));
        pairs.push((counterpart, root.join(&directory)));
        (like, directory) = (outer(&like), outer(&directory));
    }
    pairs
        .iter()
        .rev()
        .filter(|(_, directory)| !directory.is_dir())
        .try_for_each(|(like, directory)| make_like(like.as_deref(), directory))
}

fn make_like(like: Option<&Path>, directory: &Path) -> Result<()> {
    let making = || format!("making {}", directory.display());
    let meta = like.and_then(|like| fs::metadata(like).ok());
    let mode = meta.as_ref().map_or(0o755, |meta| meta.mode() & 0o7777);
    // With its owner before its mode, and with its mode before its name: a cut must not leave a directory that is too open.
    fs::DirBuilder::new()
        .mode(0o700)
        .create(directory)
        .with_context(making)?;
    if let Some(meta) = meta {
        chown(directory, Some(meta.uid()), Some(meta.gid())).with_context(making)?;
    }
    fs::set_permissions(directory, fs::Permissions::from_mode(mode)).with_context(making)
}

/// rename(2) would silently replace a file.
fn rename(from: &Path, to: &Path) -> Result<()> {
    let is_empty_directory = fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_none());
    if fs::symlink_metadata(to).is_ok() && !is_empty_directory {
        bail!(
            "moving {}: {} is there already; rename one of them",
            from.display(),
            to.display()
        );
    }
    fs::rename(from, to).with_context(|| format!("moving {} to {}", from.display(), to.display()))
}

fn delete(path: &Path) -> Result<()> {
    let deleted = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match deleted {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result.with_context(|| format!("deleting {}", path.display())),
    }
}
