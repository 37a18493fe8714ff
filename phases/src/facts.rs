//! What the plan must know about the machine.

use std::path::Path;

use system::host::Host;

/// What is true of this machine at this boot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The boot mode: `disk`, `live`, `install`, `local`, `shell`; empty when unknown.
    pub mode: String,
    /// The release's version, e.g. `v0.30.0`; empty when unknown.
    pub version: String,
    /// The text of /etc/hosts.
    pub hosts: String,
    /// The text of connman's file of technologies.
    pub connman_settings: String,
}

impl Facts {
    /// Looks at the machine. What cannot be read is taken as absent.
    pub fn gather(host: &dyn Host) -> Self {
        let text = |path: &str| {
            let bytes = host
                .read(Path::new(path))
                .ok()
                .flatten()
                .unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Self {
            mode: text("/run/k3os/mode").trim().to_owned(),
            version: text("/usr/lib/k3os/release").trim().to_owned(),
            hosts: text("/etc/hosts"),
            connman_settings: text("/var/lib/connman/settings"),
        }
    }

    /// Whether the machine runs from a medium and keeps nothing.
    pub fn is_live(&self) -> bool {
        matches!(self.mode.as_str(), "live" | "install")
    }
}
