//! Why a system cannot be taken over. Pure; all of it is asked before anything is written.

use std::path::Path;

use takeover::{Kept, Phase, STATE_LABEL, keep};

use super::running::{Keep, OtherMount, Running};
use crate::facts::Facts;
use crate::layout;
use crate::manifest::Release;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::selector::Selector;
use crate::size;

/// Everything that speaks against it.
pub fn check(
    request: &Request,
    running: &Running,
    facts: &Facts,
    release: &Release,
) -> Vec<Refusal> {
    let mut refusals: Vec<Refusal> = [
        machine(running),
        foreign(running),
        flags(request, running),
        before(running),
        file_system(running),
        device(request, running),
        other_state(running, facts),
        loader(running),
        space(running, release),
    ]
    .into_iter()
    .flatten()
    .collect();
    refusals.extend(running.mounts.iter().filter_map(|m| mounted(m, running)));
    refusals.extend(running.keep.iter().filter_map(kept));
    refusals.extend(within_another(&running.keep));
    refusals
}

fn machine(running: &Running) -> Option<Refusal> {
    (running.machine != "x86_64").then(|| {
        Refusal::new(
            format!(
                "this machine is {}, and only x86_64 can be taken over",
                running.machine
            ),
            "unpack the release over its system, which can be undone as well: docs/arm.md",
        )
    })
}

fn foreign(running: &Running) -> Option<Refusal> {
    running.ours.then(|| {
        Refusal::new(
            "this is k3OS already",
            "to put it onto a disk, leave --takeover out; to change its release, upgrade it",
        )
    })
}

fn flags(request: &Request, running: &Running) -> Option<Refusal> {
    if !request.no_format {
        return Some(Refusal::new(
            "--takeover keeps the file system that is there",
            "give --no-format with it; without --takeover the whole disk is erased",
        ));
    }
    request.device.is_none().then(|| {
        let device = running.device.clone().unwrap_or_default();
        Refusal::new(
            "the partition of the root was not named",
            format!("name it: {}", device.display()),
        )
    })
}

fn before(running: &Running) -> Option<Refusal> {
    let record = running.before.as_ref()?;
    let over = record.phase == Phase::Undone || (record.phase == Phase::Undoing && !running.aside);
    (!over).then(|| {
        Refusal::new(
            format!("a takeover is under way: {}", record.words()),
            "start the machine again, or take it back: k3os takeover --undo",
        )
    })
}

fn file_system(running: &Running) -> Option<Refusal> {
    if let Err(error) = &running.device {
        return Some(Refusal::new(
            error.clone(),
            "install to a disk of its own, without --takeover",
        ));
    }
    if running.fstype != "ext4" || running.uuid.is_none() {
        return Some(Refusal::new(
            format!("the root is {}, and must be ext4", running.fstype),
            "install to a disk of its own, without --takeover",
        ));
    }
    let name = running.device.clone().unwrap_or_default();
    let name = name.display().to_string();
    if ["/dev/dm-", "/dev/md"]
        .iter()
        .any(|kind| name.starts_with(kind))
    {
        return Some(Refusal::new(
            format!("the root is on {name}, which is LVM, RAID or encryption"),
            "k3OS's own disk must be a plain partition: install without --takeover",
        ));
    }
    (!running.writable).then(|| {
        Refusal::new(
            "the root is mounted read-only",
            "make it writable: mount -o remount,rw /",
        )
    })
}

/// The partition of the root, or the disk that it is on.
fn device(request: &Request, running: &Running) -> Option<Refusal> {
    let root = running.device.as_ref().ok()?;
    let fits = match request.device.as_ref()? {
        Selector::Path(path) => {
            let real = path.canonicalize().unwrap_or_else(|_| path.clone());
            real == *root || real == running.disk
        }
        _ => false,
    };
    (!fits).then(|| {
        Refusal::new(
            format!(
                "the root is on {}, and not on what was named",
                root.display()
            ),
            format!("name that: {}", root.display()),
        )
    })
}

fn other_state(running: &Running, facts: &Facts) -> Option<Refusal> {
    let root = running.device.as_deref().ok();
    let other = facts
        .states()
        .into_iter()
        .find(|volume| Some(volume.device) != root)?;
    Some(Refusal::new(
        format!(
            "{} is labelled {STATE_LABEL}, and two of them in one machine are mistaken for one another",
            other.device.display()
        ),
        format!(
            "label it anew: e2label {} OLD_STATE",
            other.device.display()
        ),
    ))
}

fn loader(running: &Running) -> Option<Refusal> {
    if let Some(source) = &running.boot {
        return Some(Refusal::new(
            format!(
                "/boot is a file system of its own ({source}); GRUB's menu and the release must be on one"
            ),
            "copy its files onto the root, run grub-install and update-grub, and begin again; or install without --takeover",
        ));
    }
    running.loader.is_none().then(|| {
        Refusal::new(
            "there is no GRUB here: neither /boot/grub/grub.cfg nor /boot/grub2/grub.cfg",
            "install GRUB first (grub-install, update-grub), or install without --takeover",
        )
    })
}

fn space(running: &Running, release: &Release) -> Option<Refusal> {
    let least = layout::least_free(release);
    (running.free < least).then(|| {
        Refusal::new(
            format!(
                "the root has {} free, and {} are needed",
                size::show(running.free),
                size::show(least)
            ),
            "delete something (apt clean, old kernels)",
        )
    })
}

/// A mount is given up knowingly by naming it.
fn mounted(mount: &OtherMount, running: &Running) -> Option<Refusal> {
    let named = running.keep.iter().any(|keep| keep.path == mount.target);
    (!named).then(|| {
        let target = mount.target.display();
        Refusal::new(
            format!("{target} ({}) would no longer be mounted", mount.source),
            format!("unmount it, or say that you know, by --keep {target}: its files stay where they are"),
        )
    })
}

/// Each is moved by itself, so none may be inside another, neither here nor there.
fn within_another(keep: &[Keep]) -> Vec<Refusal> {
    let on_root = keep.iter().filter(|keep| !keep.mounted);
    let all: Vec<Kept> = on_root
        .filter_map(|keep| keep::destination(&keep.path).ok())
        .collect();
    let clash = |one: &Kept, other: &Kept| {
        one.from.starts_with(&other.from) || one.to.starts_with(&other.to)
    };
    let mut refusals = Vec::new();
    for (at, one) in all.iter().enumerate() {
        let rest = all.iter().skip(at + 1);
        refusals.extend(
            rest.filter(|other| clash(one, other) || clash(other, one))
                .map(|other| {
                    let what = format!(
                        "/{} and /{} cannot both be carried over",
                        one.from.display(),
                        other.from.display()
                    );
                    Refusal::new(what, "name only the outer one")
                }),
        );
    }
    refusals
}

fn kept(keep: &Keep) -> Option<Refusal> {
    let name = keep.path.display();
    let refuse = |what: String, next: &str| Some(Refusal::new(what, next));
    if keep.mounted {
        return None;
    }
    let kept = match keep::destination(&keep.path) {
        Ok(kept) => kept,
        Err(error) => return refuse(error, "correct --keep"),
    };
    match &keep.real {
        None => refuse(
            format!("--keep {name}: there is no such path"),
            "correct it",
        ),
        Some(real) if *real != Path::new("/").join(&kept.from) => {
            let next = format!("name {}", real.display());
            refuse(format!("{name} leads over a link"), &next)
        }
        Some(_) if keep.taken => refuse(
            format!(
                "/{} is there already, where {name} would go",
                kept.to.display()
            ),
            "remove it, or leave --keep out",
        ),
        Some(_) => None,
    }
}
