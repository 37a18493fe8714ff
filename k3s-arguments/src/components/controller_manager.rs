use super::flags::Flags;
use super::joined;
use crate::paths::text;
use crate::settings::Settings;

/// kube-controller-manager's flags.
pub fn flags(settings: &Settings) -> Vec<String> {
    let flags = signing(settings, running(settings));
    flags.with_users(
        settings.args.runtime.verbosity,
        &settings.args.components.kube_controller_manager_arg,
    )
}

fn running(settings: &Settings) -> Flags {
    Flags::default()
        .set(
            "kubeconfig",
            text(settings.paths.cred("controller.kubeconfig")),
        )
        .set("controllers", "*,token-cleaner-controller")
        .set("leader-elect", false)
        // One identity for all controllers (its certificate is of system:masters): they share a process with the API
        // server, so accounts of their own would part nothing, and cost a token, a client and a cache each at start.
        .set("use-service-account-credentials", false)
        // Its metrics are among the API server's, which is the same process. A port of its own would cost an RSA key
        // at every start.
        .set("secure-port", 0)
        .set("kube-api-qps", 500)
        .set("kube-api-burst", 500)
        .set("allocate-node-cidrs", true)
        .set("cluster-cidr", joined(&settings.pod_networks))
        .set(
            "service-cluster-ip-range",
            joined(&settings.service_networks),
        )
        .set(
            "flex-volume-plugin-dir",
            text(settings.paths.agent("volume-plugins")),
        )
        .set("configure-cloud-routes", false)
        .set("profiling", false)
}

fn signing(settings: &Settings, flags: Flags) -> Flags {
    let tls = |name: &str| text(settings.paths.tls(name));
    flags
        .set("service-account-private-key-file", tls("service.key"))
        .set("root-ca-file", tls("server-ca.crt"))
        .set(
            "cluster-signing-kube-apiserver-client-cert-file",
            tls("client-ca.crt"),
        )
        .set(
            "cluster-signing-kube-apiserver-client-key-file",
            tls("client-ca.key"),
        )
        .set(
            "cluster-signing-kubelet-client-cert-file",
            tls("client-ca.crt"),
        )
        .set(
            "cluster-signing-kubelet-client-key-file",
            tls("client-ca.key"),
        )
        .set(
            "cluster-signing-kubelet-serving-cert-file",
            tls("server-ca.crt"),
        )
        .set(
            "cluster-signing-kubelet-serving-key-file",
            tls("server-ca.key"),
        )
        .set(
            "cluster-signing-legacy-unknown-cert-file",
            tls("server-ca.crt"),
        )
        .set(
            "cluster-signing-legacy-unknown-key-file",
            tls("server-ca.key"),
        )
}
