//! Where a release goes: a whole disk that is erased, or a file system that is kept.

mod kept;

use std::path::{Path, PathBuf};

use system::disk::{Disk, partition_device};

use crate::disk_identity::DiskIdentity;
use crate::disk_text;
use crate::facts::{DiskFacts, Facts, Firmware, Volume};
use crate::layout::{self, Role, STATE_LABEL, Slice};
use crate::manifest::Release;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::selector::{Choice, Selector};
use crate::size;
use crate::steps::Step;

/// A place that was found fit.
pub(super) enum Target<'a> {
    /// All of this disk.
    Disk(&'a DiskFacts, Vec<Slice>),
    /// This file system, which gets the label when it has another.
    Kept(Volume<'a>),
}

/// Finds it.
///
/// # Errors
/// Everything that speaks against it.
pub(super) fn find<'a>(
    request: &Request,
    facts: &'a Facts,
    release: &Release,
) -> Result<Target<'a>, Vec<Refusal>> {
    if let Some(error) = &facts.named_wrong {
        let next = format!("these are there:\n{}", disk_text::list(&facts.disks));
        return Err(vec![Refusal::new(error.clone(), next)]);
    }
    if request.no_format {
        return kept::find(request, facts, release).map(Target::Kept);
    }
    let least = layout::least_size(release);
    let disk = chosen(request, facts, least).map_err(|refusal| vec![refusal])?;
    let refusals = objections(disk, facts, least);
    if refusals.is_empty() {
        let slices = layout::divide(disk.disk.size, release.processor);
        Ok(Target::Disk(disk, slices))
    } else {
        Err(refusals)
    }
}

/// What there is to know of the choice: which disks were left aside, or that there was none but such.
pub(super) fn notes(request: &Request, facts: &Facts, target: &Target) -> Vec<String> {
    let disk = &target.disk_facts().disk;
    let Some(selector) = request.device.as_ref().filter(|s| s.is_comparison()) else {
        return Vec::new();
    };
    if let Some(why) = disk.outside {
        let name = disk.device.display();
        return vec![format!(
            "{name} is no built-in disk ({why}); there was no other for {selector}"
        )];
    }
    let aside = facts.disks.iter().map(|other| &other.disk);
    let aside = aside.filter(|other| !facts.is_medium_at(&other.device));
    let line = |other: &Disk| {
        let (name, why) = (other.device.display(), other.outside?);
        Some(format!(
            "{name} was left aside by {selector} ({why}); to install to it, name it by its path or serial number"
        ))
    };
    aside.filter_map(line).collect()
}

/// The disks that could be installed to now.
pub(crate) fn candidates(facts: &Facts, least: u64) -> Vec<&DiskFacts> {
    facts
        .disks
        .iter()
        .filter(|disk| blocked(disk, facts, least).is_empty())
        .collect()
}

fn chosen<'a>(request: &Request, facts: &'a Facts, least: u64) -> Result<&'a DiskFacts, Refusal> {
    let candidates = candidates(facts, least);
    let Some(selector) = &request.device else {
        let next = format!(
            "name one by --device or k3os.install.device:\n{}",
            disk_text::list(candidates)
        );
        return Err(Refusal::new("no disk was named", next));
    };
    if let Selector::Path(path) = selector
        && let Some(disk) = disk_of_partition(facts, path)
    {
        let what = format!("{} is a partition", path.display());
        let next = format!(
            "name the whole disk, {}, or use --no-format to keep the partition's file system",
            disk.display()
        );
        return Err(Refusal::new(what, next));
    }
    match selector.choose(&facts.disks, &candidates) {
        Choice::One(disk) => Ok(disk),
        Choice::None => Err(Refusal::new(
            format!("no disk is {selector}"),
            format!("these are there:\n{}", disk_text::list(&facts.disks)),
        )),
        Choice::Several(disks) => Err(Refusal::new(
            format!("several disks are {selector}"),
            format!(
                "name one of them by its path or serial number:\n{}",
                disk_text::list(disks)
            ),
        )),
    }
}

fn disk_of_partition<'a>(facts: &'a Facts, path: &Path) -> Option<&'a Path> {
    let has = |disk: &&DiskFacts| disk.partitions.iter().any(|(p, _)| p.device == path);
    facts
        .disks
        .iter()
        .find(has)
        .map(|disk| disk.disk.device.as_path())
}

