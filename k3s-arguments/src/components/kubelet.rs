use std::net::IpAddr;

use serde_json::{Value, json};

use super::flags::Flags;
use super::{KUBELET_CONFIG, containerd_endpoint, joined};
use crate::paths::text;
use crate::settings::Settings;

/// The kubelet's flags: what has no place in its configuration file, and the user's.
pub fn flags(settings: &Settings, addresses: &[IpAddr]) -> Vec<String> {
    let node = &settings.args.node;
    Flags::default()
        .set("config", text(settings.paths.agent(KUBELET_CONFIG)))
        .set(
            "kubeconfig",
            text(settings.paths.agent("kubelet.kubeconfig")),
        )
        .set("hostname-override", &settings.node_name)
        .maybe(
            "node-ip",
            (!addresses.is_empty()).then(|| joined(addresses)),
        )
        // The node's external addresses come from us (server/external.rs); by itself the kubelet would take them out again.
        .maybe(
            "cloud-provider",
            (!node.node_external_ip.is_empty()).then_some("external"),
        )
        .maybe(
            "node-labels",
            (!node.node_label.is_empty()).then(|| node.node_label.join(",")),
        )
        .maybe(
            "register-with-taints",
            (!node.node_taint.is_empty()).then(|| node.node_taint.join(",")),
        )
        .with_users(
            settings.args.runtime.verbosity,
            &settings.args.components.kubelet_arg,
        )
}

/// The kubelet's configuration file, on a machine with `memory` bytes.
pub fn configuration(settings: &Settings, resolv_conf: &str, memory: u64) -> Value {
    let mut config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "clusterDNS": settings.dns,
        "clusterDomain": settings.args.cluster.cluster_domain,
        "resolvConf": resolv_conf,
        "protectKernelDefaults": settings.args.components.protect_kernel_defaults,
        "staticPodPath": text(settings.paths.agent("pod-manifests")),
        "volumePluginDir": text(settings.paths.agent("volume-plugins")),
    });
    let parts = [
        access(settings),
        running(settings),
        housekeeping(),
        limits(settings, memory),
    ];
    for part in parts {
        if let (Some(all), Value::Object(part)) = (config.as_object_mut(), part) {
            all.extend(part);
        }
    }
    config
}

fn access(settings: &Settings) -> Value {
    json!({
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": text(settings.paths.agent("client-ca.crt")) },
        },
        "authorization": { "mode": "Webhook" },
        "readOnlyPort": 0,
        "tlsCertFile": text(settings.paths.agent("serving-kubelet.crt")),
        "tlsPrivateKeyFile": text(settings.paths.agent("serving-kubelet.key")),
    })
}

fn running(settings: &Settings) -> Value {
    json!({
        "cgroupDriver": "cgroupfs",
        "containerRuntimeEndpoint": containerd_endpoint(settings),
        "failSwapOn": false,
        // kube-proxy runs in nftables mode; nothing reads the iptables chains.
        "makeIPTablesUtilChains": false,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
        "enableProfilingHandler": false,
    })
}

fn housekeeping() -> Value {
    json!({
        // All of them are named: one that is left out has no threshold.
        "evictionHard": {
            "imagefs.available": "5%", "imagefs.inodesFree": "5%", "memory.available": "100Mi",
            "nodefs.available": "5%", "nodefs.inodesFree": "5%", "pid.available": "5%",
        },
        "evictionMinimumReclaim": { "imagefs.available": "10%", "nodefs.available": "10%" },
        "containerLogMaxSize": "10Mi",
        "containerLogMaxFiles": 3,
    })
}

/// Processes and threads of one pod: a fork bomb ends there. OpenShift's default, above what known programs use.
const PIDS_OF_A_POD: u32 = 4096;
/// Process ids that no pod gets: ssh, a shell and what Kubernetes starts find some when all pods are at their limits.
const RESERVED_PIDS: u32 = 1000;
/// What the server, the kubelet and containerd use on a small cluster, in bytes (docs/testing.md, `make bench`).
const NEEDED_MEMORY: u64 = 512 << 20;

/// What pods may not take from ssh and Kubernetes. The kubelet makes the difference the limit of the cgroup of all pods. Reservations
/// of the user's, of either kind, take the place of ours.
fn limits(settings: &Settings, memory: u64) -> Value {
    let mut limits = json!({ "podPidsLimit": PIDS_OF_A_POD });
    if !names_any(settings, &["system-reserved", "kube-reserved"]) {
        limits["kubeReserved"] = json!({
            "memory": format!("{}Mi", reserved_memory(memory) >> 20),
            "pid": RESERVED_PIDS.to_string(),
        });
    }
    limits
}

/// A small machine keeps three quarters for its pods.
fn reserved_memory(memory: u64) -> u64 {
    NEEDED_MEMORY.min(memory / 4)
}

fn names_any(settings: &Settings, flags: &[&str]) -> bool {
    let users = &settings.args.components.kubelet_arg;
    users.iter().any(|argument| {
        let name = argument.trim_start_matches('-');
        flags.contains(&name.split_once('=').map_or(name, |(name, _)| name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_small_machine_keeps_three_quarters_for_pods() {
        assert_eq!(reserved_memory(GIB), GIB / 4);
        assert_eq!(reserved_memory(64 * GIB), GIB / 2);
    }

    #[test]
    fn the_users_reservation_takes_the_place_of_ours() -> anyhow::Result<()> {
        for (line, ours) in [
            ("", true),
            ("--kubelet-arg=max-pods=9", true),
            ("--kubelet-arg=system-reserved=memory=1Gi", false),
            ("--kubelet-arg=--kube-reserved=cpu=100m", false),
        ] {
            let config = configuration(&settings(line)?, "", 4 * GIB);
            assert_eq!(config.get("kubeReserved").is_some(), ours, "{line}");
            assert_eq!(config["podPidsLimit"], PIDS_OF_A_POD, "{line}");
        }
        Ok(())
    }
}
