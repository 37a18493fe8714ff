//! Boot events: what happened when, told by the initrd, the boot and the services, kept in `/run` for
//! `k3os boot-report`. docs/architecture.md has the form.

use std::fs::{File, OpenOptions};
use std::io::Write;

use serde::{Deserialize, Serialize};

/// Where the events of this boot are, one JSON object a line.
pub const EVENTS_FILE: &str = "/run/k3os/boot-events.jsonl";

/// One thing that happened during the boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it ended, in milliseconds since the kernel's start (CLOCK_BOOTTIME).
    pub at_ms: u64,
    /// Who tells it: `initrd`, `boot`, or a unit's name.
    pub source: String,
    /// What happened: a step's name; of a unit `starting`, `ready`, `stopped`, `failed`, `restarting`, or what the
    /// service sent as `K3OS_EVENT=`.
    pub event: String,
    /// How long it took in milliseconds, where it has a beginning: a unit's `ready` from its `starting` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How large the file may become: it lies in memory, and a service that restarts for ever makes events for ever. Those of the
/// boot itself come first and are some ten KiB.
const MOST: u64 = 1 << 20;

/// Appends an event to those of this boot; a report that lacks a line is better than a boot that fails over it. When the file
/// is full, a last event says so and no more are kept.
pub fn record(event: &Event) {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(EVENTS_FILE);
    if let Ok(file) = file {
        append(file, event);
    }
}

fn append(mut file: File, event: &Event) {
    let length = file.metadata().map_or(MOST, |meta| meta.len());
    if let Some(line) = line_for(event, length) {
        let _ = file.write_all(line.as_bytes());
    }
}

/// The line to be written behind `length` bytes, if any.
fn line_for(event: &Event, length: u64) -> Option<String> {
    if length >= MOST {
        return None;
    }
    let mut line = serde_json::to_string(event).ok()?;
    if length.saturating_add(line.len() as u64) >= MOST {
        let last = Event {
            event: "no more events are kept: the file is full".into(),
            ms: None,
            error: None,
            ..event.clone()
        };
        line = serde_json::to_string(&last).ok()?;
        // Whatever its length, nothing comes behind it.
        let rest = usize::try_from(MOST - length).unwrap_or(0);
        line.extend(std::iter::repeat_n(' ', rest.saturating_sub(line.len())));
    }
    line.push('\n');
    Some(line)
}

/// Reads events from the text of the file; lines that do not fit (a cut last one) are left out.
pub fn parse(text: &str) -> Vec<Event> {
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_parts_are_left_out() {
        let told = Event {
            at_ms: 5,
            source: "a.service".into(),
            event: "starting".into(),
            ms: None,
            error: None,
        };
        let text = serde_json::to_string(&told).unwrap();
        assert_eq!(
            text,
            r#"{"at_ms":5,"source":"a.service","event":"starting"}"#
        );
        assert_eq!(parse(&text), [told]);
    }

    #[test]
    fn events_without_end_do_not_fill_the_memory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let event = Event {
            at_ms: 5,
            source: "a.service".into(),
            event: "x".repeat(5000),
            ms: None,
            error: None,
        };
        for _ in 0..300 {
            let file = OpenOptions::new().create(true).append(true).open(&path);
            append(file.unwrap(), &event);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.len() as u64 <= MOST + 200, "{}", text.len());
        let events = parse(&text);
        assert!(events.len() > 200);
        let last = &events.last().unwrap().event;
        assert_eq!(last, "no more events are kept: the file is full");
    }

    #[test]
    fn a_cut_line_does_not_hide_the_others() {
        let text = "{\"at_ms\":12,\"source\":\"initrd\",\"event\":\"a\",\"ms\":3}\n{\"at_ms\":1";
        let events = parse(text);
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].at_ms, events[0].ms), (12, Some(3)));
    }
}
