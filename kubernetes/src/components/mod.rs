//! Flags and configuration files of the upstream components, built from [`Settings`]. Pure.

mod apiserver;
mod cni;
mod containerd;
mod controller_manager;
mod flags;
mod kine;
mod kube_proxy;
mod kubelet;
mod registries;
mod scheduler;

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::paths::{self, text};
use crate::settings::Settings;

pub use cni::conflist;
pub use containerd::config as containerd_config;
pub use kubelet::configuration as kubelet_configuration;
pub use registries::Registries;

/// Name of the kubelet's configuration file under `agent/`.
pub const KUBELET_CONFIG: &str = "etc/kubelet.conf";

/// The file for `kubernetes server --config`.
pub fn server_config(settings: &Settings) -> Value {
    json!({
        "kine": kine::flags(settings),
        "kube-apiserver": apiserver::flags(settings),
        "kube-controller-manager": controller_manager::flags(settings),
        "kube-scheduler": scheduler::flags(settings),
    })
}

/// The file for `kubernetes agent --config`.
pub fn agent_config(settings: &Settings, addresses: &[IpAddr]) -> Value {
    json!({
        "kubelet": kubelet::flags(settings, addresses),
        "kube-proxy": kube_proxy::flags(settings),
        "images": [paths::RELEASE_IMAGES, text(settings.paths.images())],
        "containerd": containerd_endpoint(settings),
        "snapshotter": settings.args.runtime.snapshotter,
    })
}

/// The container runtime, bundled or given.
pub fn containerd_endpoint(settings: &Settings) -> String {
    match &settings.args.runtime.container_runtime_endpoint {
        Some(endpoint) if endpoint.contains("://") => endpoint.clone(),
        Some(path) => format!("unix://{path}"),
        None => format!("unix://{}", text(paths::containerd_socket())),
    }
}

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
