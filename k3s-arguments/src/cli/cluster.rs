use std::path::PathBuf;

use clap::Args;

/// The cluster: its networks, its token, its datastore.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Network of the pods
    #[arg(long, value_delimiter = ',', default_value = "10.42.0.0/16")]
    pub cluster_cidr: Vec<String>,
    /// Network of the services
    #[arg(long, value_delimiter = ',', default_value = "10.43.0.0/16")]
    pub service_cidr: Vec<String>,
    /// Ports for services of type NodePort
    #[arg(long, default_value = "30000-32767")]
    pub service_node_port_range: String,
    /// Address of the DNS service (default: the tenth of the service network)
    #[arg(long, value_delimiter = ',')]
    pub cluster_dns: Vec<String>,
    /// DNS domain of the cluster
    #[arg(long, default_value = "cluster.local")]
    pub cluster_domain: String,
    /// Secret that lets nodes join (default: made at the first start)
    #[arg(long, short = 't', env = "K3S_TOKEN")]
    pub token: Option<String>,
    /// File with that secret
    #[arg(long, env = "K3S_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Server to join (an agent's; refused on a server until joining exists)
    #[arg(long, short = 's', env = "K3S_URL")]
    pub server: Option<String>,
    /// Start a new cluster (also what happens without it)
    #[arg(long, env = "K3S_CLUSTER_INIT", num_args = 0..=1, default_missing_value = "true", default_value = "false", require_equals = true, action = clap::ArgAction::Set, value_parser = super::switch)]
    pub cluster_init: bool,
    /// Datastore for kine: sqlite, mysql, postgres or nats (default: SQLite in the data directory)
    #[arg(long, env = "K3S_DATASTORE_ENDPOINT")]
    pub datastore_endpoint: Option<String>,
    /// CA bundle for the datastore
    #[arg(long, env = "K3S_DATASTORE_CAFILE")]
    pub datastore_cafile: Option<PathBuf>,
    /// Client certificate for the datastore
    #[arg(long, env = "K3S_DATASTORE_CERTFILE")]
    pub datastore_certfile: Option<PathBuf>,
    /// Client key for the datastore
    #[arg(long, env = "K3S_DATASTORE_KEYFILE")]
    pub datastore_keyfile: Option<PathBuf>,
    /// Network between nodes; 'none' leaves the CNI configuration to you, all others are a bridge on the node
    #[arg(long, value_parser = backend)]
    pub flannel_backend: Option<String>,
}

/// k3s's backends, today's and earlier ones.
const BACKENDS: [&str; 7] = [
    "none",
    "vxlan",
    "host-gw",
    "wireguard-native",
    "wireguard",
    "ipsec",
    "udp",
];

/// Behind the name, earlier versions of k3s took options: `wireguard-native=PersistentKeepaliveInterval=25`.
fn backend(text: &str) -> Result<String, String> {
    let name = text.split('=').next().unwrap_or(text);
    match BACKENDS.contains(&name) {
        true => Ok(name.to_owned()),
        false => Err(format!("valid: {}", BACKENDS.join(", "))),
    }
}
