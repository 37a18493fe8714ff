//! What the plan must know about the machine.

use std::collections::BTreeMap;
use std::path::Path;

use system::host::Host;

/// Written by init.
const CLOCK_GUESSED: &str = "/run/k3os/clock-guessed";

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
    /// Lists of ssh keys that were fetched in the past, by the name of their file.
    pub fetched_keys: BTreeMap<String, String>,
    /// This boot's metadata and userdata have been found.
    pub has_metadata: bool,
    /// They came from a service in the network.
    pub has_metadata_service: bool,
    /// The prompt says that Kubernetes is not started.
    pub has_notice: bool,
    /// sshd has settings of an earlier configuration.
    pub has_ssh_settings: bool,
    /// The hardware did not know the time when the machine started.
    pub time_is_guessed: bool,
    /// bash is there. It takes what k3OS's shell took (`source`, `[[ … ]]`) and a minimal `sh` does not.
    pub has_bash: bool,
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
            version: text(system::layout::RELEASE_FILE).trim().to_owned(),
            hosts: text("/etc/hosts"),
            connman_settings: text("/var/lib/connman/settings"),
            fetched_keys: fetched_keys(host),
            has_metadata: data_sources::is_stored(host),
            has_metadata_service: data_sources::names_a_service(&[text("/run/config/provider")
                .trim()
                .to_owned()]),
            has_notice: !text(crate::plan::NOTICE).is_empty(),
            has_ssh_settings: !text(crate::plan::SSHD_SETTINGS).is_empty(),
            time_is_guessed: !text(CLOCK_GUESSED).is_empty(),
            has_bash: host
                .list(Path::new("/usr/bin"))
                .is_ok_and(|names| names.iter().any(|name| name == "bash")),
        }
    }

    /// Whether the machine runs from a medium and keeps nothing.
    pub fn is_live(&self) -> bool {
        matches!(self.mode.as_str(), "live" | "install")
    }
}

fn fetched_keys(host: &dyn Host) -> BTreeMap<String, String> {
    let directory = Path::new(crate::remote_keys::KEPT);
    let list = |name: String| {
        let bytes = host.read(&directory.join(&name)).ok().flatten()?;
        Some((name, String::from_utf8_lossy(&bytes).into_owned()))
    };
    host.list(directory)
        .unwrap_or_default()
        .into_iter()
        .filter_map(list)
        .collect()
}
