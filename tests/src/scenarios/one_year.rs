//! A node that runs for longer than its certificates last (365 days), without a restart: 400 days pass in a moment.

use std::time::Duration;

use anyhow::Result;

use super::workload;
use crate::guest::{POD, READY};
use crate::suite::{Lab, Scenario};

const DAYS: u64 = 400;
/// Certificates are looked at from time to time; a renewal may restart parts of Kubernetes.
const RENEWED: Duration = Duration::from_secs(600);
const MANIFEST: &str = "/var/lib/rancher/k3s/server/manifests/a-year-later.yaml";
/// When the node was last heard of.
const LEASE: &str =
    "kubectl get lease -n kube-node-lease -o jsonpath=\"{.items[0].spec.renewTime}\"";

/// The scenario.
pub fn scenario() -> Scenario {
    let scenario = Scenario::full("one-year")
        .gate("boots_to_ready_offline", super::live::boot)
        .gate("system_pods_become_available", |lab| {
            lab.guest()?.wait_system_pods(READY)
        })
        .gate("the_api_answers_after_400_days", pass)
        .check("the_kubelet_renews_its_lease", lease)
        .check("manifests_are_applied", manifests)
        .check("system_pods_are_available_again", |lab| {
            lab.guest()?.wait_system_pods(READY)
        });
    // Pods, the Service's endpoints, logs and exec (the API server's way to the kubelet), metrics, volumes.
    workload::checks(scenario).check("a_second_year_passes_too", |lab| {
        pass(lab)?;
        lease(lab)
    })
}

/// The clock of the guest; the host's is not touched.
fn pass(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.root(&format!("date -s @$(($(date +%s) + {DAYS} * 86400))"))?;
    guest.wait_root("kubectl get --raw /readyz", RENEWED)?;
    guest.wait_root("kubectl get nodes", RENEWED).map(drop)
}

fn lease(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let renewed = format!("test $(date +%s -d $({LEASE})) -gt $(($(date +%s) - 60))");
    guest.wait_root(&renewed, RENEWED)?;
    guest.wait_ready(READY)
}

/// By k3s' own client, which has its own certificate.
fn manifests(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.write(
        MANIFEST,
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a-year-later\n  namespace: default\n",
    )?;
    guest.wait_root("kubectl get configmap a-year-later", POD)?;
    guest.root(&format!("rm {MANIFEST}")).map(drop)
}
