//! `k3os boot-report`: where the time of this boot went.

use std::fs;

use anyhow::{Context, Result};
use serde::Serialize;
use system::boot_events::{EVENTS_FILE, Event, parse};

/// ACPI's firmware performance table: when the firmware handed over, in ns since power on.
const FIRMWARE_END: &str = "/sys/firmware/acpi/fpdt/boot/exitbootservice_end_ns";

/// The milestones, each with the source and name of its event, in the order in which they come.
const MILESTONES: [(&str, &str, &str); 8] = [
    (
        "init_started",
        "initrd",
        "mounting the kernel's file systems",
    ),
    ("root_entered", "initrd", "assembling the root file system"),
    ("services_up", "multi-user.target", "ready"),
    ("pki_ready", "k3s.service", "pki_ready"),
    ("server_started", "k3s.service", "server_started"),
    ("api_ready", "k3s.service", "api_ready"),
    ("node_ready", "k3s.service", "node_ready"),
    ("system_pods_running", "k3s.service", "system_pods_running"),
];

/// The report; all times in milliseconds since the kernel's start, but for the firmware's, which come before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How long firmware and boot loader took, if the firmware tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware_ms: Option<u64>,
    /// When each milestone was reached; those that were not yet are absent.
    pub milestones: Vec<Milestone>,
    /// Everything that was recorded, in order of time.
    pub events: Vec<Event>,
}

/// A milestone that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Milestone {
    /// Its name.
    pub name: &'static str,
    /// When.
    pub at_ms: u64,
}

impl Report {
    /// Reads what this boot recorded.
    ///
    /// # Errors
    /// When nothing was recorded: this is no machine booted by k3OS.
    pub fn collect() -> Result<Self> {
        let text = fs::read_to_string(EVENTS_FILE)
            .with_context(|| format!("reading {EVENTS_FILE} (was this machine booted by k3OS?)"))?;
        let firmware = fs::read_to_string(FIRMWARE_END)
            .ok()
            .and_then(|ns| ns.trim().parse::<u64>().ok())
            .map(|ns| ns / 1_000_000);
        Ok(Self::new(parse(&text), firmware))
    }

    /// Makes the report of these events.
    pub fn new(mut events: Vec<Event>, firmware_ms: Option<u64>) -> Self {
        events.sort_by_key(|event| event.at_ms);
        let milestone = |&(name, source, event): &(&'static str, &str, &str)| {
            let first = events
                .iter()
                .find(|seen| seen.source == source && seen.event == event)?;
            Some(Milestone {
                name,
                at_ms: first.at_ms,
            })
        };
        Self {
            firmware_ms,
            milestones: MILESTONES.iter().filter_map(milestone).collect(),
            events,
        }
    }

    /// The report for people: a line an event, then the milestones.
    pub fn text(&self) -> String {
        let mut out = String::from("   AT (s)  TOOK (s)  STEP\n");
        for event in &self.events {
            out.push_str(&event_line(event));
        }
        out.push_str("\nMILESTONES (s since the kernel's start)\n");
        if let Some(ms) = self.firmware_ms {
            out.push_str(&format!(
                "{:9}  firmware and loader, before it\n",
                seconds(ms)
            ));
        }
        for milestone in &self.milestones {
            let name = milestone.name.replace('_', " ");
            out.push_str(&format!("{:>9}  {name}\n", seconds(milestone.at_ms)));
        }
        out
    }
}

fn event_line(event: &Event) -> String {
    let took = event.ms.map(seconds).unwrap_or_default();
    let failed = match &event.error {
        Some(error) => format!("  FAILED: {error}"),
        None => String::new(),
    };
    format!(
        "{:>9}  {took:>8}  {}: {}{failed}\n",
        seconds(event.at_ms),
        event.source,
        event.event
    )
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at_ms: u64, source: &str, name: &str) -> Event {
        Event {
            at_ms,
            source: source.into(),
            event: name.into(),
            ms: Some(5),
            error: None,
        }
    }

    #[test]
    fn milestones_are_the_first_of_their_kind_and_in_order() {
        let events = vec![
            event(9000, "k3s.service", "node_ready"),
            event(100, "initrd", "mounting the kernel's file systems"),
            event(12_000, "k3s.service", "node_ready"),
        ];
        let report = Report::new(events, Some(2500));
        let names: Vec<_> = report
            .milestones
            .iter()
            .map(|m| (m.name, m.at_ms))
            .collect();
        assert_eq!(names, [("init_started", 100), ("node_ready", 9000)]);
        let text = report.text();
        assert!(text.contains("9.000  node ready"), "{text}");
        assert!(text.contains("2.500"), "{text}");
    }
}
