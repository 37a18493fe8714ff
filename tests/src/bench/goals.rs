//! What was promised, and whether it was kept.

use super::Measured;
use super::boot::POD_RUNNING;

/// A promise and its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What is measured, with its unit.
    pub name: &'static str,
    /// The most it may be.
    pub limit: f64,
    /// What it is; absent if it could not be measured.
    pub value: Option<f64>,
}

impl Goal {
    /// `kept`, `missed`, or why neither.
    pub fn verdict(&self) -> &'static str {
        match self.value {
            Some(value) if value <= self.limit => "kept",
            Some(_) => "MISSED",
            None => "not measured",
        }
    }
}

/// The goals. The times hold for TCG with two processors.
pub fn goals(measured: &Measured) -> Vec<Goal> {
    let median = |name| {
        median(
            measured
                .boots
                .iter()
                .filter_map(|boot| boot.at(name))
                .collect(),
        )
    };
    let iso = measured.sizes.artifact("k3os-amd64.iso");
    vec![
        Goal {
            name: "kernel start to node Ready, s",
            limit: 42.0,
            value: median("node_ready"),
        },
        Goal {
            name: "kernel start to pod Running, s",
            limit: 50.0,
            value: median(POD_RUNNING),
        },
        Goal {
            name: "memory in use when Ready, MiB",
            limit: 400.0,
            value: Some(measured.memory.used_mib),
        },
        Goal {
            name: "ISO with its images, MB",
            limit: 220.0,
            value: iso.map(|bytes| bytes as f64 / 1e6),
        },
    ]
}

/// The middle one; of an even number the lower of the two in the middle.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_follow_an_outlier() {
        assert_eq!(median(vec![90.0, 41.0, 40.0]), Some(41.0));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn a_verdict_needs_a_number() {
        let goal = |value| Goal {
            name: "x",
            limit: 2.0,
            value,
        };
        assert_eq!(goal(Some(2.0)).verdict(), "kept");
        assert_eq!(goal(Some(2.1)).verdict(), "MISSED");
        assert_eq!(goal(None).verdict(), "not measured");
    }
}
