//! What was promised, and whether it was kept.

use serde::{Serialize, Serializer};

use super::Measured;
use super::boot::{NODE_READY, POD_RUNNING, SERVICES_UP};

/// A promise and its number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Goal {
    /// What is measured, with its unit.
    pub name: &'static str,
    /// The most it may be.
    pub limit: f64,
    /// What it is; absent if it could not be measured.
    pub value: Option<f64>,
    /// Whether it was met.
    pub verdict: Verdict,
}

/// What became of a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At most the limit.
    Met,
    /// Above it.
    NotMet,
    /// There is no number.
    NotMeasured,
}

impl Verdict {
    /// For people and JSON.
    pub fn text(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "NOT MET",
            Self::NotMeasured => "not measured",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl Goal {
    fn new(name: &'static str, limit: f64, value: Option<f64>) -> Self {
        let verdict = match value {
            Some(value) if value <= limit => Verdict::Met,
            Some(_) => Verdict::NotMet,
            None => Verdict::NotMeasured,
        };
        Self {
            name,
            limit,
            value,
            verdict,
        }
    }
}

/// The goals. The times hold for TCG with two processors.
pub fn goals(measured: &Measured) -> Vec<Goal> {
    let ours = &measured.k3os;
    let used = ours.median(|boot| Some(boot.memory.used_mib));
    let iso = measured.sizes.artifact("k3os-amd64.iso");
    vec![
        Goal::new(
            "services up, as part of systemd's time",
            0.3,
            services(measured),
        ),
        Goal::new("kernel start to node Ready, s", 42.0, ours.at(NODE_READY)),
        Goal::new("kernel start to pod Running, s", 50.0, ours.at(POD_RUNNING)),
        Goal::new("memory in use when Ready, MiB", 400.0, used),
        Goal::new(
            "ISO with its images, MB",
            220.0,
            iso.map(|bytes| bytes as f64 / 1e6),
        ),
        Goal::new(
            "installation, as part of dd's time",
            1.2,
            measured.install.map(|install| install.ratio()),
        ),
    ]
}

/// Our services' time with Kubernetes beside them, against systemd's without it: its best case.
fn services(measured: &Measured) -> Option<f64> {
    let ours = measured.k3os.at(SERVICES_UP)?;
    Some(ours / measured.debian_alone.at(SERVICES_UP)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::tests::measured;

    #[test]
    fn a_verdict_needs_a_number() {
        let verdict = |value| Goal::new("x", 2.0, value).verdict;
        assert_eq!(verdict(Some(2.0)), Verdict::Met);
        assert_eq!(verdict(Some(2.1)), Verdict::NotMet);
        assert_eq!(verdict(None), Verdict::NotMeasured);
    }

    #[test]
    fn services_are_judged_by_their_part_of_systemds_time() {
        let mut measured = measured();
        let goal = |measured: &Measured| goals(measured)[0].clone();
        assert_eq!(goal(&measured).value, Some(0.25));
        assert_eq!(goal(&measured).verdict, Verdict::Met);
        measured.debian_alone.boots.clear();
        assert_eq!(goal(&measured).verdict, Verdict::NotMeasured);
    }
}
