//! The release's own programs as a node on the host's kernel: what needs no machine, in seconds.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::workload;
use crate::guest::POD;
use crate::native::{Signal, obstacle};
use crate::suite::{Lab, Scenario};

/// Some seconds suffice, unless much else runs.
const READY: Duration = Duration::from_secs(120);
/// k3s stops its three children in order.
const STOP: Duration = Duration::from_secs(60);

/// The web server of pod `web`, seen from the node.
const SERVING: &str = "grep -lx httpd /proc/[0-9]*/comm";

/// The scenario.
pub fn scenario() -> Scenario {
    let scenario = Scenario::sample("native-node")
        .unless(obstacle)
        .gate("a_node_becomes_ready", ready)
        .check("system_pods_become_available", |lab| {
            lab.guest()?.wait_system_pods(POD)
        });
    workload::checks(scenario)
        .check("pods_outlive_a_stop_of_kubernetes", |lab| {
            pods_outlive(lab, Signal::Term)
        })
        .check("pods_outlive_kill_9_of_k3s", |lab| {
            pods_outlive(lab, Signal::Kill)
        })
        .check("a_second_node_on_the_bridge_reaches_the_api", neighbour)
        .check("pods_end_when_the_shutdown_is_announced", announced)
}

/// Starts a native node with k3s and waits until it is Ready.
pub fn ready(lab: &mut Lab) -> Result<()> {
    lab.start_native(None)?.start_kubernetes("server", &[])?;
    lab.guest()?.wait_ready(READY)
}

/// The same container runs on, and the server that is started again knows it.
fn pods_outlive(lab: &mut Lab, signal: Signal) -> Result<()> {
    let container = "get pod web -o jsonpath={.status.containerStatuses[0].containerID}";
    let before = lab.guest()?.kubectl(container)?;
    let node = lab.native()?;
    node.stop_kubernetes(signal, STOP)?;
    node.guest().root(SERVING)?;
    node.start_kubernetes("server", &[])?;
    let guest = lab.guest()?;
    guest.wait_ready(READY)?;
    guest.start_fresh_pod(&format!("after-{signal:?}").to_lowercase())?;
    let after = guest.kubectl(container)?;
    ensure!(
        before == after,
        "restarting Kubernetes by {signal:?}: the pod's container was {before} and is {after}"
    );
    Ok(())
}

/// What joins a cluster must reach its server, and has a network of its own for that.
fn neighbour(lab: &mut Lab) -> Result<()> {
    let server = lab.native()?.address().to_owned();
    let neighbour = lab.start_neighbour("neighbour")?;
    let ask = format!(
        "curl -ksS --max-time 10 https://{server}:6443/readyz -o /dev/null -w %{{http_code}}"
    );
    let status = neighbour.guest().root(&ask)?;
    // Nobody is let in without a name; that it answers is enough.
    ensure!(
        status == "401" || status == "200",
        "asking the API from another node: {status}"
    );
    Ok(())
}

fn announced(lab: &mut Lab) -> Result<()> {
    let node = lab.native()?;
    node.guest().root(SERVING)?;
    node.signal(Signal::Usr1)?;
    let ended = format!("! {SERVING}");
    node.guest().wait_root(&ended, STOP).map(drop)
}
