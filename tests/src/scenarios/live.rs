//! A machine from kernel, initrd and medium, with no disk and no way out of its network.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{input, login, node, recovery, workload};
use crate::guest::READY;
use crate::suite::{Lab, Scenario};

/// The scenario.
pub fn scenario() -> Scenario {
    let scenario = Scenario::sample("live").gate("boots_to_ready_offline", boot);
    let scenario = login::checks(scenario);
    let scenario = node::checks(scenario);
    let scenario = workload::answering(scenario);
    let scenario = workload::rest_for_all(scenario);
    let scenario = input::checks(scenario);
    recovery::checks(scenario).check("ctrl_alt_del_reboots_in_order", ctrl_alt_del)
}

/// Boots it and waits until its node is Ready.
pub fn boot(lab: &mut Lab) -> Result<()> {
    let spec = lab.live()?.exit_on_reboot();
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    guest.wait_ready(READY)
}

fn ctrl_alt_del(lab: &mut Lab) -> Result<()> {
    let machine = lab.machine()?;
    machine.qmp.ctrl_alt_del()?;
    let news = machine
        .qmp
        .wait_event("SHUTDOWN", Duration::from_secs(120))?;
    ensure!(
        news["reason"] == "guest-reset",
        "pressing Ctrl-Alt-Del: the machine ended otherwise than by a reboot: {news}"
    );
    machine.wait_end(Duration::from_secs(20)).map(drop)
}
