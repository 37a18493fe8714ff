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

/// The file for `kubernetes server --config`. `had_cluster`: this machine has served a cluster before, so that an empty
/// datastore is a loss and not a beginning.
pub fn server_config(settings: &Settings, had_cluster: bool) -> Value {
    json!({
        "kine": kine::flags(settings),
        "datastore": {
            "hadCluster": had_cluster,
            "startEmpty": settings.paths.signs_of_a_cluster(),
            "report": paths::run(paths::DATASTORE_REPORT),
        },
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
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::tests::settings;
    use anyhow::{Context, Result};

    /// Compares with `golden/NAME`; `K3OS_BLESS=1 cargo test` writes what is now the case.
    fn golden(name: &str, actual: &str) -> Result<()> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/components/golden")
            .join(name);
        if std::env::var_os("K3OS_BLESS").is_some() {
            std::fs::write(&file, actual)?;
        }
        let expected =
            std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        assert_eq!(actual, expected, "{name}");
        Ok(())
    }

    const CHANGED: &str = "--cluster-cidr 10.1.0.0/16 --service-cidr 10.2.0.0/16 --cluster-domain k.example \
        --data-dir /data --bind-address 10.0.0.5 --https-listen-port 7443 --node-name n1 --node-label a=b --node-label c=d \
        --node-taint x=y:NoSchedule --kubelet-arg max-pods=50 --kubelet-arg v=4 --kube-proxy-arg proxy-mode=iptables \
        --kube-apiserver-arg anonymous-auth=true --kube-controller-manager-arg secure-port=10257 \
        --kube-scheduler-arg v=2 --datastore-endpoint postgres://db --container-runtime-endpoint /run/crio.sock \
        --snapshotter native --pause-image p:1 -v 1 --service-node-port-range 1000-2000";

    #[test]
    fn server_and_agent_flags() -> Result<()> {
        for (name, line) in [("default", ""), ("changed", CHANGED)] {
            let settings = settings(line)?;
            golden(
                &format!("server-{name}.json"),
                &format!("{:#}\n", server_config(&settings, false)),
            )?;
            let agent = agent_config(&settings, &[IpAddr::from([10, 0, 2, 15])]);
            golden(&format!("agent-{name}.json"), &format!("{agent:#}\n"))?;
        }
        Ok(())
    }

    #[test]
    fn a_disabled_kube_proxy_has_no_flags() -> Result<()> {
        let agent = agent_config(&settings("--disable-kube-proxy")?, &[]);
        assert_eq!(agent["kube-proxy"], json!([]));
        Ok(())
    }

    #[test]
    fn configuration_files() -> Result<()> {
        let settings = settings("")?;
        golden("containerd.toml", &containerd_config(&settings))?;
        golden(
            "kubelet.json",
            &format!(
                "{:#}\n",
                kubelet_configuration(&settings, "/etc/resolv.conf", 4 << 30)
            ),
        )?;
        golden(
            "cni.json",
            &format!("{:#}\n", conflist(&settings.first_node_networks())),
        )
    }
}
