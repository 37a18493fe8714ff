//! The Kubernetes server: `k3s server`, `k3s agent` and the tools around them.

mod cli;
mod durable;
mod kubeconfig;
mod network;
mod paths;
mod pki;
mod token;

fn main() {}
