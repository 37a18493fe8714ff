use std::net::IpAddr;

use super::flags::Flags;
use super::{joined, kine};
use crate::paths::text;
use crate::settings::Settings;

/// kube-apiserver's flags.
pub fn flags(settings: &Settings) -> Vec<String> {
    let flags = listening(settings, Flags::default());
    let flags = trust(settings, flags);
    let flags = services(settings, flags);
    flags.with_users(
        settings.args.runtime.verbosity,
        &settings.args.components.kube_apiserver_arg,
    )
}

fn listening(settings: &Settings, flags: Flags) -> Flags {
    let listener = &settings.args.listener;
    flags
        .set("etcd-servers", kine::socket())
        .set("storage-backend", "etcd3")
        .set("bind-address", listener.bind_address)
        .set("secure-port", listener.https_listen_port)
        .set(
            "tls-cert-file",
            text(settings.paths.tls("serving-kube-apiserver.crt")),
        )
        .set(
            "tls-private-key-file",
            text(settings.paths.tls("serving-kube-apiserver.key")),
        )
        // The endpoints of the service `kubernetes` are written by us (server/endpoints.rs) when the node's address is
        // known: the API server then waits for no network, and a new address does not restart it.
        .set("advertise-address", placeholder(settings))
        .set("endpoint-reconciler-type", "none")
        // Straight to the pods of an aggregated API, without waiting for kube-proxy's rules.
        .set("enable-aggregator-routing", true)
        // One client that floods the API waits in its own queue: the kubelet's leases and the controllers have theirs. The
        // sum of what is served at once is upstream's default, said here because it is what the queues share.
        .set("enable-priority-and-fairness", true)
        .set("max-requests-inflight", 400)
        .set("max-mutating-requests-inflight", 200)
        .set("profiling", false)
}

/// An address that is there before any network, of the family of the services.
fn placeholder(settings: &Settings) -> IpAddr {
    if settings.api_service.is_ipv4() {
        IpAddr::from([127, 0, 0, 1])
    } else {
        IpAddr::from(std::net::Ipv6Addr::LOCALHOST)
    }
}

fn trust(settings: &Settings, flags: Flags) -> Flags {
    let tls = |name: &str| text(settings.paths.tls(name));
    flags
        .set("authorization-mode", "Node,RBAC")
        .set("enable-admission-plugins", "NodeRestriction")
        .set("anonymous-auth", false)
        .set("allow-privileged", true)
        .set("client-ca-file", tls("client-ca.crt"))
        .set("enable-bootstrap-token-auth", true)
        .set("kubelet-certificate-authority", tls("server-ca.crt"))
        .set(
            "kubelet-client-certificate",
            tls("client-kube-apiserver.crt"),
        )
        .set("kubelet-client-key", tls("client-kube-apiserver.key"))
        .set(
            "kubelet-preferred-address-types",
            "InternalIP,ExternalIP,Hostname",
        )
        .set("proxy-client-cert-file", tls("client-auth-proxy.crt"))
        .set("proxy-client-key-file", tls("client-auth-proxy.key"))
        .set("requestheader-client-ca-file", tls("request-header-ca.crt"))
        .set("requestheader-allowed-names", "system:auth-proxy")
        .set("requestheader-extra-headers-prefix", "X-Remote-Extra-")
        .set("requestheader-group-headers", "X-Remote-Group")
        .set("requestheader-username-headers", "X-Remote-User")
        .set("service-account-key-file", tls("service.pub"))
        .set("service-account-signing-key-file", tls("service.key"))
}

fn services(settings: &Settings, flags: Flags) -> Flags {
    let cluster = &settings.args.cluster;
    let issuer = format!("https://kubernetes.default.svc.{}", cluster.cluster_domain);
    flags
        .set("service-account-issuer", &issuer)
        .set("api-audiences", format!("{issuer},k3s"))
        .set(
            "service-cluster-ip-range",
            joined(&settings.service_networks),
        )
        .set("service-node-port-range", &cluster.service_node_port_range)
}
