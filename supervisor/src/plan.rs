//! Which units to start or stop for a goal, and what each waits for. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::unit::Unit;

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

/// The ordering between members of a plan.
struct Edges {
    /// unit → those that come first because a unit file says so
    explicit: BTreeMap<String, BTreeSet<String>>,
    /// target → what it wants; these give way when a cycle must be broken
    implied: BTreeMap<String, BTreeSet<String>>,
}

impl Edges {
    fn new(units: &Units, members: &BTreeSet<String>) -> Self {
        let known = || members.iter().filter_map(|name| units.by_name.get(name));
        let explicit: BTreeMap<_, _> = known()
            .map(|unit| (unit.name.clone(), units.explicit_after(unit, members)))
            .collect();
        let mut edges = Self {
            explicit,
            implied: BTreeMap::new(),
        };
        for target in known().filter(|unit| unit.is_target() && unit.default_dependencies) {
            let waits = edges.implied_for(units, target, members);
            edges.implied.insert(target.name.clone(), waits);
        }
        edges
    }

    /// A target is reached when what it wants has started, unless that orders itself after the target.
    fn implied_for(
        &self,
        units: &Units,
        target: &Unit,
        members: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let names = target
            .wants
            .iter()
            .chain(&target.requires)
            .map(|name| units.canonical(name));
        names
            .filter(|name| members.contains(name) && *name != target.name)
            .filter(|name| {
                let later = self
                    .explicit
                    .get(name)
                    .is_some_and(|after| after.contains(&target.name));
                !later
                    && units
                        .by_name
                        .get(name)
                        .is_some_and(|unit| unit.default_dependencies)
            })
            .collect()
    }

    fn all(&self, name: &str) -> BTreeSet<String> {
        let sets = [self.explicit.get(name), self.implied.get(name)];
        sets.into_iter().flatten().flatten().cloned().collect()
    }

    /// Takes out one edge of each cycle, an implied one if there is one; returns a message for each.
    fn break_cycles(&mut self) -> Vec<String> {
        let mut notes = Vec::new();
        while let Some(cycle) = self.find_cycle() {
            let text = cycle.join(" → ");
            let pairs: Vec<_> = cycle.iter().zip(cycle.iter().skip(1)).collect();
            let implied = pairs.iter().find(|(unit, first)| {
                self.implied
                    .get(*unit)
                    .is_some_and(|set| set.contains(*first))
            });
            let Some((unit, first)) = implied.or(pairs.last()) else {
                break;
            };
            for set in [&mut self.explicit, &mut self.implied] {
                if let Some(after) = set.get_mut(*unit) {
                    after.remove(*first);
                }
            }
            notes.push(format!(
                "ordering cycle {text}: {unit} does not wait for {first}"
            ));
        }
        notes
    }

    /// A cycle as the names along it, the first repeated at the end.
    fn find_cycle(&self) -> Option<Vec<String>> {
        let mut done = BTreeSet::new();
        let names: BTreeSet<_> = self
            .explicit
            .keys()
            .chain(self.implied.keys())
            .cloned()
            .collect();
        names.iter().find_map(|name| self.search(name, &mut done))
    }

    /// Depth first without recursion: a long chain of units must not overflow PID 1's stack.
    fn search(&self, start: &str, done: &mut BTreeSet<String>) -> Option<Vec<String>> {
        let mut path: Vec<(String, Vec<String>)> = Vec::new();
        if !done.contains(start) {
            path.push((start.to_owned(), self.all(start).into_iter().collect()));
        }
        while let Some((name, rest)) = path.last_mut() {
            let Some(next) = rest.pop() else {
                done.insert(name.clone());
                path.pop();
                continue;
            };
            if let Some(at) = path.iter().position(|(name, _)| *name == next) {
                let along = path.iter().skip(at).map(|(name, _)| name.clone());
                return Some(along.chain([next]).collect());
            }
            if !done.contains(&next) {
                let after = self.all(&next).into_iter().collect();
                path.push((next, after));
            }
        }
        None
    }
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
mod tests {
    use super::*;
    use crate::unit::read;
    use std::path::Path;

    fn units(texts: &[(&str, &str)]) -> Units {
        let mut units = Units::default();
        for (name, text) in texts {
            let mut unit = Unit::empty(name);
            let text = format!("[Unit]\n{}", text.replace("; ", "\n"));
            assert_eq!(read::apply(&mut unit, Path::new("/u"), &text), vec![]);
            units.by_name.insert((*name).to_owned(), unit);
        }
        units
    }

