//! A file system that is kept: the one labelled K3OS_STATE, else the one that was named.

use crate::disk_text;
use crate::facts::{DiskFacts, Facts, Volume};
use crate::layout::{self, STATE_LABEL};
use crate::manifest::Release;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::selector::{Choice, Selector};
use crate::size;

/// Finds it.
///
/// # Errors
/// Everything that speaks against it.
pub(super) fn find<'a>(
    request: &Request,
    facts: &'a Facts,
    release: &Release,
) -> Result<Volume<'a>, Vec<Refusal>> {
    let volume = volume(request, facts).map_err(|refusal| vec![refusal])?;
    let refusals = objections(volume, release);
    if refusals.is_empty() {
        Ok(volume)
    } else {
        Err(refusals)
    }
}

/// Why this file system cannot take a release now.
fn objections(volume: Volume<'_>, release: &Release) -> Vec<Refusal> {
    let name = volume.device.display();
    let mut refusals = Vec::new();
    if volume.disk.disk.read_only {
        refusals.push(Refusal::new(
            format!("{name} is read-only"),
            "release its write protection",
        ));
    }
    let prefix = format!("{name} is ");
    if let Some(used) = volume.disk.in_use.iter().find(|u| u.starts_with(&prefix)) {
        refusals.push(Refusal::new(
            used.clone(),
            "unmount it first; a system that runs from it is upgraded, not installed again",
        ));
    }
    if volume.disk.content.member {
        refusals.push(Refusal::new(
            format!(
                "{name} is on a disk that belongs to something larger: {}",
                volume.disk.content.kind
            ),
            "a copy onto one disk of it would make them differ; if that is long over, remove its mark: wipefs (on a copy of the data)",
        ));
    }
    let (free, least) = (
        volume.content.free.unwrap_or(0),
        layout::least_free(release),
    );
    if free < least {
        refusals.push(Refusal::new(
            format!(
                "{name} has {} free, and {} are needed",
                size::show(free),
                size::show(least)
            ),
            "delete something on it, for instance an old release below /k3os/system/releases, or let it be formatted",
        ));
    }
    refusals
}

fn volume<'a>(request: &Request, facts: &'a Facts) -> Result<Volume<'a>, Refusal> {
    let labelled = facts.states();
    let named: Vec<Volume> = match &request.device {
        None => labelled.clone(),
        Some(selector) => named_volumes(selector, facts),
    };
    let foreign = |volume: &&Volume| named.iter().all(|n| n.device != volume.device);
    if let Some(other) = labelled.iter().find(foreign) {
        return Err(Refusal::new(
            format!(
                "{} is labelled {STATE_LABEL}, but is not the one that was named",
                other.device.display()
            ),
            "name it, or take its label away with e2label",
        ));
    }
    let fit: Vec<&Volume> = if labelled.is_empty() {
        named.iter().filter(|v| v.content.kind == "ext4").collect()
    } else {
        labelled.iter().collect()
    };
    match fit.as_slice() {
        [one] => Ok(**one),
        [] => Err(Refusal::new(
            format!("there is no ext4 file system labelled {STATE_LABEL} to keep"),
            format!(
                "name a partition with ext4 by --device, or leave --no-format out; these are there:\n{}",
                disk_text::list(&facts.disks)
            ),
        )),
        [first, second, ..] => Err(Refusal::new(
            format!(
                "{} and {} could both be kept",
                first.device.display(),
                second.device.display()
            ),
            "name one partition, and take the label K3OS_STATE away from the other with e2label",
        )),
    }
}

/// The file systems on what was named: one of a partition, or all of a disk.
fn named_volumes<'a>(selector: &Selector, facts: &'a Facts) -> Vec<Volume<'a>> {
    if let Selector::Path(path) = selector {
        let mut all = facts.disks.iter().flat_map(DiskFacts::volumes);
        let partition = all.find(|v| v.device == path && v.disk.disk.device != *path);
        if let Some(volume) = partition {
            return vec![volume];
        }
    }
    let everything: Vec<&DiskFacts> = facts.disks.iter().collect();
    match selector.choose(&facts.disks, &everything) {
        Choice::One(disk) => disk.volumes().collect(),
        Choice::None | Choice::Several(_) => Vec::new(),
    }
}
