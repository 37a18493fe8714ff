//! Which certificates there are, for whom and signed by which CA. Pure.

use std::net::IpAddr;

use crate::settings::Settings;

/// The certificate authorities. Separate, so that a client certificate never passes as a server's, and so that only
/// the aggregator can speak for users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ca {
    /// Signs what servers show.
    Server,
    /// Signs what users and components show to the API.
    Client,
    /// Signs the aggregator's certificate.
    RequestHeader,
}

impl Ca {
    /// All of them.
    pub const ALL: [Ca; 3] = [Ca::Server, Ca::Client, Ca::RequestHeader];

    /// Stem of its files in `server/tls`.
    pub fn stem(self) -> &'static str {
        match self {
            Ca::Server => "server-ca",
            Ca::Client => "client-ca",
            Ca::RequestHeader => "request-header-ca",
        }
    }
}

/// What a certificate is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// By a client.
    Client,
    /// By a server.
    Server,
}

/// The directory of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `server/tls`
    Server,
    /// `agent`
    Agent,
}

/// One certificate to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Directory.
    pub place: Place,
    /// Stem of its files.
    pub stem: &'static str,
    /// Who signs it.
    pub ca: Ca,
    /// What it is for.
    pub usage: Usage,
    /// Common name: the user, for a client.
    pub common_name: String,
    /// Organization: the user's group.
    pub organization: Option<&'static str>,
    /// Names and addresses of a server, sorted, without duplicates.
    pub names: Vec<String>,
}

/// What the plan depends on.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The node's name.
    pub node_name: String,
    /// Its addresses, as far as they are known.
    pub node_addresses: Vec<IpAddr>,
    /// The service that stands for the API.
    pub api_service: IpAddr,
    /// DNS domain of the cluster.
    pub domain: String,
    /// Further names of the API.
    pub api_names: Vec<String>,
}

impl Facts {
    /// What the settings say, for a node with these addresses.
    pub fn of(settings: &Settings, node_addresses: &[IpAddr]) -> Self {
        let (listener, node) = (&settings.args.listener, &settings.args.node);
        let mut api_names = listener.tls_san.clone();
        api_names.extend(listener.advertise_address.iter().map(ToString::to_string));
        api_names.extend(node.node_external_ip.iter().map(ToString::to_string));
        if !listener.bind_address.is_unspecified() {
            api_names.push(listener.bind_address.to_string());
        }
        Facts {
            node_name: settings.node_name.clone(),
            node_addresses: node_addresses.to_vec(),
            api_service: settings.api_service,
            domain: settings.args.cluster.cluster_domain.clone(),
            api_names,
        }
    }
}

/// All certificates of a server that is also a node.
pub fn leaves(facts: &Facts) -> Vec<Leaf> {
    let mut leaves = server_clients();
    leaves.push(serving(
        "serving-kube-apiserver",
        Place::Server,
        "kube-apiserver",
        api_names(facts),
    ));
    leaves.extend(node_leaves(facts));
    leaves
}

/// The group that may do everything. The controllers, the scheduler and this node's kube-proxy are in it, too: the API
/// server creates the roles made for them some seconds after it serves, at the first start, and they would meanwhile be
/// refused and pause. It gives them nothing new: they run as root beside the keys of the CAs. (kube-proxy on a node
/// that joins gets a certificate without it.)
const MASTERS: Option<&str> = Some("system:masters");

fn server_clients() -> Vec<Leaf> {
    vec![
        client("client-admin", Place::Server, "system:admin", MASTERS),
        client(
            "client-supervisor",
            Place::Server,
            "system:k3s-supervisor",
            MASTERS,
        ),
        client(
            "client-kube-apiserver",
            Place::Server,
            "system:apiserver",
            MASTERS,
        ),
        client(
            "client-controller",
            Place::Server,
            "system:kube-controller-manager",
            MASTERS,
        ),
        client(
            "client-scheduler",
            Place::Server,
            "system:kube-scheduler",
            MASTERS,
        ),
        Leaf {
            ca: Ca::RequestHeader,
            ..client(
                "client-auth-proxy",
                Place::Server,
                "system:auth-proxy",
                None,
            )
        },
    ]
}