/// Why this disk must not be erased.
fn objections(disk: &DiskFacts, facts: &Facts, least: u64) -> Vec<Refusal> {
    let mut refusals = blocked(disk, facts, least);
    let elsewhere = facts
        .states()
        .into_iter()
        .find(|volume| volume.disk.disk.device != disk.disk.device);
    if let Some(other) = elsewhere {
        refusals.push(Refusal::new(
            format!(
                "{} is labelled {STATE_LABEL} too, and two of them in one machine are mistaken for one another",
                other.device.display()
            ),
            format!(
                "take that disk out, or label it anew: e2label {} OLD_STATE",
                other.device.display()
            ),
        ));
    }
    refusals
}

/// What is wrong with the disk itself.
fn blocked(disk: &DiskFacts, facts: &Facts, least: u64) -> Vec<Refusal> {
    let name = disk.disk.device.display();
    let mut refusals = Vec::new();
    if facts.is_medium(disk) {
        refusals.push(Refusal::new(
            format!("{name} is the disk that the release comes from"),
            "choose another one",
        ));
    } else if !disk.in_use.is_empty() {
        refusals.push(Refusal::new(
            format!("{name} is in use: {}", disk.in_use.join(", ")),
            "unmount it first (umount, swapoff), or choose another disk",
        ));
    }
    if disk.disk.read_only {
        refusals.push(Refusal::new(
            format!("{name} is read-only"),
            "release its write protection, or choose another disk",
        ));
    }
    if disk.disk.size < least {
        refusals.push(Refusal::new(
            format!(
                "{name} is too small: it has {}, and {} are needed",
                size::show(disk.disk.size),
                size::show(least)
            ),
            "choose a larger disk",
        ));
    }
    if ![512, 4096].contains(&disk.disk.sector) {
        refusals.push(Refusal::new(
            format!("{name} has sectors of {} bytes", disk.disk.sector),
            "choose a disk whose sectors have 512 or 4096 bytes",
        ));
    }
    refusals
}

/// The step that puts onto a new partition what it is for.
fn fill(role: Role, device: PathBuf) -> Step {
    match role {
        Role::BiosBoot => Step::LoaderBios { device },
        Role::Esp => Step::LoaderUefi { device },
        Role::State => Step::FormatState { device },
    }
}

impl Target<'_> {
    fn disk_facts(&self) -> &DiskFacts {
        match self {
            Self::Disk(disk, _) => disk,
            Self::Kept(volume) => volume.disk,
        }
    }

    pub(super) fn disk(&self) -> &Path {
        &self.disk_facts().disk.device
    }

    pub(super) fn sector(&self) -> u64 {
        self.disk_facts().disk.sector
    }

    pub(super) fn identity(&self) -> DiskIdentity {
        DiskIdentity::of(&self.disk_facts().disk)
    }

    pub(super) fn erases(&self) -> bool {
        matches!(self, Self::Disk(..))
    }

    /// The target in words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Disk(disk, _) => format!("{} (will be erased)", disk_text::line(disk)),
            Self::Kept(volume) => format!(
                "{} of {} (its files are kept)",
                volume.device.display(),
                disk_text::line(volume.disk)
            ),
        }
    }

    /// The steps until the state partition is mounted.
    pub(super) fn prepare(&self) -> Vec<Step> {
        match self {
            Self::Disk(facts, slices) => {
                let disk = &facts.disk.device;
                let part = |number| partition_device(disk, number);
                let device = disk.clone();
                let mut steps = vec![
                    Step::Erase {
                        device: device.clone(),
                    },
                    Step::Divide {
                        device,
                        slices: slices.clone(),
                    },
                ];
                steps.extend(
                    slices
                        .iter()
                        .map(|slice| fill(slice.role, part(slice.number))),
                );
                let device = part(layout::STATE_NUMBER);
                steps.push(Step::Mount { device });
                steps
            }
            Self::Kept(volume) => {
                let device = volume.device.into();
                vec![Step::Mount { device }]
            }
        }
    }

    /// The step that makes a kept file system the state partition. Until the copy is known to be good it keeps the label by which
    /// its owner knows it.
    pub(super) fn label(&self) -> Option<Step> {
        let Self::Kept(volume) = self else {
            return None;
        };
        let device = volume.device.into();
        (volume.content.label != STATE_LABEL).then_some(Step::Label { device })
    }

    /// The steps after everything was written.
    pub(super) fn complete(&self, firmware: Firmware) -> Vec<Step> {
        if !self.erases() {
            return Vec::new();
        }
        let device = self.disk().to_path_buf();
        let entry = (firmware == Firmware::Uefi).then_some(Step::BootEntry);
        std::iter::once(Step::Commit { device })
            .chain(entry)
            .collect()
    }
}
