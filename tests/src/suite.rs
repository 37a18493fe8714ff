//! Scenarios: one machine, many checks on it in order, each reported as a test of its own.

mod lab;
mod report;
mod schedule;

pub use lab::{Lab, Setup};
pub use report::{Run, cache_dir, list, run, scratch};

/// A check: what it needs is in the lab, its error says what is wrong.
pub type Check = fn(&mut Lab) -> anyhow::Result<()>;

/// Says why this host cannot run a scenario, if it cannot.
pub type Obstacle = fn() -> anyhow::Result<Option<String>>;

/// How telling a check is for its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// In every run.
    Sample,
    /// With `--all`.
    Full,
}

/// One check of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What holds when it passes, in snake case.
    pub name: &'static str,
    /// When it runs.
    pub level: Level,
    /// Whether those after it are pointless when it fails.
    pub gate: bool,
    /// The check.
    pub check: Check,
}

/// Checks that share a machine, in their order.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// In front of the checks' names.
    pub name: &'static str,
    level: Level,
    /// Why this host cannot run it, asked once before the run.
    obstacle: Option<Obstacle>,
    /// The checks.
    pub steps: Vec<Step>,
}

impl Scenario {
    /// A scenario that runs in every run.
    pub fn sample(name: &'static str) -> Self {
        Self {
            name,
            level: Level::Sample,
            obstacle: None,
            steps: Vec::new(),
        }
    }

    /// A scenario for `--all`.
    pub fn full(name: &'static str) -> Self {
        Self {
            level: Level::Full,
            ..Self::sample(name)
        }
    }

    /// Lets the scenario be skipped, with words, where `obstacle` names a reason.
    pub fn unless(mut self, obstacle: Obstacle) -> Self {
        self.obstacle = Some(obstacle);
        self
    }

    /// Why this host cannot run it, if it cannot; an error where it must.
    pub fn obstacle(&self) -> anyhow::Result<Option<String>> {
        self.obstacle.map_or(Ok(None), |obstacle| obstacle())
    }

    /// Adds a check without which the later ones cannot work. It is run whenever one of them is.
    pub fn gate(self, name: &'static str, check: Check) -> Self {
        self.step(name, Level::Sample, true, check)
    }

    /// Adds a check.
    pub fn check(self, name: &'static str, check: Check) -> Self {
        self.step(name, Level::Sample, false, check)
    }

    /// Adds a check for `--all`.
    pub fn only_all(self, name: &'static str, check: Check) -> Self {
        self.step(name, Level::Full, false, check)
    }

    fn step(mut self, name: &'static str, level: Level, gate: bool, check: Check) -> Self {
        self.steps.push(Step {
            name,
            level: level.max(self.level),
            gate,
            check,
        });
        self
    }

    /// The scenario with the checks of at most `level` whose full name contains `filter`, and the gates
    /// before them; nothing if none is left.
    pub fn select(mut self, level: Level, filter: Option<&str>) -> Option<Self> {
        let wanted = |step: &Step| match filter {
            Some(filter) => format!("{}::{}", self.name, step.name).contains(filter),
            None => step.level <= level,
        };
        let last = self.steps.iter().rposition(wanted)?;
        let steps = self.steps.iter().enumerate();
        self.steps = steps
            .filter(|(at, step)| wanted(step) || (step.gate && *at < last))
            .map(|(_, step)| *step)
            .collect();
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario() -> Scenario {
        Scenario::sample("s")
            .gate("boots", |_| Ok(()))
            .check("a", |_| Ok(()))
            .only_all("b", |_| Ok(()))
            .gate("off", |_| Ok(()))
            .only_all("c", |_| Ok(()))
    }

    fn names(level: Level, filter: Option<&str>) -> Vec<&'static str> {
        let selected = scenario().select(level, filter);
        selected.map_or_else(Vec::new, |scenario| {
            scenario.steps.iter().map(|step| step.name).collect()
        })
    }

    #[test]
    fn a_level_leaves_out_what_is_beyond_it() {
        assert_eq!(names(Level::Sample, None), ["boots", "a", "off"]);
        assert_eq!(names(Level::Full, None), ["boots", "a", "b", "off", "c"]);
    }

    #[test]
    fn a_filter_keeps_the_gates_before_its_matches() {
        assert_eq!(names(Level::Sample, Some("s::b")), ["boots", "b"]);
        assert_eq!(names(Level::Sample, Some("::c")), ["boots", "off", "c"]);
        assert!(names(Level::Full, Some("nothing")).is_empty());
    }

    #[test]
    fn every_check_of_a_full_scenario_is_full() {
        let scenario = Scenario::full("f").gate("boots", |_| Ok(()));
        assert!(scenario.select(Level::Sample, None).is_none());
    }
}
