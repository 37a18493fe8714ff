//! The steps of moving aside, moving back and deleting, as data. Pure: from the record and what is where.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::record::{PATH, Phase, Record};
use crate::tree::Tree;
use crate::{DIRECTORY, OLD_ROOT, STATE_LABEL};

/// What stays at the root: ours, the loader's (see [`LOADERS`]) and the file system's own.
const STAYS: [&str; 3] = ["k3os", "boot", "lost+found"];
/// What stays in `boot`: GRUB's modules and menu, which its core image looks for there.
const LOADERS: [&str; 2] = ["grub", "grub2"];

/// One step. Paths are from the file system's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write down how far it has come.
    Phase(Phase),
    /// Make the directories above `to`, each with mode and owner of the one above `from` that has the same name.
    Parents {
        /// Where the directories' modes and owners come from.
        from: PathBuf,
        /// What they are made for.
        to: PathBuf,
    },
    /// Make a directory that only root may look into.
    Directory(PathBuf),
    /// Rename; there must be nothing at the new place but perhaps an empty directory.
    Move {
        /// Where it is.
        from: PathBuf,
        /// Where it will be.
        to: PathBuf,
    },
    /// Remove a directory, which is empty.
    RemoveDirectory(PathBuf),
    /// Label the file system.
    Label(String),
    /// Put the menu and environment block back that GRUB had.
    RestoreLoader,
    /// Give GRUB the menu of every installed disk.
    FinalMenu,
    /// Write everything to its final place on the disk: GRUB does not replay a journal.
    Settle,
    /// Delete what is there, however much it is.
    Delete(PathBuf),
}

/// Moves the other system's files aside. What is carried over goes first, so that what is left is all old.
///
/// # Errors
/// When something is already where a path is to be carried to: nobody's files are written over.
pub fn take(record: &Record, tree: &Tree) -> Result<Vec<Step>> {
    let mut steps = keep(record, tree)?;
    let (old_root, old_boot) = (Path::new(OLD_ROOT), Path::new(OLD_ROOT).join("boot"));
    steps.push(Step::Directory(old_root.to_path_buf()));
    steps.extend(moves(Path::new(""), old_root, &tree.root, &STAYS));
    if tree.boot.iter().any(|name| !is_among(name, &LOADERS)) {
        steps.push(Step::Directory(old_boot.clone()));
        steps.extend(moves(Path::new("boot"), &old_boot, &tree.boot, &LOADERS));
    }
    if tree.label != STATE_LABEL {
        steps.push(Step::Label(STATE_LABEL.to_owned()));
    }
    steps.extend([Step::Settle, Step::Phase(Phase::Taken)]);
    Ok(steps)
}

fn keep(record: &Record, tree: &Tree) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for (kept, place) in record.keep.iter().zip(&tree.kept) {
        let (from, to) = (kept.from.clone(), kept.to.clone());
        match (place.from, place.to) {
            (true, true) => bail!(
                "/{} and /{} are both there; rename one of them, or bring {} back (the menu's last entry)",
                from.display(),
                to.display(),
                record.system
            ),
            (true, false) => {
                let parents = Step::Parents {
                    from: from.clone(),
                    to: to.clone(),
                };
                steps.extend([parents, Step::Move { from, to }]);
            }
            // Moved already, or removed by the other system meanwhile.
            (false, _) => {}
        }
    }
    Ok(steps)
}

/// Brings the other system back: its files, the paths that were carried over, the label, and last of all the loader's menu,
/// because until then our own initrd is started and goes on.
pub fn give_back(record: &Record, tree: &Tree) -> Vec<Step> {
    let (old_root, old_boot) = (Path::new(OLD_ROOT), Path::new(OLD_ROOT).join("boot"));
    let mut steps = vec![Step::Phase(Phase::Undoing)];
    if let Some(names) = &tree.old_boot {
        steps.extend(moves(&old_boot, Path::new("boot"), names, &[]));
        steps.push(Step::RemoveDirectory(old_boot));
    }
    if let Some(names) = &tree.old_root {
        steps.extend(moves(old_root, Path::new(""), names, &["boot"]));
        steps.push(Step::RemoveDirectory(old_root.to_path_buf()));
    }
    for (kept, place) in record.keep.iter().zip(&tree.kept).rev() {
        if place.to && !place.from {
            steps.push(Step::Move {
                from: kept.to.clone(),
                to: kept.from.clone(),
            });
        }
    }
    if tree.label != record.label {
        steps.push(Step::Label(record.label.clone()));
    }
    steps.push(Step::Settle);
    // A menu that the other system has made since then is its own business.
    if tree.menu_is_ours {
        steps.extend([Step::RestoreLoader, Step::Settle]);
    }
    steps.push(Step::Phase(Phase::Undone));
    steps
}

/// Deletes the other system. From the first step on it cannot be brought back.
pub fn remove(_: &Record) -> Vec<Step> {
    vec![
        Step::Phase(Phase::Finishing),
        Step::FinalMenu,
        Step::Settle,
        Step::Delete(OLD_ROOT.into()),
        Step::Delete(crate::loader::SAVED.into()),
        Step::Delete(PATH.into()),
        Step::Delete(DIRECTORY.into()),
    ]
}

fn moves<'a>(
    from: &'a Path,
    to: &'a Path,
    names: &'a [OsString],
    but: &'a [&str],
) -> impl Iterator<Item = Step> + 'a {
    let moved = names.iter().filter(|name| !is_among(name, but));
    moved.map(|name| Step::Move {
        from: from.join(name),
        to: to.join(name),
    })
}

fn is_among(name: &OsString, list: &[&str]) -> bool {
    list.iter().any(|known| name == known)
}
