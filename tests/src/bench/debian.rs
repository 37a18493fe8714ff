//! The reference: Debian of the image's own release with systemd, and our Kubernetes started by it.

mod disk;
mod root;

use std::path::Path;

use anyhow::{Context, Result};

use super::boot::{Boot, Milestone, NODE_READY, ROOT_ENTERED, SERVICES_UP, pod_running};
use super::memory;
use super::subject::Subject;
use crate::guest::Guest;
use crate::machine;
use crate::suite::Setup;

pub use disk::{make_card, make_plain};
pub use root::Root;

/// `ro` and `quiet` are what Debian's installer gives.
const CMDLINE: [&str; 3] = ["root=/dev/vda", "ro", "quiet"];
/// systemd's name of what was reached, the unit (none: systemd itself), and our name of it.
const STAMPS: [(&str, &str, &str); 4] = [
    ("UserspaceTimestampMonotonic", "", ROOT_ENTERED),
    (
        "ActiveEnterTimestampMonotonic",
        "multi-user.target",
        SERVICES_UP,
    ),
    (
        "ExecMainStartTimestampMonotonic",
        "k3s.service",
        "kubernetes_started",
    ),
    ("ActiveEnterTimestampMonotonic", "k3s.service", NODE_READY),
];

/// The machine with Kubernetes, which `unit` starts; its disk goes to `dir`. The kernel is our release's.
pub fn subject(setup: &Setup, root: &Root, unit: &str, dir: &Path) -> Result<Subject> {
    Ok(Subject {
        name: "debian",
        boot: machine::Boot::Direct {
            kernel: setup.artifacts.kernel(),
            initrd: root.initrd(),
        },
        disk: disk::make(&setup.release()?, root, unit, dir)?,
        words: CMDLINE.to_vec(),
        kubernetes: true,
    })
}

/// The same machine without Kubernetes.
pub fn alone(with: &Subject) -> Subject {
    let mut subject = with.clone();
    subject.name = "debian-alone";
    subject.words.push("systemd.mask=k3s.service");
    subject.kubernetes = false;
    subject
}

/// Reads systemd's stamps, the pod and the memory.
pub fn read(guest: &Guest) -> Result<Boot> {
    let mut milestones = stamps(guest)?;
    milestones.push(pod_running(guest)?);
    Ok(Boot {
        milestones,
        memory: memory::measure(guest)?,
    })
}

/// The same where there is no Kubernetes.
pub fn read_alone(guest: &Guest) -> Result<Boot> {
    Ok(Boot {
        milestones: stamps(guest)?,
        memory: memory::measure(guest)?,
    })
}

fn stamps(guest: &Guest) -> Result<Vec<Milestone>> {
    let mut milestones = Vec::new();
    for (stamp, unit, name) in STAMPS {
        let answer = guest.root(&format!("systemctl show -p {stamp} --value {unit}"))?;
        let micros = parse(&answer).with_context(|| format!("reading {stamp} of '{unit}'"))?;
        if let Some(micros) = micros {
            milestones.push(Milestone::new(name, micros / 1e6));
        }
    }
    Ok(milestones)
}

/// Microseconds since the kernel's start; nothing for what was not reached (0) or what a masked unit does not have (empty).
fn parse(answer: &str) -> Result<Option<f64>> {
    let answer = answer.trim();
    if answer.is_empty() {
        return Ok(None);
    }
    let micros: u64 = answer
        .parse()
        .with_context(|| format!("reading a number from '{answer}'"))?;
    Ok((micros > 0).then_some(micros as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_reached_has_no_time() {
        assert_eq!(parse("21500000\n").unwrap(), Some(21.5e6));
        assert_eq!(parse("0\n").unwrap(), None);
        assert_eq!(parse("\n").unwrap(), None);
        assert!(parse("n/a").is_err());
    }

    #[test]
    fn alone_means_that_kubernetes_is_masked() {
        let with = Subject {
            name: "debian",
            boot: machine::Boot::Bios,
            disk: "/d".into(),
            words: vec!["rw"],
            kubernetes: true,
        };
        let alone = alone(&with);
        assert_eq!(alone.words, ["rw", "systemd.mask=k3s.service"]);
        assert!(!alone.kubernetes && alone.disk == with.disk);
    }
}
