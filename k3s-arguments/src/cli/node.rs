use std::net::IpAddr;

use clap::Args;

/// The node: name, addresses, labels, taints.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Node")]
pub struct NodeArgs {
    /// Name of the node (default: the host name)
    #[arg(long, env = "K3S_NODE_NAME")]
    pub node_name: Option<String>,
    /// Append a short, stable id to the node's name
    #[arg(long, num_args = 0..=1, default_missing_value = "true", default_value = "false", require_equals = true, action = clap::ArgAction::Set, value_parser = super::switch)]
    pub with_node_id: bool,
    /// Label for a new node, key=value
    #[arg(long)]
    pub node_label: Vec<String>,
    /// Taint for a new node, key=value:Effect
    #[arg(long)]
    pub node_taint: Vec<String>,
    /// Address of the node (default: the one of the default route's interface)
    #[arg(long, short = 'i', value_delimiter = ',')]
    pub node_ip: Vec<IpAddr>,
    /// Address under which the node is reached from outside
    #[arg(long, value_delimiter = ',')]
    pub node_external_ip: Vec<IpAddr>,
    /// resolv.conf for the kubelet (default: the system's, if it names a server that pods can reach)
    #[arg(long, env = "K3S_RESOLV_CONF")]
    pub resolv_conf: Option<String>,
}
