//! Which units to start or stop for a goal, and what each waits for. Pure.

mod edges;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::unit::Unit;
use edges::Edges;

/// The units that are known, and their other names.
#[derive(Debug, Clone, Default)]
pub struct Units {
    /// By true name.
    pub by_name: BTreeMap<String, Unit>,
    /// Alias → true name.
    pub aliases: BTreeMap<String, String>,
}

impl Units {
    /// The true name of what a unit file calls `name`.
    ///
    /// There is no socket activation: a dependency on `x.socket` is one on `x.service`.
    pub fn canonical(&self, name: &str) -> String {
        if let Some(name) = self.aliases.get(name) {
            return name.clone();
        }
        match name.strip_suffix(".socket") {
            Some(stem) => self.canonical(&format!("{stem}.service")),
            None => name.to_owned(),
        }
    }

    /// A unit by any of its names.
    pub fn get(&self, name: &str) -> Option<&Unit> {
        self.by_name.get(&self.canonical(name))
    }

    fn canonical_set(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        names.iter().map(|name| self.canonical(name)).collect()
    }

    /// What a unit orders itself after, within `members`: `After=` of its own, `Before=` of others.
    fn explicit_after(&self, unit: &Unit, members: &BTreeSet<String>) -> BTreeSet<String> {
        let mut after = self.canonical_set(&unit.after);
        let before_it = |name: &&String| {
            let other = self.by_name.get(*name);
            other.is_some_and(|other| self.canonical_set(&other.before).contains(&unit.name))
        };
        after.extend(members.iter().filter(before_it).cloned());
        after.remove(&unit.name);
        after.retain(|name| members.contains(name));
        after
    }
}

/// One unit's part in a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Units whose steps of this plan come first.
    pub after: BTreeSet<String>,
    /// Units whose failure is this one's too.
    pub requires: BTreeSet<String>,
}

/// What to do, and what to tell about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// By unit.
    pub steps: BTreeMap<String, Step>,
    /// Cycles broken, and dependencies that cannot be honoured.
    pub notes: Vec<String>,
}

/// Plans the start of `goals` with all they want and require, leaving out what `is_up` already.
///
/// `starting` names units whose start is under way: new steps wait for them as for their own.
pub fn start(
    units: &Units,
    goals: &[String],
    is_up: impl Fn(&str) -> bool,
    starting: &BTreeSet<String>,
) -> Plan {
    let mut plan = Plan::default();
    let wanted = closure(units, goals, &is_up, &mut plan.notes);
    let members: BTreeSet<String> = wanted.union(starting).cloned().collect();
    let mut edges = Edges::new(units, &members);
    plan.notes.extend(edges.break_cycles());
    for name in &wanted {
        let requires = units
            .by_name
            .get(name)
            .map(|unit| units.canonical_set(&unit.requires));
        let mut requires = requires.unwrap_or_default();
        requires.retain(|name| is_supported(name) && !is_up(name));
        let after = edges.all(name);
        plan.steps.insert(name.clone(), Step { after, requires });
    }
    plan
}

/// Everything to start: goals, and through wants and requires whatever is not up. Masked and missing
/// units stay out; that is an error only for those who require them.
fn closure(
    units: &Units,
    goals: &[String],
    is_up: &impl Fn(&str) -> bool,
    notes: &mut Vec<String>,
) -> BTreeSet<String> {
    let mut wanted = BTreeSet::new();
    let mut queue: VecDeque<String> = goals.iter().map(|name| units.canonical(name)).collect();
    while let Some(name) = queue.pop_front() {
        let Some(unit) = units.by_name.get(&name).filter(|unit| exists(unit)) else {
            continue;
        };
        if is_up(&name) || !wanted.insert(name.clone()) {
            continue;
        }
        for other in unit
            .wants
            .iter()
            .chain(&unit.requires)
            .map(|other| units.canonical(other))
        {
            match is_supported(&other) {
                true => queue.push_back(other),
                false => notes.push(format!(
                    "{name}: {other} is left out: {}",
                    unsupported(&other)
                )),
            }
        }
    }
    wanted
}

/// Whether there is something to start: a file, or a target, which needs none.
pub fn exists(unit: &Unit) -> bool {
    !unit.masked && (!unit.files.is_empty() || unit.is_target())
}

/// Whether units of this name's kind do anything here.
pub fn is_supported(name: &str) -> bool {
    name.ends_with(".service") || name.ends_with(".target")
}

/// Why a unit of this kind is left out.
pub fn unsupported(name: &str) -> String {
    let kind = name.rsplit('.').next().unwrap_or(name);
    format!("{kind} units are not supported, only services and targets are")
}

/// Plans the stop of `goals` and of all active units that require or are part of them. A unit stops
/// after those that were started after it.
pub fn stop(units: &Units, goals: &[String], is_active: impl Fn(&str) -> bool) -> Plan {
    let mut members: BTreeSet<String> = goals.iter().map(|name| units.canonical(name)).collect();
    loop {
        let more: Vec<_> = units
            .by_name
            .values()
            .filter(|unit| !members.contains(&unit.name) && is_active(&unit.name))
            .filter(|unit| {
                let mut bound = unit.requires.iter().chain(&unit.part_of);
                bound.any(|name| members.contains(&units.canonical(name)))
            })
            .map(|unit| unit.name.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        members.extend(more);
    }
    let mut edges = Edges::new(units, &members);
    let notes = edges.break_cycles();
    let mut steps: BTreeMap<String, Step> = members
        .iter()
        .map(|name| (name.clone(), Step::default()))
        .collect();
    for name in &members {
        for first in edges.all(name) {
            if let Some(step) = steps.get_mut(&first) {
                step.after.insert(name.clone());
            }
        }
    }
    Plan { steps, notes }
}

#[cfg(test)]
mod tests;
