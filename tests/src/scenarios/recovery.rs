//! kill -9, and everything comes back.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::guest::{Guest, READY};
use crate::suite::{Lab, Scenario};

/// Back-off included.
const RESTART: Duration = Duration::from_secs(60);

/// Checks of a Ready node; each leaves it Ready.
pub fn checks(scenario: Scenario) -> Scenario {
    scenario
        .only_all("every_service_comes_back_after_kill_9", services)
        .only_all("ready_again_after_kill_9_of_containerd", |lab| {
            applet(lab, "containerd")
        })
        .check("ready_again_after_kill_9_of_the_server", |lab| {
            applet(lab, "server")
        })
        .only_all("ready_again_after_kill_9_of_the_agent", |lab| {
            applet(lab, "agent")
        })
        .only_all("ready_again_after_kill_9_of_k3s", k3s)
}

fn services(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    // k3s has checks of its own.
    for unit in guest
        .active_services()?
        .iter()
        .filter(|unit| *unit != "k3s.service")
    {
        guest.kill_and_wait(unit, RESTART)?;
    }
    Ok(())
}

fn applet(lab: &mut Lab, applet: &str) -> Result<()> {
    let guest = lab.guest()?;
    let old = find(&guest, applet)?;
    guest.root(&format!("kill -9 {old}"))?;
    recovered(&guest, &format!("after-{applet}"))?;
    let new = find(&guest, applet)?;
    anyhow::ensure!(new != old, "killing {applet}: process {old} is still there");
    Ok(())
}

fn find(guest: &Guest, applet: &str) -> Result<u32> {
    guest
        .applet("kubernetes", applet)?
        .with_context(|| format!("finding the process 'kubernetes {applet}'"))
}

fn k3s(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.kill_and_wait("k3s.service", READY)?;
    recovered(&guest, "after-k3s")
}

/// The node's condition may be from before the kill; a new pod that runs is not.
fn recovered(guest: &Guest, pod: &str) -> Result<()> {
    guest.start_fresh_pod(pod)?;
    guest.wait_ready(READY)?;
    guest
        .kubectl(&format!("delete pod {pod} --now --wait=false"))
        .map(drop)
}
