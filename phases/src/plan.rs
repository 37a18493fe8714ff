//! The plan: from the configuration and the facts to steps, purely.
//!
//! The order in each phase: login first and by itself, then what others build on (modules, settings, name,
//! network), then files, variables and Kubernetes, and commands last.

mod login;
mod machine;
mod network;

use std::collections::BTreeSet;

use config::{Loaded, Origin, Origins, Problem};

pub(crate) use login::{KEYS_FILE, SSHD_SETTINGS};
pub(crate) use network::IWD;

use crate::facts::Facts;
use crate::phase::Phase;
use crate::step::{Action, Step};
use crate::unit;

/// Computes the steps of a phase.
pub fn plan(phase: Phase, loaded: &Loaded, facts: &Facts) -> Vec<Step> {
    let mut planner = Planner {
        phase,
        loaded,
        facts,
        steps: Vec::new(),
    };
    if phase != Phase::Install {
        planner.login();
        planner.machine();
        planner.network();
        planner.files();
        planner.environment();
        planner.metadata();
    }
    planner.kubernetes();
    planner.fetch_keys(false);
    planner.commands();
    planner.fetch_keys(true);
    planner.default_timezone();
    without_overwritten(planner.steps)
}

/// Leaves out files that a later step writes anyway: what the user writes takes the place of what we generate, and applying
/// the plan again changes nothing.
fn without_overwritten(steps: Vec<Step>) -> Vec<Step> {
    let written = |step: &Step| match &step.action {
        Action::Write(file) | Action::WriteFor(file, _) if !file.once => Some(file.path.clone()),
        _ => None,
    };
    let mut later = BTreeSet::new();
    let mut kept: Vec<_> = steps
        .into_iter()
        .rev()
        .filter(|step| written(step).is_none_or(|path| later.insert(path)))
        .collect();
    kept.reverse();
    kept
}

/// Shown above the login prompt while Kubernetes is not started for a doubt about the configuration.
pub(crate) const NOTICE: &str = "/run/issue.d/55-kubernetes.issue";

/// Gathers the steps of one phase.
struct Planner<'a> {
    phase: Phase,
    loaded: &'a Loaded,
    facts: &'a Facts,
    steps: Vec<Step>,
}

impl Planner<'_> {
    fn add(&mut self, key: impl Into<String>, action: Action) {
        let key = key.into();
        let origins: &Origins = &self.loaded.origins;
        let origin = origins.of(&key).cloned();
        self.steps.push(Step {
            key,
            origin,
            action,
        });
    }

    /// Not in the initrd phase, since nothing runs there; not while installing or without a system.
    fn kubernetes(&mut self) {
        let without = matches!(self.facts.mode.as_str(), "install" | "shell");
        if self.phase == Phase::Initrd || without || self.awaits_metadata() {
            return;
        }
        if let Some(doubt) = self.loaded.doubts.first() {
            return self.withhold_kubernetes(doubt);
        }
        if self.facts.has_notice {
            self.add("k3os.k3s_args", Action::Remove(NOTICE.into()));
        }
        let restart = self.phase != Phase::Boot;
        let service = unit::service(&self.loaded.config, self.facts, restart);
        self.add("k3os.k3s_args", Action::Service(service));
    }

    /// What says whose server or agent this is does not apply: starting all the same would make another machine of it, of
    /// which its owner learns when the data is there. What runs already goes on as it is.
    fn withhold_kubernetes(&mut self, doubt: &Problem) {
        let words =
            format!("Kubernetes is not started: {doubt}. Correct it, then: sudo k3os config");
        self.add(&doubt.key, machine::public_file(NOTICE, words + "\n"));
        let reason = "Kubernetes is not started without it, since this would be a machine of another cluster or name";
        self.steps.push(Step {
            key: doubt.key.clone(),
            origin: doubt.place.map(|place| Origin {
                source: doubt.source.clone(),
                place,
            }),
            action: Action::Refuse(reason.into()),
        });
    }

    /// Userdata that comes over the network may say whether this is a server, and of which cluster. So Kubernetes starts
    /// with the runtime phase, which has asked for it.
    fn awaits_metadata(&self) -> bool {
        let names = &self.loaded.config.k3os.data_sources;
        self.phase == Phase::Boot
            && !self.facts.has_metadata
            && data_sources::names_a_service(names)
    }
}

#[cfg(test)]
mod tests;
