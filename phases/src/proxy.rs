//! Which hosts Kubernetes reaches without the configured proxy.

use std::collections::BTreeMap;

use config::K3os;

/// The networks of k3s's defaults and the names inside a cluster, as k3s adds them.
const ALWAYS: [&str; 5] = ["localhost", "127.0.0.0/8", "::1", ".svc", ".cluster.local"];
const POD_NETWORK: &str = "10.42.0.0/16";
const SERVICE_NETWORK: &str = "10.43.0.0/16";

/// `NO_PROXY` and `no_proxy` for Kubernetes: the user's hosts and the cluster's own, which no proxy knows the way to.
/// None without a proxy. Programs differ in which of the two they read, so both say the same.
pub(crate) fn exceptions(k3os: &K3os) -> BTreeMap<String, String> {
    let set = |name: &str| {
        k3os.environment
            .keys()
            .any(|key| key.eq_ignore_ascii_case(name))
    };
    if !["http_proxy", "https_proxy", "all_proxy"]
        .into_iter()
        .any(set)
    {
        return BTreeMap::new();
    }
    let hosts = hosts(k3os).join(",");
    ["NO_PROXY", "no_proxy"]
        .map(|name| (name.to_owned(), hosts.clone()))
        .into()
}

fn hosts(k3os: &K3os) -> Vec<String> {
    let users = k3os
        .environment
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("no_proxy"));
    let users = users.flat_map(|(_, hosts)| hosts.split(',').map(str::trim));
    let arguments = config::arguments::split(&k3os.k3s_args);
    let network = |option, usual| config::arguments::value(&arguments, option).unwrap_or(usual);
    let networks = [
        network("--cluster-cidr", POD_NETWORK),
        network("--service-cidr", SERVICE_NETWORK),
    ];
    let networks = networks.into_iter().flat_map(|list| list.split(','));
    let all = users
        .chain(ALWAYS)
        .chain(networks)
        .chain(server(&k3os.server_url));
    let mut hosts = Vec::new();
    for host in all.filter(|host| !host.is_empty()) {
        if !hosts.iter().any(|known| known == host) {
            hosts.push(host.to_owned());
        }
    }
    hosts
}

/// The host in `https://server:6443` or `https://[fd00::1]:6443`.
fn server(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn k3os(yaml: &str) -> K3os {
        let source = config::Source {
            name: "f".into(),
            kind: config::SourceKind::File,
            bytes: yaml.into(),
        };
        config::load(&[source]).config.k3os
    }

    #[test]
    fn without_a_proxy_nothing_is_excepted() {
        assert!(exceptions(&k3os("k3os: {environment: {NO_PROXY: a}}")).is_empty());
    }

    #[test]
    fn the_cluster_is_reached_directly_and_what_the_user_names() {
        let k3os = k3os(
            "k3os:\n  environment: {HTTPS_PROXY: 'http://p:1', no_proxy: '.lan, 10.43.0.0/16'}\n  \
             server_url: https://[fd00::1]:6443\n  k3s_args: [agent, --cluster-cidr, 10.1.0.0/16]\n",
        );
        let found = exceptions(&k3os);
        let expected =
            ".lan,10.43.0.0/16,localhost,127.0.0.0/8,::1,.svc,.cluster.local,10.1.0.0/16,fd00::1";
        assert_eq!(found.get("NO_PROXY").map(String::as_str), Some(expected));
        assert_eq!(found.get("no_proxy"), found.get("NO_PROXY"));
    }

    #[test]
    fn a_server_is_named_without_scheme_and_port() {
        assert_eq!(server("https://a.b:6443/x"), Some("a.b"));
        assert_eq!(server("nothing"), None);
    }
}
