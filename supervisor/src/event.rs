//! What the supervisor tells about the boot, in the form of `/run/k3os/boot-events.jsonl`.

use serde::{Deserialize, Serialize};

/// Milliseconds since the machine's start, suspended time included.
pub use system::power::uptime_ms as now_ms;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since the machine's start (CLOCK_BOOTTIME).
    pub at_ms: u64,
    /// The unit.
    pub source: String,
    /// `starting`, `ready`, `stopped`, `failed`, `restarting`, or what a service sent as `K3OS_EVENT=`.
    pub event: String,
    /// How long it took, in milliseconds: for `ready`, from `starting` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_parts_are_left_out() {
        let (source, event) = ("a.service".to_owned(), "starting".to_owned());
        let told = Event {
            at_ms: 5,
            source,
            event,
            ms: None,
            error: None,
        };
        let text = serde_json::to_string(&told).unwrap();
        assert_eq!(
            text,
            r#"{"at_ms":5,"source":"a.service","event":"starting"}"#
        );
    }

    #[test]
    fn the_clock_runs() {
        assert!(now_ms() > 0);
    }
}