    fn start_all(units: &Units, goal: &str) -> Plan {
        start(units, &[goal.to_owned()], |_| false, &BTreeSet::new())
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_goal_pulls_in_what_it_wants_and_waits_for_it() {
        let units = units(&[
            (
                "m.target",
                "Wants=a.service b.service missing.service x.timer",
            ),
            ("a.service", "After=b.service c.service; Requires=d.service"),
            ("b.service", ""),
            ("c.service", ""),
            ("d.service", "Before=a.service"),
        ]);
        let plan = start_all(&units, "m.target");
        let names: Vec<_> = plan.steps.keys().map(String::as_str).collect();
        assert_eq!(names, ["a.service", "b.service", "d.service", "m.target"]);
        assert_eq!(
            plan.steps["a.service"].after,
            set(&["b.service", "d.service"])
        );
        assert_eq!(plan.steps["a.service"].requires, set(&["d.service"]));
        assert_eq!(
            plan.steps["m.target"].after,
            set(&["a.service", "b.service"])
        );
        assert_eq!(plan.notes.len(), 1);
        assert!(
            plan.notes[0].contains("x.timer is left out: timer units"),
            "{:?}",
            plan.notes
        );
    }

    #[test]
    fn what_is_up_is_left_out_and_what_is_starting_is_waited_for() {
        let units = units(&[
            (
                "a.service",
                "Requires=b.service c.service; After=b.service c.service",
            ),
            ("b.service", ""),
            ("c.service", ""),
        ]);
        let starting = set(&["c.service"]);
        let plan = start(
            &units,
            &["a.service".to_owned()],
            |name| name == "b.service",
            &starting,
        );
        assert_eq!(plan.steps["a.service"].after, set(&["c.service"]));
        assert!(!plan.steps.contains_key("b.service"));
        assert_eq!(plan.steps["a.service"].requires, set(&["c.service"]));
    }

    #[test]
    fn a_cycle_loses_one_edge_with_a_message() {
        let units = units(&[
            ("m.target", "Wants=a.service b.service c.service"),
            ("a.service", "After=b.service"),
            ("b.service", "After=c.service"),
            ("c.service", "After=a.service"),
        ]);
        let plan = start_all(&units, "m.target");
        let edges: usize = ["a", "b", "c"]
            .iter()
            .map(|n| plan.steps[&format!("{n}.service")].after.len())
            .sum();
        assert_eq!(edges, 2);
        assert_eq!(plan.notes.len(), 1);
        assert!(
            plan.notes[0].starts_with("ordering cycle a.service → b.service → c.service"),
            "{:?}",
            plan.notes
        );
    }

    #[test]
    fn an_implied_edge_of_a_target_gives_way_first() {
        let units = units(&[
            ("m.target", "Wants=a.service n.target"),
            ("n.target", "Wants=a.service; After=m.target"),
            ("a.service", "After=n.target"),
        ]);
        let plan = start_all(&units, "m.target");
        assert!(plan.steps["a.service"].after.contains("n.target"));
        assert!(plan.steps["n.target"].after.contains("m.target"));
        assert!(!plan.steps["m.target"].after.contains("a.service"));
        assert_eq!(plan.notes.len(), 1);
    }

    #[test]
    fn sockets_stand_for_their_services() {
        let mut units = units(&[
            ("a.service", "Requires=dbus.socket; After=dbus.socket"),
            ("dbus.service", ""),
        ]);
        units
            .aliases
            .insert("bus.service".to_owned(), "dbus.service".to_owned());
        let plan = start_all(&units, "a.service");
        assert_eq!(plan.steps["a.service"].after, set(&["dbus.service"]));
        assert_eq!(units.canonical("bus.socket"), "dbus.service");
    }

    #[test]
    fn stopping_goes_in_reverse_and_takes_along_who_requires_it() {
        let units = units(&[
            ("net.service", ""),
            ("a.service", "After=net.service; Requires=net.service"),
            ("b.service", "PartOf=a.service"),
            ("idle.service", "Requires=net.service"),
        ]);
        let plan = stop(&units, &["net.service".to_owned()], |name| {
            name != "idle.service"
        });
        let names: Vec<_> = plan.steps.keys().map(String::as_str).collect();
        assert_eq!(names, ["a.service", "b.service", "net.service"]);
        assert_eq!(plan.steps["net.service"].after, set(&["a.service"]));
        assert_eq!(plan.steps["a.service"].after, set(&[]));
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let texts: Vec<_> = (0..5_000)
            .map(|n| {
                (
                    format!("u{n}.service"),
                    format!("Requires=u{0}.service; After=u{0}.service", n + 1),
                )
            })
            .collect();
        let texts: Vec<_> = texts
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        let units = units(&texts);
        assert_eq!(
            closure(&units, &["u0.service".into()], &|_| false, &mut vec![]).len(),
            5_000
        );
        let edges = Edges::new(&Units::default(), &BTreeSet::new());
        assert_eq!(edges.find_cycle(), None);
    }
}
