//! What a boot, a person and a boot that went well make of a takeover.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::perform::{Volume, perform};
use crate::record::{Phase, Record};
use crate::step::{Step, give_back, remove, take};
use crate::tree::Tree;

/// How the machine goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Our release boots.
    Boot,
    /// Off, as was asked.
    PowerOff,
    /// Again, into the other system.
    Reboot,
}

/// Does what this boot has to do, on the file system mounted at `root`. `asked`: the takeover's own menu started this boot;
/// `undo`: its entry that brings the other system back.
///
/// # Errors
/// What cannot be moved, and why. Another boot goes on from there.
pub fn at_boot(root: &Path, asked: bool, undo: bool, volume: &dyn Volume) -> Result<Next> {
    let Some(mut record) = Record::read(root)? else {
        return Ok(Next::Boot);
    };
    match record.phase {
        Phase::Undone if asked => {
            // The menu was put back, but GRUB saw the old one: it does not replay a journal.
            volume.settle()?;
            Ok(Next::Reboot)
        }
        Phase::Undone | Phase::Finishing => Ok(Next::Boot),
        Phase::Pending | Phase::Taken if !undo => move_aside(root, &mut record, volume),
        Phase::Pending | Phase::Taken | Phase::Undoing => {
            bring_back(root, &mut record, volume)?;
            Ok(Next::Reboot)
        }
    }
}

fn move_aside(root: &Path, record: &mut Record, volume: &dyn Volume) -> Result<Next> {
    if record.phase == Phase::Taken {
        return Ok(Next::Boot);
    }
    let tree = Tree::read(root, record, volume)?;
    let steps = take(record, &tree)?;
    all(root, record, &steps, volume)?;
    Ok(if record.power_off {
        Next::PowerOff
    } else {
        Next::Boot
    })
}

/// Brings the other system back; what is running meanwhile does not matter. Gives what was undone.
///
/// # Errors
/// When there is nothing to undo, or it is too late, or something cannot be moved.
pub fn undo(root: &Path, volume: &dyn Volume) -> Result<Record> {
    let record = Record::read(root)?;
    let mut record = record.context(
        "there is no takeover to undo: this disk was installed, or the other system is deleted",
    )?;
    if record.phase == Phase::Finishing {
        bail!(
            "{} is being deleted already; it cannot be brought back",
            record.system
        );
    }
    bring_back(root, &mut record, volume)?;
    Ok(record)
}

fn bring_back(root: &Path, record: &mut Record, volume: &dyn Volume) -> Result<()> {
    let tree = Tree::read(root, record, volume)?;
    let steps = give_back(record, &tree);
    all(root, record, &steps, volume)
}

/// Deletes the other system, after our release has booted well. Gives what was deleted; nothing when there is nothing to do.
///
/// # Errors
/// What cannot be deleted, and why.
pub fn finish(root: &Path, volume: &dyn Volume) -> Result<Option<Record>> {
    let Some(mut record) = Record::read(root)? else {
        return Ok(None);
    };
    if !matches!(record.phase, Phase::Taken | Phase::Finishing) {
        return Ok(None);
    }
    let steps = remove(&record);
    all(root, &mut record, &steps, volume)?;
    Ok(Some(record))
}

fn all(root: &Path, record: &mut Record, steps: &[Step], volume: &dyn Volume) -> Result<()> {
    steps
        .iter()
        .try_for_each(|step| perform(root, record, step, volume))
}

#[cfg(test)]
mod tests;
