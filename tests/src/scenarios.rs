//! What the system promises, as scenarios. Each file tells one story.

mod broken;
mod configuration;
mod input;
mod install;
mod live;
mod login;
mod media;
mod network;
mod node;
pub mod objects;
mod recovery;
mod state;
mod workload;

use crate::suite::Scenario;

/// All scenarios, those that tell most first.
pub fn all() -> Vec<Scenario> {
    let mut all = vec![live::scenario()];
    all.extend(broken::scenarios());
    all.push(state::scenario());
    all.push(configuration::scenario());
    all.extend(network::scenarios());
    all.extend(media::scenarios());
    all.extend(install::scenarios());
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let mut seen = BTreeSet::new();
        for scenario in all() {
            for step in &scenario.steps {
                let name = format!("{}::{}", scenario.name, step.name);
                assert!(seen.insert(name.clone()), "{name} is there twice");
            }
        }
    }

    #[test]
    fn every_scenario_begins_with_a_gate() {
        for scenario in all() {
            assert!(
                scenario.steps.first().is_some_and(|step| step.gate),
                "{}",
                scenario.name
            );
        }
    }
}
