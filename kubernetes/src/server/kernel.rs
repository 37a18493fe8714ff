//! What Kubernetes needs of the kernel and nothing loads by itself.

use std::fs;

use anyhow::{Context, Result};
use system::modules::Loader;

/// The containers' file system, and the filter for packets that a bridge passes between two pods: without it the answer of
/// a pod on the same node does not find its way back through the Service's address.
const MODULES: [&str; 2] = ["br_netfilter", "overlay"];
/// On by default; settings of another system's `sysctl.d` may have switched them off.
const SETTINGS: [&str; 2] = [
    "/proc/sys/net/bridge/bridge-nf-call-iptables",
    "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
];

/// Prepares the kernel, and says what it lacks.
pub fn prepare() {
    for failure in load().into_iter().chain(switch_on()) {
        println!("k3s: warning: {failure:#}");
    }
}

fn load() -> Vec<anyhow::Error> {
    let mut loader = match Loader::for_running_kernel() {
        Ok(loader) => loader,
        Err(error) => return vec![error],
    };
    let load = |name: &&str| loader.load(name, "").err();
    MODULES.iter().filter_map(load).collect()
}

fn switch_on() -> Vec<anyhow::Error> {
    let write = |path: &&str| -> Result<()> {
        fs::write(path, "1").with_context(|| {
            format!("writing {path}: pods of this node cannot reach one another through Services")
        })
    };
    SETTINGS
        .iter()
        .filter_map(|path| write(path).err())
        .collect()
}
