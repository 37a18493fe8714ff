//! Follows the services' events and the machine's addresses: keeps them for the boot report, and the login prompt true.

use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

use anyhow::Result;
use supervisor::Source;
use system::boot_events::{Event, record};
use system::console;
use system::net::{Address, ChangeListener, addresses};

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

/// The unit that runs Kubernetes.
const KUBERNETES: &str = "k3s.service";

/// What is known of the running system.
#[derive(Debug)]
pub struct Status {
    release: String,
    mode: String,
    node: &'static str,
    addresses: Vec<Address>,
}

impl Status {
    /// At the start of the services.
    pub fn new(release: &str, mode: &str) -> Self {
        Self {
            release: release.to_string(),
            mode: mode.to_string(),
            node: "not started yet",
            addresses: addresses(),
        }
    }

    /// Writes the text above the login prompt.
    pub fn show(&self) {
        let issue = Issue {
            release: &self.release,
            mode: &self.mode,
            node: self.node,
            addresses: &self.addresses,
        };
        if let Err(error) = issue.write() {
            console::log_to_kernel(&format!("{error:#}"));
        }
    }

    /// Takes an event of the supervisor.
    pub fn take(&mut self, event: &Event) {
        record(event);
        let words = node_words(event).unwrap_or(self.node);
        if words != self.node {
            self.node = words;
            self.show();
        }
        if is_for_the_waiting(event) {
            show_again();
        }
    }

    /// Takes the addresses that the machine has now: a cable was plugged in, a lease ran out.
    fn take_addresses(&mut self, now: Vec<Address>) {
        if now != self.addresses {
            self.addresses = now;
            self.show();
            show_again();
        }
    }
}

fn show_again() {
    if let Err(error) = issue::show_again() {
        console::log_to_kernel(&format!("{error:#}"));
    }
}

/// The kernel's news about addresses, for the supervisor's loop.
pub struct AddressNews {
    listener: ChangeListener,
    status: Rc<RefCell<Status>>,
}

impl AddressNews {
    /// Listens from now on, and looks once at what was before.
    ///
    /// # Errors
    /// When the kernel refuses the socket.
    pub fn listen(status: Rc<RefCell<Status>>) -> Result<Self> {
        let listener = ChangeListener::open()?;
        status.borrow_mut().take_addresses(addresses());
        Ok(Self { listener, status })
    }
}

impl Source for AddressNews {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    fn take(&mut self) {
        // Most news are about the pods' interfaces, which change nothing here.
        if self.listener.drain() {
            self.status.borrow_mut().take_addresses(addresses());
        }
    }
}

/// What somebody in front of a login prompt waits for: whether the machine works. The steps between would only fill the
/// screen.
fn is_for_the_waiting(event: &Event) -> bool {
    event.source == KUBERNETES && ["node_ready", "failed"].contains(&&*event.event)
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
