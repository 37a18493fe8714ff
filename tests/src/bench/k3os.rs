//! Our own machine: a state disk with the release on it.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::boot::{Boot, Milestone, pod_running};
use super::memory;
use super::subject::{DISK_MIB, MANIFEST, Subject};
use crate::disk::StateTree;
use crate::guest::Guest;
use crate::suite::Setup;

/// As on the medium's own menu.
const CMDLINE: [&str; 2] = ["quiet", "loglevel=5"];
/// Where the boot phase wrote the unit of Kubernetes.
const UNIT: &str = "/run/systemd/system/k3s.service";

/// The machine, with its disk below `dir`.
pub fn subject(setup: &Setup, dir: &Path) -> Result<Subject> {
    let release = setup.release()?;
    let tree = StateTree::with_release(&dir.join("k3os"), &release)?;
    let disk = tree
        .var(MANIFEST, &pod(&release.version))?
        .into_disk(&dir.join("k3os.disk"), DISK_MIB)?;
    Ok(Subject {
        name: "k3os",
        boot: setup.artifacts.direct(),
        disk: disk.path,
        words: CMDLINE.to_vec(),
        kubernetes: true,
    })
}

/// A pod of the image that every release has.
pub fn pod(version: &str) -> String {
    let image = format!("docker.io/k3os/system:{version}");
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bench", "namespace": "default"},
        "spec": {"containers": [{"name": "main", "image": image, "imagePullPolicy": "Never", "command": ["/pause"]}]},
    })
    .to_string()
}

/// Reads the boot report, the pod and the memory.
pub fn read(guest: &Guest) -> Result<Boot> {
    let report: Value = serde_json::from_str(&guest.root("k3os boot-report -o json")?)
        .context("parsing the boot report")?;
    let mut milestones = milestones(&report);
    milestones.push(pod_running(guest)?);
    Ok(Boot {
        milestones,
        memory: memory::measure(guest)?,
    })
}

/// The unit file that starts Kubernetes here.
pub fn unit(guest: &Guest) -> Result<String> {
    guest.root(&format!("cat {UNIT}"))
}

fn milestones(report: &Value) -> Vec<Milestone> {
    let list = report["milestones"].as_array();
    list.into_iter()
        .flatten()
        .filter_map(|milestone| {
            let seconds = milestone["at_ms"].as_f64()? / 1000.0;
            Some(Milestone::new(milestone["name"].as_str()?, seconds))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milestones_come_in_seconds() {
        let report = json!({"milestones": [{"name": "node_ready", "at_ms": 41500}]});
        assert_eq!(milestones(&report), [Milestone::new("node_ready", 41.5)]);
    }
}
