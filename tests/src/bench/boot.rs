//! One boot, from the kernel's start to a running pod.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::memory::{self, Memory};
use crate::guest::{Guest, POD, READY};
use crate::machine::{Machine, Reserved, Spec};
use crate::ssh::Ssh;
use crate::suite::Setup;

/// When something was reached, in seconds since the kernel's start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Milestone {
    /// Its name.
    pub name: String,
    /// When.
    pub seconds: f64,
}

/// The milestones of one boot, in their order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Boot {
    /// From init's start to the pod.
    pub milestones: Vec<Milestone>,
}

impl Boot {
    /// When `name` was reached.
    pub fn at(&self, name: &str) -> Option<f64> {
        let found = self
            .milestones
            .iter()
            .find(|milestone| milestone.name == name)?;
        Some(found.seconds)
    }
}

/// The pod's name for the report.
pub const POD_RUNNING: &str = "pod_running";

/// The ISO with a pod in the manifests folder: nobody's command starts it, only the boot does.
pub fn medium(setup: &Setup, dir: &Path) -> Result<PathBuf> {
    let image = format!("docker.io/k3os/system:{}", setup.release()?.version);
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bench", "namespace": "default"},
        "spec": {"containers": [{"name": "main", "image": image, "imagePullPolicy": "Never", "command": ["/pause"]}]},
    });
    let config = json!({
        "ssh_authorized_keys": [setup.key.public],
        "write_files": [{
            "path": "/var/lib/rancher/k3s/server/manifests/bench.yaml",
            "content": pod.to_string(),
        }],
    });
    let file = dir.join("bench.yaml");
    fs::write(&file, config.to_string()).with_context(|| format!("writing {}", file.display()))?;
    let iso = dir.join("bench.iso");
    setup.artifacts.remaster(&file, &iso)?;
    Ok(iso)
}

/// Boots once and measures.
pub fn measure(setup: &Setup, iso: &Path, dir: &Path) -> Result<(Boot, Memory)> {
    fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    let ports = Reserved::any()?.release()?;
    let spec = Spec::new("bench", setup.artifacts.direct(), ports, setup.accel)
        .word("k3os.mode", "live")
        .cdrom(iso);
    let _machine = Machine::start(&spec, dir, None)?;
    let guest = Guest::new(Ssh::new(ports.ssh, &setup.key));
    guest.ssh.wait(READY)?;
    guest.wait_ready(READY)?;
    guest.wait_root("kubectl get pod bench", POD)?;
    guest.wait_pod("bench")?;
    guest.wait_system_pods(READY)?;
    Ok((times(&guest)?, memory::measure(&guest)?))
}

fn times(guest: &Guest) -> Result<Boot> {
    let report: Value = serde_json::from_str(&guest.root("k3os boot-report -o json")?)
        .context("parsing the boot report")?;
    let mut milestones = milestones(&report);
    let pod = guest.get("pod bench")?;
    let running = &pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"];
    let stamp = running
        .as_str()
        .context("reading when the pod's container started")?;
    // Both clocks at the same moment; the stamp has whole seconds.
    let clocks = guest.root(&format!(
        "date -d {stamp} +%s; date +%s.%N; cut -d\" \" -f1 /proc/uptime"
    ))?;
    milestones.push(Milestone {
        name: POD_RUNNING.to_owned(),
        seconds: since_kernel_start(&clocks)
            .with_context(|| format!("reading the clocks '{clocks}'"))?,
    });
    Ok(Boot { milestones })
}

fn milestones(report: &Value) -> Vec<Milestone> {
    let list = report["milestones"].as_array();
    list.into_iter()
        .flatten()
        .filter_map(|milestone| {
            Some(Milestone {
                name: milestone["name"].as_str()?.to_owned(),
                seconds: milestone["at_ms"].as_f64()? / 1000.0,
            })
        })
        .collect()
}

/// Three lines: the event's time, the time now (both since 1970), and the uptime now.
fn since_kernel_start(clocks: &str) -> Option<f64> {
    let mut numbers = clocks.lines().map(|line| line.trim().parse::<f64>());
    let mut next = || numbers.next()?.ok();
    let (event, now, uptime) = (next()?, next()?, next()?);
    Some(event - (now - uptime))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_time_is_moved_to_the_kernels_clock() {
        let seconds = since_kernel_start("1040\n1060.5\n70.5\n").unwrap();
        assert!((seconds - 50.0).abs() < 1e-6);
        assert_eq!(since_kernel_start("1040\nx\n"), None);
    }

    #[test]
    fn milestones_come_in_seconds() {
        let report = json!({"milestones": [{"name": "node_ready", "at_ms": 41500}]});
        let boot = Boot {
            milestones: milestones(&report),
        };
        assert_eq!(boot.at("node_ready"), Some(41.5));
        assert_eq!(boot.at("other"), None);
    }
}