/// Begins the user name of a node.
pub const NODE_USER: &str = "system:node:";

fn node_leaves(facts: &Facts) -> Vec<Leaf> {
    let node_user = format!("{NODE_USER}{}", facts.node_name);
    let mut names = vec![
        facts.node_name.clone(),
        "localhost".into(),
        "127.0.0.1".into(),
    ];
    names.extend(facts.node_addresses.iter().map(ToString::to_string));
    vec![
        client(
            "client-kubelet",
            Place::Agent,
            &node_user,
            Some("system:nodes"),
        ),
        client(
            "client-kube-proxy",
            Place::Agent,
            "system:kube-proxy",
            MASTERS,
        ),
        serving("serving-kubelet", Place::Agent, &facts.node_name, names),
    ]
}

fn api_names(facts: &Facts) -> Vec<String> {
    let service = "kubernetes.default.svc";
    let fixed = [
        "kubernetes",
        "kubernetes.default",
        service,
        "localhost",
        "127.0.0.1",
        "::1",
    ];
    let mut names: Vec<String> = fixed.map(String::from).into();
    names.push(format!("{service}.{}", facts.domain));
    names.push(facts.api_service.to_string());
    names.push(facts.node_name.clone());
    names.extend(facts.node_addresses.iter().map(ToString::to_string));
    names.extend(facts.api_names.iter().cloned());
    names
}

fn client(stem: &'static str, place: Place, user: &str, group: Option<&'static str>) -> Leaf {
    let (common_name, organization) = (user.to_string(), group);
    Leaf {
        place,
        stem,
        ca: Ca::Client,
        usage: Usage::Client,
        common_name,
        organization,
        names: Vec::new(),
    }
}

fn serving(stem: &'static str, place: Place, name: &str, mut names: Vec<String>) -> Leaf {
    names.sort();
    names.dedup();
    let common_name = name.to_string();
    Leaf {
        place,
        stem,
        ca: Ca::Server,
        usage: Usage::Server,
        common_name,
        organization: None,
        names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            node_name: "n1".into(),
            node_addresses: vec![IpAddr::from([10, 0, 2, 15])],
            api_service: IpAddr::from([10, 43, 0, 1]),
            domain: "cluster.local".into(),
            api_names: vec!["example.org".into(), "localhost".into()],
        }
    }

    #[test]
    fn the_api_is_known_by_all_its_names_once() -> Result<(), &'static str> {
        let leaves = leaves(&facts());
        let api = leaves
            .iter()
            .find(|l| l.stem == "serving-kube-apiserver")
            .ok_or("no API certificate")?;
        for name in [
            "10.0.2.15",
            "10.43.0.1",
            "example.org",
            "kubernetes.default.svc.cluster.local",
            "n1",
        ] {
            assert!(api.names.iter().any(|n| n == name), "{name}");
        }
        assert_eq!(api.names.iter().filter(|n| *n == "localhost").count(), 1);
        Ok(())
    }

    #[test]
    fn the_kubelet_is_the_node_and_nothing_more() {
        let leaves = leaves(&facts());
        let kubelet: Vec<_> = leaves
            .iter()
            .filter(|l| l.stem == "client-kubelet")
            .collect();
        assert!(
            matches!(kubelet.as_slice(), [l] if l.common_name == "system:node:n1"
            && l.organization == Some("system:nodes"))
        );
    }

    #[test]
    fn clients_and_servers_have_different_authorities() {
        for leaf in leaves(&facts()) {
            assert_eq!(
                leaf.usage == Usage::Server,
                leaf.ca == Ca::Server,
                "{}",
                leaf.stem
            );
        }
    }
}
