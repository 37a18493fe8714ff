//! The Kubernetes server: `k3s server`, `k3s agent` and the tools around them.

mod api;
mod cli;
mod components;
mod durable;
mod kubeconfig;
mod network;
mod node_address;
mod notify;
mod paths;
mod pki;
mod settings;
mod supervise;
mod token;

fn main() {}
