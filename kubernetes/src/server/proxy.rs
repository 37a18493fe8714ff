//! The cluster's own traffic never goes to a proxy, whatever the environment says: no proxy knows the way to pods, services and
//! nodes. Pulls and downloads, which are containerd's, follow the environment as it is.

use std::collections::BTreeSet;

use system::net;

use crate::settings::Settings;

/// Names that a proxy is set by.
const PROXIES: [&str; 3] = ["http_proxy", "https_proxy", "all_proxy"];
/// This machine, names within the cluster, and the private ranges in which nodes lie.
const ALWAYS: [&str; 11] = [
    "localhost",
    "127.0.0.0/8",
    "::1",
    ".svc",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
];

/// The variables for a component: what it reaches without a proxy. None without a proxy.
pub fn exceptions(settings: &Settings) -> Vec<(&'static str, String)> {
    let own = net::addresses()
        .into_iter()
        .map(|address| address.ip.to_string());
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    of(settings, &variables.collect::<Vec<_>>(), own)
}

fn of(
    settings: &Settings,
    variables: &[(String, String)],
    own: impl Iterator<Item = String>,
) -> Vec<(&'static str, String)> {
    let called = |name: &'static str| {
        let fitting = move |(variable, value): &&(String, String)| {
            variable.eq_ignore_ascii_case(name) && !value.trim().is_empty()
        };
        variables
            .iter()
            .filter(fitting)
            .map(|(_, value)| value.as_str())
    };
    if PROXIES
        .into_iter()
        .all(|name| called(name).next().is_none())
    {
        return Vec::new();
    }
    let users = called("no_proxy")
        .flat_map(|list| list.split(','))
        .map(|host| host.trim().to_owned());
    let ranges = settings
        .pod_networks
        .iter()
        .chain(&settings.service_networks);
    let (node, listener) = (&settings.args.node, &settings.args.listener);
    let given = node.node_ip.iter().chain(&node.node_external_ip);
    let given = given
        .chain(&listener.advertise_address)
        .map(ToString::to_string);
    let named = [
        format!(".{}", settings.args.cluster.cluster_domain),
        settings.node_name.clone(),
    ];
    let all = users
        .chain(ALWAYS.map(String::from))
        .chain(named)
        .chain(ranges.map(ToString::to_string))
        .chain(given)
        .chain(own);
    let mut seen = BTreeSet::new();
    let hosts: Vec<String> = all
        .filter(|host| !host.is_empty() && seen.insert(host.clone()))
        .collect();
    let hosts = hosts.join(",");
    vec![("NO_PROXY", hosts.clone()), ("no_proxy", hosts)]
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::{self, Around};
    use crate::settings::Machine;

    #[test]
    fn the_cluster_is_reached_without_the_proxy_whatever_the_user_wrote() -> anyhow::Result<()> {
        let argv = [
            "server",
            "--cluster-cidr=172.99.0.0/16",
            "--node-external-ip=203.0.113.5",
        ];
        let argv = argv.map(OsString::from);
        let machine = Machine {
            hostname: "node-1".into(),
            node_id: String::new(),
            release: String::new(),
        };
        let settings = Settings::new(
            cli::parse("server", &argv, &Around::default())?.args,
            &machine,
        )?;
        let own = || std::iter::once("198.51.100.7".to_owned());
        let variables = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect()
        };
        assert!(
            of(
                &settings,
                &variables(&[("NO_PROXY", "x"), ("https_proxy", "")]),
                own()
            )
            .is_empty()
        );
        let set = of(
            &settings,
            &variables(&[("HTTPS_PROXY", "http://p"), ("no_proxy", "a, b")]),
            own(),
        );
        assert_eq!(set.len(), 2);
        for (_, hosts) in set {
            let hosts: Vec<&str> = hosts.split(',').collect();
            for host in [
                "a",
                "b",
                "172.99.0.0/16",
                "10.43.0.0/16",
                "198.51.100.7",
                "203.0.113.5",
                "node-1",
                ".cluster.local",
            ] {
                assert!(hosts.contains(&host), "{host}: {hosts:?}");
            }
        }
        Ok(())
    }
}
