use super::flags::Flags;
use super::joined;
use crate::paths::text;
use crate::settings::Settings;

/// kube-proxy's flags; none when it is disabled.
pub fn flags(settings: &Settings) -> Vec<String> {
    if settings.args.components.disable_kube_proxy {
        return Vec::new();
    }
    Flags::default()
        .set(
            "kubeconfig",
            text(settings.paths.agent("kubeproxy.kubeconfig")),
        )
        .set("hostname-override", &settings.node_name)
        .set("proxy-mode", "nftables")
        .set("cluster-cidr", joined(&settings.pod_networks))
        .set("healthz-bind-address", "127.0.0.1:10256")
        .set("metrics-bind-address", "127.0.0.1:10249")
        // The kernel's own limits stay as they are.
        .set("conntrack-max-per-core", 0)
        .set("conntrack-tcp-timeout-established", "0s")
        .set("conntrack-tcp-timeout-close-wait", "0s")
        .with_users(
            settings.args.runtime.verbosity,
            &settings.args.components.kube_proxy_arg,
        )
}
