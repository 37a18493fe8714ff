//! The machine's own networks and the cluster's: where both have the same addresses, neither the machine nor its pods can be
//! reached, and nothing says why.

use std::net::IpAddr;

use anyhow::{Result, bail};
use system::net;

use crate::network::Network;
use crate::settings::Settings;

/// An address of the machine.
struct Own {
    interface: String,
    ip: IpAddr,
    prefix: u8,
}

/// Looks at the machine. Gives warnings.
///
/// # Errors
/// A range of the cluster that takes the machine's own addresses, with both ranges and the option that changes it.
pub fn check(settings: &Settings) -> Result<Vec<String>> {
    let own = net::networks().into_iter().map(|(address, prefix)| Own {
        interface: address.interface,
        ip: address.ip,
        prefix,
    });
    judge(settings, &own.collect::<Vec<_>>())
}

fn judge(settings: &Settings, own: &[Own]) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    // A pod network that the user brings has interfaces with addresses of its own, whose names nobody knows.
    let theirs = settings.args.cluster.flannel_backend.as_deref() == Some("none");
    let pods = settings.pod_networks.iter().filter(|_| !theirs);
    let pods = pods.map(|range| ("pods", "--cluster-cidr", range));
    let services = settings.service_networks.iter();
    let services = services.map(|range| ("services", "--service-cidr", range));
    for (what, option, range) in pods.chain(services) {
        for own in own.iter().filter(|own| !is_single(own)) {
            let network = Network::of(own.ip, own.prefix);
            if !network.overlaps(range) {
                continue;
            }
            let words = format!(
                "the machine's network {network} ({}, {}) and the network of {what} {range} share addresses",
                own.interface, own.ip
            );
            if range.contains(own.ip) || network.prefix() >= range.prefix() {
                bail!(
                    "{words}: give {what} another range by {option}, or the machine another network"
                );
            }
            warnings.push(format!(
                "{words}: hosts in {range} are not reached; {option} changes the range"
            ));
        }
    }
    Ok(warnings)
}

/// An address without a network around it: a tunnel's, not a LAN's.
fn is_single(own: &Own) -> bool {
    own.prefix == if own.ip.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::{self, Around};
    use crate::settings::Machine;

    fn judged(line: &str, ip: [u8; 4], prefix: u8) -> Result<usize> {
        let argv = std::iter::once("server").chain(line.split_whitespace());
        let argv: Vec<OsString> = argv.map(OsString::from).collect();
        let machine = Machine {
            hostname: "n".into(),
            node_id: String::new(),
            release: String::new(),
        };
        let settings = Settings::new(
            cli::parse("server", &argv, &Around::default())?.args,
            &machine,
        )?;
        let interface = "eth0".into();
        let own = [Own {
            interface,
            ip: ip.into(),
            prefix,
        }];
        Ok(judge(&settings, &own)?.len())
    }

    #[test]
    fn what_would_cut_off_the_machine_is_refused_with_both_ranges() -> Result<()> {
        let error = judged("", [10, 42, 0, 15], 24)
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default();
        for part in ["10.42.0.0/24", "10.42.0.0/16", "eth0", "--cluster-cidr"] {
            assert!(error.contains(part), "{error}");
        }
        assert!(judged("", [10, 43, 9, 1], 24).is_err());
        assert!(judged("", [10, 42, 1, 1], 8).is_err());
        assert!(judged("--cluster-cidr 10.1.0.0/16", [10, 1, 0, 1], 16).is_err());
        assert_eq!(judged("", [192, 168, 1, 2], 24)?, 0);
        // A wide network around the ranges works, but for the hosts in them.
        assert_eq!(judged("", [10, 7, 1, 1], 8)?, 2);
        assert_eq!(judged("--flannel-backend=none", [10, 42, 0, 15], 24)?, 0);
        assert_eq!(judged("", [10, 42, 0, 15], 32)?, 0);
        Ok(())
    }
}
