//! connman's files: a typed model, written out as text.

use config::Wifi;
use system::net::CONTAINER_INTERFACES;

/// Name servers for a network that names none, unless the configuration names some: k3OS's own default.
const DEFAULT_NAMESERVER: &str = "8.8.8.8";

/// Time servers of a machine that cannot do without: its hardware does not know the time. They are Debian's, whose userland
/// this is.
pub(crate) const TIMESERVERS: [&str; 2] = ["0.debian.pool.ntp.org", "1.debian.pool.ntp.org"];

/// The keys of `main.conf` that are set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MainConf {
    /// Used when the network names no name servers.
    pub nameservers: Vec<String>,
    /// Used when the network names no time servers.
    pub timeservers: Vec<String>,
}

impl MainConf {
    /// The file's text.
    pub(crate) fn text(&self) -> String {
        let default = vec![DEFAULT_NAMESERVER.to_owned()];
        let nameservers = if self.nameservers.is_empty() {
            &default
        } else {
            &self.nameservers
        };
        let mut lines = vec![
            "# Written by k3OS from its configuration.".to_owned(),
            "[General]".to_owned(),
            format!(
                "NetworkInterfaceBlacklist={}",
                CONTAINER_INTERFACES.join(",")
            ),
            "PreferredTechnologies=ethernet,wifi".to_owned(),
            // Several networks at once, each with its addresses: pods and nodes are reached by all of them.
            "SingleConnectedTechnology=false".to_owned(),
            // The name is the configuration's; DHCP must not change it, since the node is known by it.
            "AllowHostnameUpdates=false".to_owned(),
            "AllowDomainnameUpdates=false".to_owned(),
            // No requests to somebody else's server, at every start, only to learn whether there is an internet.
            "EnableOnlineCheck=false".to_owned(),
            format!("FallbackNameservers={}", nameservers.join(",")),
        ];
        if !self.timeservers.is_empty() {
            lines.push(format!(
                "FallbackTimeservers={}",
                self.timeservers.join(",")
            ));
        }
        lines.join("\n") + "\n"
    }
}

/// The provisioning file for wireless networks. It holds passphrases: for root's eyes only.
pub(crate) fn wifi(networks: &[Wifi]) -> String {
    let mut text =
        String::from("[global]\nName=k3OS\nDescription=Written by k3OS from its configuration\n");
    for (number, network) in networks.iter().enumerate() {
        text.push_str(&format!("\n[service_wifi{number}]\nType=wifi\n"));
        if !network.passphrase.is_empty() {
            text.push_str(&format!("Passphrase={}\n", network.passphrase.reveal()));
        }
        text.push_str(&format!("Name={}\n", network.name));
    }
    text
}

/// connman's file of technologies with WiFi switched on and all else as it was.
pub(crate) fn with_wifi_enabled(settings: &str) -> String {
    let mut kept = String::new();
    let mut in_wifi = false;
    for line in settings.lines() {
        in_wifi = if line.starts_with('[') {
            line.trim() == "[WiFi]"
        } else {
            in_wifi
        };
        if !in_wifi && !line.trim().is_empty() {
            kept.push_str(if line.starts_with('[') && !kept.is_empty() {
                "\n"
            } else {
                ""
            });
            kept.push_str(line);
            kept.push('\n');
        }
    }
    let gap = if kept.is_empty() { "" } else { "\n" };
    format!("{kept}{gap}[WiFi]\nEnable=true\nTethering=false\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Secret;

    #[test]
    fn main_conf_is_as_connman_reads_it() {
        let text = MainConf {
            nameservers: vec!["1.1.1.1".into(), "9.9.9.9".into()],
            timeservers: vec!["ntp.example".into()],
        }
        .text();
        let expected = "# Written by k3OS from its configuration.\n[General]\n\
             NetworkInterfaceBlacklist=veth,cni,flannel,cali,cilium,lxc,tunl,vxlan,geneve,weave,docker,br-,virbr,kube,nodelocaldns,dummy,ifb,wg,vmnet,vboxnet\n\
             PreferredTechnologies=ethernet,wifi\nSingleConnectedTechnology=false\nAllowHostnameUpdates=false\n\
             AllowDomainnameUpdates=false\nEnableOnlineCheck=false\nFallbackNameservers=1.1.1.1,9.9.9.9\n\
             FallbackTimeservers=ntp.example\n";
        assert_eq!(text, expected);
        let plain = MainConf::default().text();
        assert!(plain.contains("FallbackNameservers=8.8.8.8\n") && !plain.contains("Timeservers"));
    }

    #[test]
    fn the_images_own_file_keeps_connman_off_the_same_interfaces() {
        let image = include_str!("../../overlay/usr/etc/connman/main.conf");
        let written = MainConf::default().text();
        let kept_off = |text: &str| {
            let mut lines = text.lines().map(str::to_owned);
            lines.find(|line| line.starts_with("NetworkInterfaceBlacklist="))
        };
        assert!(kept_off(image).is_some());
        assert_eq!(kept_off(image), kept_off(&written));
    }

    #[test]
    fn wifi_is_as_connman_reads_it() {
        let networks = [
            Wifi {
                name: "home".into(),
                passphrase: Secret::new("mypassword"),
            },
            Wifi {
                name: "open".into(),
                passphrase: Secret::default(),
            },
        ];
        assert_eq!(
            wifi(&networks),
            "[global]\nName=k3OS\nDescription=Written by k3OS from its configuration\n\n\
             [service_wifi0]\nType=wifi\nPassphrase=mypassword\nName=home\n\n[service_wifi1]\nType=wifi\nName=open\n"
        );
    }

    #[test]
    fn switching_wifi_on_keeps_other_technologies() {
        let before = "[global]\nOfflineMode=false\n\n[WiFi]\nEnable=false\nTethering=true\n\n[Wired]\nEnable=true\n";
        let after = with_wifi_enabled(before);
        assert_eq!(
            after,
            "[global]\nOfflineMode=false\n\n[Wired]\nEnable=true\n\n[WiFi]\nEnable=true\nTethering=false\n"
        );
        assert_eq!(with_wifi_enabled(&after), after);
        assert_eq!(
            with_wifi_enabled(""),
            "[WiFi]\nEnable=true\nTethering=false\n"
        );
    }
}
