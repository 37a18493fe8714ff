//! The plan of a takeover. Pure.

use std::path::{Path, PathBuf};

use takeover::{Kept, Phase, Record, keep};

use super::checks::check;
use super::identity::{Adopt, Identity};
use super::running::{OtherMount, Running};
use super::steps::Action;
use crate::disk_text;
use crate::facts::Facts;
use crate::grub::Menu;
use crate::manifest::Release;
use crate::plan::{Plan, unfit};
use crate::refusal::Refusal;
use crate::request::{Finish, Request};
use crate::settings::Settings;
use crate::steps::{NewFile, Step};

/// Makes the plan. `settings` is the configuration; what is adopted lies in a file beside it where it was given by the user.
///
/// # Errors
/// Everything that speaks against it; nothing is to be done then.
pub fn plan(
    request: &Request,
    (running, facts): (&Running, &Facts),
    (identity, adopt): (&Identity, Adopt),
    settings: &[(PathBuf, Settings)],
) -> Result<Plan, Vec<Refusal>> {
    let release = facts.release.as_ref().map_err(|error| {
        let next = "name the ISO, the mounted medium, or the release's directory behind the device";
        vec![Refusal::new(error.clone(), next)]
    })?;
    let mut refusals = check(request, running, facts, release);
    refusals.extend(unfit(release, facts.processor));
    let (Ok(device), Some(loader), Some(uuid)) = (&running.device, &running.loader, &running.uuid)
    else {
        return Err(refusals);
    };
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let record = Record {
        phase: Phase::Pending,
        version: release.version.clone(),
        system: running.system.clone(),
        uuid: uuid.clone(),
        label: running.label.clone(),
        loader: loader.clone(),
        keep: kept(running),
        power_off: request.finish == Finish::PowerOff,
    };
    let mut files: Vec<NewFile> = settings
        .iter()
        .map(|(path, s)| config_file(path, s))
        .collect();
    files.extend(identity.files(adopt));
    Ok(Plan {
        target: words(running, facts),
        disk: running.disk.clone(),
        sector: 512,
        identity: None,
        source: release.directory.clone(),
        configuration: origin(settings, &identity.words(adopt)),
        erases: false,
        notes: notes(running, &record),
        steps: steps(device, release, files, &record, request),
        // This system goes on until somebody starts the machine again; how that ends is in the record.
        finish: Finish::Stay,
        release: release.clone(),
    })
}

fn steps(
    device: &Path,
    release: &Release,
    files: Vec<NewFile>,
    record: &Record,
    request: &Request,
) -> Vec<Step> {
    let (version, size) = (release.version.clone(), release.size());
    let menu = Menu {
        debug: request.debug,
        tty: request.tty.clone(),
    };
    let record = record.clone();
    vec![
        Step::CheckRelease {
            version: version.clone(),
            size,
        },
        Step::Mount {
            device: device.to_path_buf(),
        },
        Step::Copy { version, size },
        Step::Write { files },
        Step::Takeover(Action::ReadBack { size }),
        Step::Takeover(Action::Prepare {
            record: record.clone(),
            menu: menu.text(),
        }),
        Step::Takeover(Action::SwitchMenu {
            menu: menu.takeover(&record.version, &record.uuid, &record.system),
            record,
        }),
    ]
}

/// Paths that are on the root; mounts are only spoken of.
fn kept(running: &Running) -> Vec<Kept> {
    let on_root = running.keep.iter().filter(|keep| !keep.mounted);
    on_root
        .filter_map(|keep| keep::destination(&keep.path).ok())
        .collect()
}

/// It holds secrets.
fn config_file(path: &Path, settings: &Settings) -> NewFile {
    NewFile {
        path: path.to_path_buf(),
        mode: 0o600,
        keep: false,
        bytes: settings.text.clone().into_bytes(),
    }
}

fn origin(settings: &[(PathBuf, Settings)], adopted: &[String]) -> String {
    let mut parts: Vec<&str> = settings.iter().map(|(_, s)| s.origin.as_str()).collect();
    parts.dedup();
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let mut text = parts.join(", ");
    if !adopted.is_empty() {
        let and = if text.is_empty() { "" } else { "; " };
        text.push_str(&format!(
            "{and}of the running system {}",
            adopted.join(", ")
        ));
    }
    text
}

fn words(running: &Running, facts: &Facts) -> String {
    let name = running.device.clone().unwrap_or_default();
    let disk = facts
        .disks
        .iter()
        .find(|disk| disk.disk.device == running.disk);
    let of = disk.map_or(String::new(), |disk| {
        format!(" of {}", disk_text::line(disk))
    });
    format!(
        "{}{of} (taken over from {}; its files are moved aside at the next boot, and deleted when ours has booted well)",
        name.display(),
        running.system
    )
}

fn notes(running: &Running, record: &Record) -> Vec<String> {
    let carried = |kept: &Kept| {
        format!(
            "Carried over: /{} will be {}",
            kept.from.display(),
            kept.running().display()
        )
    };
    let mut notes: Vec<String> = record.keep.iter().map(carried).collect();
    notes.extend(running.mounts.iter().map(unmounted));
    let then = if record.power_off {
        "then the machine is switched off, once"
    } else {
        "then k3OS starts"
    };
    notes.push(format!(
        "At the next boot: {} is moved aside, {then}",
        record.system
    ));
    notes
}

fn unmounted(mount: &OtherMount) -> String {
    let source = mount
        .uuid
        .as_ref()
        .map_or(mount.source.clone(), |uuid| format!("UUID={uuid}"));
    let target = mount.target.display();
    format!(
        "No longer mounted: {target}; to mount it in k3OS, boot_cmd: mkdir -p {target} && mount {source} {target}"
    )
}
