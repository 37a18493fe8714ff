//! Follows the services' events: keeps them for the boot report, and the login prompt true.

use system::boot_events::{Event, record};
use system::console;
use system::net::addresses;

use super::issue::{self, Issue};

/// What Kubernetes tells of itself, and the words for it at the login prompt.
const NODE_WORDS: [(&str, &str); 5] = [
    ("pki_ready", "starting"),
    ("server_started", "starting, the API server is up next"),
    ("api_ready", "the API answers, the node is being registered"),
    ("node_ready", "the node is Ready"),
    (
        "system_pods_running",
        "the node is Ready, its system pods run",
    ),
];

/// The unit that is ready when the network is.
const NETWORK: &str = "k3os-wait-online.service";
/// The unit that runs Kubernetes.
const KUBERNETES: &str = "k3s.service";

/// What is known of the running system.
#[derive(Debug)]
pub struct Status {
    release: String,
    mode: String,
    node: &'static str,
}

impl Status {
    /// At the start of the services.
    pub fn new(release: &str, mode: &str) -> Self {
        Self {
            release: release.to_string(),
            mode: mode.to_string(),
            node: "not started yet",
        }
    }

    /// Writes the text above the login prompt.
    pub fn show(&self) {
        let issue = Issue {
            release: &self.release,
            mode: &self.mode,
            node: self.node,
            addresses: &addresses(),
        };
        if let Err(error) = issue.write() {
            console::log_to_kernel(&format!("{error:#}"));
        }
    }

    /// Takes an event of the supervisor.
    pub fn take(&mut self, event: &Event) {
        record(event);
        let words = node_words(event).unwrap_or(self.node);
        if words != self.node || is_network_news(event) {
            self.node = words;
            self.show();
        }
        if is_for_the_waiting(event)
            && let Err(error) = issue::show_again()
        {
            console::log_to_kernel(&format!("{error:#}"));
        }
    }
}

/// What somebody in front of a login prompt waits for: how to reach the machine, and whether it works. The steps between
/// would only fill the screen.
fn is_for_the_waiting(event: &Event) -> bool {
    let node = event.source == KUBERNETES && ["node_ready", "failed"].contains(&&*event.event);
    node || is_network_news(event)
}

/// The network came up: there are addresses to show.
fn is_network_news(event: &Event) -> bool {
    event.source == NETWORK && event.event == "ready"
}

fn node_words(event: &Event) -> Option<&'static str> {
    if event.source != KUBERNETES {
        return None;
    }
    if event.event == "failed" {
        return Some("stopped with an error; see `k3os logs k3s`");
    }
    NODE_WORDS
        .iter()
        .find(|(name, _)| *name == event.event)
        .map(|(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(source: &str, name: &str) -> Event {
        Event {
            at_ms: 1,
            source: source.into(),
            event: name.into(),
            ms: None,
            error: None,
        }
    }

    #[test]
    fn only_kubernetes_speaks_for_the_node() {
        assert_eq!(node_words(&event("sshd.service", "failed")), None);
        assert_eq!(
            node_words(&event(KUBERNETES, "node_ready")),
            Some("the node is Ready")
        );
        assert!(node_words(&event(KUBERNETES, "failed")).is_some());
    }
}
