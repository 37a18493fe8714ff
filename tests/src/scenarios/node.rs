//! The node as its owner sees it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::expect_label;
use crate::suite::{Lab, Scenario};

/// Checks of a live, Ready node.
pub fn checks(scenario: Scenario) -> Scenario {
    scenario
        .check("system_pods_become_available", system_pods)
        .check("node_carries_mode_and_version", labels)
        .check("kubeconfig_is_private", kubeconfig)
        .check("kubectl_crictl_and_ctr_work_at_login", tools)
        .check("k3s_says_what_it_is", version)
        .check("services_run_and_have_logs", services)
        .check("boot_report_tells_every_milestone", boot_report)
}

fn system_pods(lab: &mut Lab) -> Result<()> {
    lab.guest()?.wait_system_pods(Duration::from_secs(240))
}

fn labels(lab: &mut Lab) -> Result<()> {
    let version = lab.setup.release()?.version;
    let guest = lab.guest()?;
    expect_label(&guest, "k3os.io/mode", "live")?;
    expect_label(&guest, "k3os.io/version", &version)
}

fn kubeconfig(lab: &mut Lab) -> Result<()> {
    let mode = lab
        .guest()?
        .root("stat -c %a:%U /etc/rancher/k3s/k3s.yaml")?;
    ensure!(
        mode.trim() == "600:root",
        "looking at k3s.yaml: it is {}",
        mode.trim()
    );
    Ok(())
}

fn tools(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.kubectl("version")?;
    let containers = guest.root("crictl ps")?;
    ensure!(
        containers.contains("coredns"),
        "running crictl ps: {containers}"
    );
    let images = guest.root("ctr -n k8s.io images list")?;
    ensure!(
        images.contains("k3os/system"),
        "running ctr images list: {images}"
    );
    Ok(())
}

fn version(lab: &mut Lab) -> Result<()> {
    let said = lab.guest()?.root("k3s --version")?;
    ensure!(said.contains("k3OS"), "running k3s --version: {said}");
    ensure!(
        said.contains("v1."),
        "running k3s --version: no Kubernetes version in {said}"
    );
    Ok(())
}

fn services(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let active = guest.active_services()?;
    for part in ["udev", "dbus", "connman", "ssh", "k3s.service", "getty"] {
        ensure!(
            active.iter().any(|unit| unit.contains(part)),
            "listing services: none with '{part}' runs: {active:?}"
        );
    }
    let log = guest.root("k3os logs k3s")?;
    ensure!(
        !log.trim().is_empty(),
        "reading the log of k3s: it is empty"
    );
    Ok(())
}

fn boot_report(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let text = guest.root("k3os boot-report")?;
    let json: Value = serde_json::from_str(&guest.root("k3os boot-report -o json")?)
        .context("parsing the boot report")?;
    for path in PATHS {
        let mut last = 0;
        for name in path {
            let at = milestone(&json, name).with_context(|| format!("finding {name} in {json}"))?;
            ensure!(
                at >= last,
                "reading the boot report: {name} at {at} ms is before {last} ms"
            );
            ensure!(
                text.contains(&name.replace('_', " ")),
                "reading the boot report: its text lacks {name}:\n{text}"
            );
            last = at;
        }
    }
    Ok(())
}

/// Milestones in their order. Kubernetes starts beside the other services, and waits for none of them.
const PATHS: [&[&str]; 2] = [
    &["init_started", "root_entered", "services_up"],
    &["root_entered", "server_started", "api_ready", "node_ready"],
];

/// When a milestone was reached, in ms since the kernel's start.
pub fn milestone(report: &Value, name: &str) -> Option<u64> {
    let milestones = report["milestones"].as_array()?;
    milestones
        .iter()
        .find(|milestone| milestone["name"] == name)?["at_ms"]
        .as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_milestone_is_found_by_name() {
        let report = json!({"milestones": [{"name": "a", "at_ms": 1}, {"name": "b", "at_ms": 2}]});
        assert_eq!(milestone(&report, "b"), Some(2));
        assert_eq!(milestone(&report, "c"), None);
    }
}
