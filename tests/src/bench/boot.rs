//! One boot: what was reached when, and how much memory was in use in the end.

use anyhow::{Context, Result};
use serde::Serialize;

use super::memory::Memory;
use crate::guest::Guest;

/// When something was reached, in seconds since the kernel's start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Milestone {
    /// Its name.
    pub name: String,
    /// When.
    pub seconds: f64,
}

impl Milestone {
    /// The milestone `name` at `seconds`.
    pub fn new(name: &str, seconds: f64) -> Self {
        Self {
            name: name.to_owned(),
            seconds,
        }
    }
}

/// What one boot gave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Boot {
    /// In their order.
    pub milestones: Vec<Milestone>,
    /// When everything that was asked for ran.
    pub memory: Memory,
}

impl Boot {
    /// When `name` was reached.
    pub fn at(&self, name: &str) -> Option<f64> {
        let found = self
            .milestones
            .iter()
            .find(|milestone| milestone.name == name)?;
        Some(found.seconds)
    }
}

/// The boots of one machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Runs {
    /// In the order in which they were made.
    pub boots: Vec<Boot>,
}

impl Runs {
    /// The median of `value` over the boots that have it.
    pub fn median(&self, value: impl Fn(&Boot) -> Option<f64>) -> Option<f64> {
        median(self.boots.iter().filter_map(value).collect())
    }

    /// When `name` was reached, as a median.
    pub fn at(&self, name: &str) -> Option<f64> {
        self.median(|boot| boot.at(name))
    }
}

/// The services of the system are up.
pub const SERVICES_UP: &str = "services_up";
/// The init system of the real root has started.
pub const ROOT_ENTERED: &str = "root_entered";
/// The node is Ready.
pub const NODE_READY: &str = "node_ready";
/// The pod's container runs.
pub const POD_RUNNING: &str = "pod_running";

/// When the container of the pod `bench` started. The API tells whole seconds, cut off.
pub fn pod_running(guest: &Guest) -> Result<Milestone> {
    let pod = guest.get("pod bench")?;
    let stamp = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
        .as_str()
        .context("reading when the pod's container started")?;
    // Both clocks at the same moment.
    let clocks = guest.root(&format!(
        "date -d {stamp} +%s; date +%s.%N; cut -d\" \" -f1 /proc/uptime"
    ))?;
    let seconds =
        since_kernel_start(&clocks).with_context(|| format!("reading the clocks '{clocks}'"))?;
    Ok(Milestone::new(POD_RUNNING, seconds))
}

/// Three lines: the event's time, the time now (both since 1970), and the uptime now.
fn since_kernel_start(clocks: &str) -> Option<f64> {
    let mut numbers = clocks.lines().map(|line| line.trim().parse::<f64>());
    let mut next = || numbers.next()?.ok();
    let (event, now, uptime) = (next()?, next()?, next()?);
    Some(event - (now - uptime))
}

/// The middle one; of an even number the lower of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A machine whose boots reached `name` at these times.
    pub fn runs(name: &str, times: &[f64]) -> Runs {
        let boot = |&seconds: &f64| Boot {
            milestones: vec![Milestone::new(name, seconds)],
            memory: Memory::default(),
        };
        Runs {
            boots: times.iter().map(boot).collect(),
        }
    }

    #[test]
    fn an_events_time_is_moved_to_the_kernels_clock() {
        let seconds = since_kernel_start("1040\n1060.5\n70.5\n").unwrap();
        assert!((seconds - 50.0).abs() < 1e-6);
        assert_eq!(since_kernel_start("1040\nx\n"), None);
    }

    #[test]
    fn the_median_does_not_follow_an_outlier() {
        let runs = runs(NODE_READY, &[90.0, 41.0, 40.0]);
        assert_eq!(runs.at(NODE_READY), Some(41.0));
        assert_eq!(runs.at("other"), None);
        assert_eq!(Runs::default().at(NODE_READY), None);
    }
}
