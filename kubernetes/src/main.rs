//! The Kubernetes server: `k3s server`, `k3s agent` and the tools around them.

fn main() {}
