//! The ordering of units as a graph, and how its cycles are broken.

use std::collections::{BTreeMap, BTreeSet};

use super::Units;
use crate::unit::Unit;

/// The ordering between members of a plan.
pub(super) struct Edges {
    /// unit → those that come first because a unit file says so
    explicit: BTreeMap<String, BTreeSet<String>>,
    /// target → what it wants; these give way when a cycle must be broken
    implied: BTreeMap<String, BTreeSet<String>>,
}

impl Edges {
    pub(super) fn new(units: &Units, members: &BTreeSet<String>) -> Self {
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

    /// Those that come before `name`.
    pub(super) fn all(&self, name: &str) -> BTreeSet<String> {
        let sets = [self.explicit.get(name), self.implied.get(name)];
        sets.into_iter().flatten().flatten().cloned().collect()
    }

    /// Takes out one edge of each cycle, an implied one if there is one; returns a message for each.
    pub(super) fn break_cycles(&mut self) -> Vec<String> {
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
    pub(super) fn find_cycle(&self) -> Option<Vec<String>> {
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
