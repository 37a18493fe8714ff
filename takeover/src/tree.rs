//! What is where on the file system: gathered once, the steps are made of it.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use crate::record::{Kept, Record};
use crate::{OLD_ROOT, perform::Volume};

/// Where a path that is carried over is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Something is where the other system has it.
    pub from: bool,
    /// Something other than an empty directory is where k3OS has it.
    pub to: bool,
}

/// The file system as the takeover sees it. Names are sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// What the root holds.
    pub root: Vec<OsString>,
    /// What `boot` holds.
    pub boot: Vec<OsString>,
    /// What the directory of moved files holds; `None` when no such directory.
    pub old_root: Option<Vec<OsString>>,
    /// What its `boot` holds; `None` when no such directory.
    pub old_boot: Option<Vec<OsString>>,
    /// Where each of the record's paths is, in its order.
    pub kept: Vec<Place>,
    /// The file system's label.
    pub label: String,
    /// The menu that GRUB reads is one of ours.
    pub menu_is_ours: bool,
}

impl Tree {
    /// Looks.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn read(root: &Path, record: &Record, volume: &dyn Volume) -> Result<Self> {
        let old_root = root.join(OLD_ROOT);
        Ok(Self {
            root: names(root)?.context("the file system has no root directory")?,
            boot: names(&root.join("boot"))?.unwrap_or_default(),
            old_boot: names(&old_root.join("boot"))?,
            old_root: names(&old_root)?,
            kept: record.keep.iter().map(|kept| place(root, kept)).collect(),
            label: volume.label()?,
            menu_is_ours: crate::is_ours(&root.join(&record.loader)),
        })
    }
}

fn place(root: &Path, kept: &Kept) -> Place {
    let to = root.join(&kept.to);
    let is_empty_directory = names(&to).is_ok_and(|names| names.is_some_and(|n| n.is_empty()));
    Place {
        from: fs::symlink_metadata(root.join(&kept.from)).is_ok(),
        to: fs::symlink_metadata(to).is_ok() && !is_empty_directory,
    }
}

/// The sorted names in a directory; `None` when there is no directory. A link to one is none.
fn names(directory: &Path) -> Result<Option<Vec<OsString>>> {
    let is_directory = fs::symlink_metadata(directory).is_ok_and(|meta| meta.is_dir());
    if !is_directory {
        return Ok(None);
    }
    let reading = || format!("reading {}", directory.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).with_context(reading)? {
        match entry {
            Ok(entry) => names.push(entry.file_name()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(reading),
        }
    }
    names.sort();
    Ok(Some(names))
}
