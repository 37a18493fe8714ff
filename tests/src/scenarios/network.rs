//! Machines that get no address: the node comes up all the same.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::guest::READY;
use crate::machine::Net;
use crate::suite::{Lab, Scenario};

/// The scenarios.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::full("no-dhcp").gate("ready_all_the_same", |lab| ready(lab, Net::Silent)),
        Scenario::full("no-card").gate("ready_all_the_same", |lab| ready(lab, Net::NoCard)),
    ]
}

fn ready(lab: &mut Lab, net: Net) -> Result<()> {
    let spec = lab.live()?.net(net);
    let serial = &mut lab.start(&spec)?.serial;
    serial.login("rancher", READY)?;
    let wait = "until sudo kubectl get nodes -o name 2>/dev/null | grep -q node/; do sleep 1; done; \
                sudo kubectl wait --timeout=300s --for=condition=Ready node --all";
    let answer = serial.run(wait, READY + Duration::from_secs(300))?;
    ensure!(
        answer.status == 0,
        "waiting for the node without an address: {}",
        answer.text
    );
    Ok(())
}
