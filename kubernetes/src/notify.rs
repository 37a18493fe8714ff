//! Messages to whoever started us (`NOTIFY_SOCKET`), and to the log.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Instant;

/// Milestones that PID 1 stamps and keeps for the boot report (docs/architecture.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// All certificates and kubeconfigs are there.
    PkiReady,
    /// containerd answers.
    ContainerdReady,
    /// The server process has been started.
    ServerStarted,
    /// The API is ready.
    ApiReady,
    /// The node is Ready.
    NodeReady,
    /// The bundled pods run.
    SystemPodsRunning,
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Event::PkiReady => "pki_ready",
            Event::ContainerdReady => "containerd_ready",
            Event::ServerStarted => "server_started",
            Event::ApiReady => "api_ready",
            Event::NodeReady => "node_ready",
            Event::SystemPodsRunning => "system_pods_running",
        }
    }
}

/// Where messages go; silent when nobody listens.
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    start: Instant,
}

impl Notifier {
    /// The listener that the environment names.
    pub fn from_environment() -> Self {
        let name = std::env::var("NOTIFY_SOCKET").unwrap_or_default();
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&name),
        };
        let socket = (!name.is_empty())
            .then(|| Some((UnixDatagram::unbound().ok()?, address.ok()?)))
            .flatten();
        Notifier {
            socket,
            start: Instant::now(),
        }
    }

    /// Tells a milestone.
    pub fn event(&self, event: Event) {
        let name = event.name();
        println!(
            "k3s: {name} after {:.2} s",
            self.start.elapsed().as_secs_f64()
        );
        self.send(&format!("K3OS_EVENT={name}"));
    }

    /// Tells in words what goes on.
    pub fn status(&self, words: &str) {
        println!("k3s: {words}");
        self.send(&format!("STATUS={words}"));
    }

    /// Tells that the service is up.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// Tells that the service ends.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// A message that nobody takes is no reason to stop: the service works all the same.
    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.socket {
            let _ = socket.send_to_addr(message.as_bytes(), address);
        }
    }
}
