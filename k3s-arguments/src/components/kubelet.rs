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

/// The kubelet's configuration file.
pub fn configuration(settings: &Settings, resolv_conf: &str) -> Value {
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
    for part in [access(settings), running(settings), housekeeping()] {
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
        "evictionHard": { "imagefs.available": "5%", "nodefs.available": "5%", "memory.available": "50Mi" },
        "evictionMinimumReclaim": { "imagefs.available": "10%", "nodefs.available": "10%" },
        "containerLogMaxSize": "10Mi",
        "containerLogMaxFiles": 3,
    })
}
