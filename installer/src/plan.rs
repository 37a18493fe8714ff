//! From request and facts to steps, or to reasons why not. Pure.

mod target;

use std::path::PathBuf;

use serde::Serialize;
use system::disk::partition_device;

use crate::disk_identity::DiskIdentity;
use crate::facts::Facts;
use crate::grub;
use crate::layout;
use crate::manifest::Release;
use crate::processor::Processor;
use crate::refusal::Refusal;
use crate::request::{Finish, Request};
use crate::settings::Settings;
use crate::steps::{NewFile, Step};
use target::Target;
pub(crate) use target::candidates;

/// What will be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The disk, in words.
    pub target: String,
    /// The whole disk.
    pub disk: PathBuf,
    /// Bytes of a sector of it.
    pub sector: u64,
    /// What tells the disk from others, compared again before the first write; `None` where the running system is on it.
    #[serde(skip)]
    pub identity: Option<DiskIdentity>,
    /// The directory of the release.
    pub source: PathBuf,
    /// Where the configuration comes from, in words.
    pub configuration: String,
    /// Whether everything on the disk is lost.
    pub erases: bool,
    /// The steps.
    pub steps: Vec<Step>,
    /// What there is to know besides, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What happens afterwards.
    pub finish: Finish,
    /// The release.
    #[serde(skip)]
    pub release: Release,
}

/// Makes the plan.
///
/// # Errors
/// Everything that speaks against it; nothing is to be done then.
pub fn plan(request: &Request, facts: &Facts, settings: &Settings) -> Result<Plan, Vec<Refusal>> {
    let mut refusals = unsupported(request);
    let release = match &facts.release {
        Ok(release) => {
            refusals.extend(unfit(release, facts.processor));
            release
        }
        Err(error) => {
            refusals.push(Refusal::new(
                error.clone(),
                "start the machine from the ISO, where the release is",
            ));
            return Err(refusals);
        }
    };
    match target::find(request, facts, release) {
        Ok(target) if refusals.is_empty() => {
            Ok(Plan::of(request, (&target, release), facts, settings))
        }
        Ok(_) => Err(refusals),
        Err(more) => {
            refusals.extend(more);
            Err(refusals)
        }
    }
}

fn unsupported(request: &Request) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if request.takeover {
        refusals.push(Refusal::new(
            "a takeover is made on the system that is to be taken over, by its own command line",
            "run there: k3os install --takeover --no-format DEVICE ISO",
        ));
    }
    refusals
}

/// Why this release cannot be put onto a disk of a machine with this processor.
pub(crate) fn unfit(release: &Release, processor: Processor) -> Option<Refusal> {
    if release.processor != processor {
        let (theirs, own) = (release.processor.name(), processor.name());
        return Some(Refusal::new(
            format!("the release is for {theirs}, and this machine is {own}"),
            format!("use the released ISO for {own}"),
        ));
    }
    let missing = release.missing();
    let what = format!(
        "the release in {} lacks {}",
        release.directory.display(),
        missing.join(", ")
    );
    (!missing.is_empty()).then(|| Refusal::new(what, "write the medium again from a released ISO"))
}

impl Plan {
    fn of(
        request: &Request,
        (target, release): (&Target, &Release),
        facts: &Facts,
        settings: &Settings,
    ) -> Self {
        let mut steps = vec![Step::CheckRelease {
            version: release.version.clone(),
            size: release.size(),
        }];
        steps.extend(target.prepare());
        steps.push(Step::Copy {
            version: release.version.clone(),
            size: release.size(),
        });
        // Nothing that a boot looks at changes before the copy is known to be good.
        steps.push(Step::ReadBack {
            size: release.size(),
        });
        steps.push(Step::Write {
            files: files(request, target, settings),
        });
        steps.extend(target.label());
        steps.push(Step::Select {
            version: release.version.clone(),
        });
        steps.extend(target.complete(facts.firmware));
        Self {
            target: target.words(),
            disk: target.disk().to_path_buf(),
            sector: target.sector(),
            identity: Some(target.identity()),
            source: release.directory.clone(),
            configuration: settings.origin.clone(),
            erases: target.erases(),
            steps,
            notes: target::notes(request, facts, target),
            finish: request.finish,
            release: release.clone(),
        }
    }

    /// The partition that the release goes to.
    pub fn state_device(&self) -> PathBuf {
        let mounted = self.steps.iter().find_map(|step| match step {
            Step::Mount { device } => Some(device.clone()),
            _ => None,
        });
        mounted.unwrap_or_else(|| partition_device(&self.disk, layout::STATE_NUMBER))
    }

    /// The plan in words, one line for each step.
    pub fn text(&self) -> String {
        let mut lines = vec![
            format!("Disk: {}", self.target),
            format!(
                "Release: {} from {}",
                self.release.version,
                self.source.display()
            ),
            format!("Configuration: {}", self.configuration),
            "Steps:".to_owned(),
        ];
        for (number, step) in (1..).zip(&self.steps) {
            lines.push(format!("{number:3}. {}", step.words()));
        }
        lines.extend(self.notes.iter().cloned());
        lines.push(match self.finish {
            Finish::Stay => "Then: nothing more; start the machine again when you like".to_owned(),
            Finish::Reboot => "Then: the machine starts again".to_owned(),
            Finish::PowerOff => "Then: the machine is switched off".to_owned(),
        });
        lines.join("\n") + "\n"
    }
}

fn files(request: &Request, target: &Target, settings: &Settings) -> Vec<NewFile> {
    let menu = grub::Menu {
        debug: request.debug,
        tty: request.tty.clone(),
    };
    let file = |path: &str, mode, bytes: Vec<u8>| NewFile {
        path: path.into(),
        mode,
        keep: false,
        bytes,
    };
    let config = NewFile {
        // Who keeps a file system keeps its configuration, unless another one is named.
        keep: !target.erases() && request.config.is_none(),
        // It holds secrets.
        ..file(
            "k3os/system/config.yaml",
            0o600,
            settings.text.clone().into_bytes(),
        )
    };
    let mut files = vec![
        config,
        file("boot/grub/grub.cfg", 0o644, menu.text().into_bytes()),
    ];
    if target.erases() {
        let text = format!("{} {}\n", target.disk().display(), layout::STATE_NUMBER);
        files.push(file("k3os/system/growpart", 0o644, text.into_bytes()));
    }
    files
}

#[cfg(test)]
mod tests;
