//! The network, by connman's files.

use std::path::PathBuf;

use super::Planner;
use crate::connman::{MainConf, TIMESERVERS, wifi, with_wifi_enabled};
use crate::phase::Phase;
use crate::step::{Action, File};

const MAIN_CONF: &str = "/etc/connman/main.conf";
const SETTINGS: &str = "/var/lib/connman/settings";
/// Reads `main.conf` when it starts, and never again.
const CONNMAN: &str = "connman.service";
/// Speaks to wireless networks for connman. A machine without any does not start it.
pub(crate) const IWD: &str = "iwd.service";
const WIFI: &str = "/var/lib/connman/k3os.config";

impl Planner<'_> {
    pub(super) fn network(&mut self) {
        if self.phase == Phase::Initrd {
            return;
        }
        let k3os = &self.loaded.config.k3os;
        let conf = MainConf {
            nameservers: k3os.dns_nameservers.clone(),
            timeservers: self.timeservers(),
        };
        let key = if k3os.dns_nameservers.is_empty() {
            "k3os.ntp_servers"
        } else {
            "k3os.dns_nameservers"
        };
        let file = root_file(MAIN_CONF, conf.text(), 0o644);
        let action = match self.phase {
            Phase::Runtime => Action::WriteFor(file, CONNMAN),
            _ => Action::Write(file),
        };
        self.add(key, action);
        self.wifi();
    }

    /// Pods are kept from the service that has this machine's configuration, unless they are allowed to ask.
    pub(super) fn metadata(&mut self) {
        if self.phase != Phase::Runtime || !self.facts.has_metadata_service {
            return;
        }
        let action = match self.loaded.config.k3os.metadata_for_pods {
            true => Action::UnshieldMetadata,
            false => Action::ShieldMetadata,
        };
        self.add("k3os.metadata_for_pods", action);
    }

    /// The configured ones; where the hardware does not know the time, somebody has to be asked in any case.
    fn timeservers(&self) -> Vec<String> {
        let configured = &self.loaded.config.k3os.ntp_servers;
        if configured.is_empty() && self.facts.time_is_guessed {
            return TIMESERVERS.map(str::to_owned).into();
        }
        configured.clone()
    }

    fn wifi(&mut self) {
        let networks = &self.loaded.config.k3os.wifi;
        if networks.is_empty() {
            return self.add("k3os.wifi", Action::Remove(PathBuf::from(WIFI)));
        }
        // connman notices when this file changes.
        let networks = root_file(WIFI, wifi(networks), 0o600);
        self.add("k3os.wifi", Action::Write(networks));
        if self.phase == Phase::Runtime {
            // Its settings are its own while it runs.
            return self.add("k3os.wifi", Action::Wireless);
        }
        let settings = with_wifi_enabled(&self.facts.connman_settings);
        let settings = root_file(SETTINGS, settings, 0o600);
        self.add("k3os.wifi", Action::Write(settings));
        self.add("k3os.wifi", Action::Want(IWD));
    }
}

fn root_file(path: &str, text: String, mode: u32) -> File {
    let content = config::Content(text.into_bytes());
    File {
        path: path.into(),
        content,
        mode,
        owner: String::new(),
        once: false,
    }
}
