//! What the system promises, as scenarios. Each file tells one story.

mod arm;
mod board;
mod broken;
mod buses;
mod clock;
mod configuration;
mod connman;
mod input;
mod install;
mod install_interactive;
mod limits;
mod live;
mod login;
mod login_changes;
mod lost_cache;
mod media;
mod native;
mod netboot;
mod network;
mod node;
pub mod objects;
mod old_k3os;
mod one_year;
mod overlay;
mod own_iso;
mod phases;
mod power_cuts;
mod recovery;
mod repair;
mod rescue_login;
mod state;
mod takeover;
mod uefi_entry;
mod userdata;
mod watchdog;
mod workload;

use anyhow::{Result, ensure};

use crate::guest::Guest;
use crate::processor::Processor;
use crate::suite::Scenario;

/// All scenarios for artefacts of this processor.
pub fn of(processor: Processor) -> Vec<Scenario> {
    match processor {
        Processor::Amd64 => all(),
        Processor::Arm64 => arm::all(),
    }
}

/// All scenarios, those that tell most first.
fn all() -> Vec<Scenario> {
    let mut all = vec![native::scenario()];
    all.extend(lost_cache::scenarios());
    all.push(live::scenario());
    all.extend(broken::scenarios());
    all.push(watchdog::scenario());
    all.push(repair::scenario());
    all.push(state::scenario());
    all.push(configuration::scenario());
    all.push(userdata::scenario());
    all.push(phases::scenario());
    all.push(login_changes::scenario());
    all.push(connman::scenario());
    all.extend(network::scenarios());
    all.extend(media::scenarios());
    all.push(install::scenario());
    all.push(install_interactive::scenario());
    all.push(old_k3os::scenario());
    all.push(own_iso::scenario());
    all.push(uefi_entry::scenario());
    all.extend(buses::all());
    all.extend(netboot::scenarios());
    all.push(rescue_login::scenario());
    all.push(overlay::scenario());
    all.push(one_year::scenario());
    all.push(limits::scenario());
    all.push(takeover::scenario());
    all.push(power_cuts::scenario());
    all
}

/// Fails unless a command as root says this, white space around it aside.
fn expect(guest: &Guest, command: &str, wanted: &str) -> Result<()> {
    let said = guest.root(command)?;
    ensure!(
        said.trim() == wanted,
        "running '{command}': '{wanted}' expected, it said '{}'",
        said.trim()
    );
    Ok(())
}

/// Fails unless the machine's node has this label.
fn expect_label(guest: &Guest, key: &str, wanted: &str) -> Result<()> {
    let nodes = guest.get("nodes")?;
    let labels = &nodes["items"][0]["metadata"]["labels"];
    ensure!(
        labels[key] == wanted,
        "reading the node's labels: {key}={wanted} expected, it has {labels}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn both() -> impl Iterator<Item = (Scenario, &'static str)> {
        [Processor::Amd64, Processor::Arm64]
            .into_iter()
            .flat_map(|processor| {
                of(processor)
                    .into_iter()
                    .map(move |one| (one, processor.name()))
            })
    }

    #[test]
    fn names_are_unique() {
        let mut seen = BTreeSet::new();
        for (scenario, processor) in both() {
            let name = (processor, scenario.name);
            assert!(seen.insert((name, "")), "{name:?} is there twice");
            for step in &scenario.steps {
                assert!(
                    seen.insert((name, step.name)),
                    "{name:?}::{} is there twice",
                    step.name
                );
            }
        }
    }

    #[test]
    fn every_scenario_begins_with_a_gate() {
        for (scenario, _) in both() {
            assert!(
                scenario.steps.first().is_some_and(|step| step.gate),
                "{}",
                scenario.name
            );
        }
    }
}
