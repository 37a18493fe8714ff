//! Flags that k3s has and this program has not: one table with the answer to each.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};

/// What using the flag comes to.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    /// Starting anyway would break a promise: an error.
    Refuse,
    /// Harmless: a warning.
    Warn,
}

use Answer::{Refuse, Warn};

struct Flag(&'static str, Kind, Answer, &'static str);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Switch,
    Value,
}

use Kind::{Switch, Value};

const ETCD: &str =
    "the datastore is SQLite through kine, or --datastore-endpoint; there is no embedded etcd";
const NO_FLANNEL: &str = "pods are connected by a bridge, there is no flannel";
const NO_HELM: &str = "there is no Helm controller";
const ONE_SERVER: &str = "a server runs all its components in one process";
const NO_POLICY: &str = "there is no network policy controller: NetworkPolicies are not enforced, and an Event at each says so";

#[rustfmt::skip]
const FLAGS: &[Flag] = &[
    Flag("agent-token", Value, Refuse, "nodes join with --token"),
    Flag("agent-token-file", Value, Refuse, "nodes join with --token-file"),
    Flag("airgap-extra-registry", Value, Warn, "images are imported under their own names"),
    Flag("alsologtostderr", Switch, Warn, "logs go to standard output, or to the file of --log"),
    Flag("cluster-reset", Switch, Refuse, ETCD),
    Flag("cluster-reset-restore-path", Value, Refuse, ETCD),
    Flag("cluster-secret", Value, Refuse, "k3s renamed it: use --token"),
    Flag("default-runtime", Value, Refuse, "the runtime is runc; others are chosen by RuntimeClass"),
    Flag("disable-agent", Switch, Refuse, "a server is always a node, too"),
    Flag("disable-apiserver", Switch, Refuse, ONE_SERVER),
    Flag("disable-cloud-controller", Switch, Warn, "there is no cloud controller"),
    Flag("disable-controller-manager", Switch, Refuse, ONE_SERVER),
    Flag("disable-default-registry-endpoint", Switch, Refuse, "list the mirrors in registries.yaml instead"),
    Flag("disable-etcd", Switch, Refuse, ETCD),
    Flag("disable-helm-controller", Switch, Warn, NO_HELM),
    Flag("disable-network-policy", Switch, Warn, NO_POLICY),
    Flag("disable-scheduler", Switch, Refuse, ONE_SERVER),
    Flag("docker", Switch, Refuse, "Kubernetes speaks only CRI: use --container-runtime-endpoint"),
    Flag("egress-selector-mode", Value, Warn, "the API reaches the node directly"),
    Flag("embedded-registry", Switch, Refuse, "there is no embedded registry mirror"),
    Flag("enable-pprof", Switch, Warn, "profiles are served by each component, see --kube-apiserver-arg=profiling=true"),
    Flag("etcd-arg", Value, Refuse, ETCD),
    Flag("etcd-disable-snapshots", Switch, Warn, ETCD),
    Flag("etcd-expose-metrics", Switch, Warn, ETCD),
    Flag("disable-apiserver-lb", Switch, Warn, "the node's components reach the API by --lb-server-port"),
    Flag("disable-selinux", Switch, Warn, "the system has no SELinux policy"),
    Flag("etcd-s3", Switch, Refuse, ETCD),
    Flag("etcd-s3-access-key", Value, Refuse, ETCD),
    Flag("etcd-s3-bucket", Value, Refuse, ETCD),
    Flag("etcd-s3-bucket-lookup-type", Value, Refuse, ETCD),
    Flag("etcd-s3-config-secret", Value, Refuse, ETCD),
    Flag("etcd-s3-endpoint", Value, Refuse, ETCD),
    Flag("etcd-s3-endpoint-ca", Value, Refuse, ETCD),
    Flag("etcd-s3-folder", Value, Refuse, ETCD),
    Flag("etcd-s3-insecure", Switch, Refuse, ETCD),
    Flag("etcd-s3-proxy", Value, Refuse, ETCD),
    Flag("etcd-s3-region", Value, Refuse, ETCD),
    Flag("etcd-s3-retention", Value, Refuse, ETCD),
    Flag("etcd-s3-secret-key", Value, Refuse, ETCD),
    Flag("etcd-s3-session-token", Value, Refuse, ETCD),
    Flag("etcd-s3-skip-ssl-verify", Switch, Refuse, ETCD),
    Flag("etcd-s3-timeout", Value, Refuse, ETCD),
    Flag("etcd-snapshot-compress", Switch, Refuse, ETCD),
    Flag("etcd-snapshot-dir", Value, Refuse, ETCD),
    Flag("etcd-snapshot-name", Value, Refuse, ETCD),
    Flag("etcd-snapshot-retention", Value, Refuse, ETCD),
    Flag("etcd-snapshot-schedule-cron", Value, Refuse, ETCD),
    Flag("flannel-conf", Value, Warn, NO_FLANNEL),
    Flag("flannel-cni-conf", Value, Warn, NO_FLANNEL),
    Flag("flannel-external-ip", Switch, Warn, NO_FLANNEL),
    Flag("flannel-iface", Value, Warn, NO_FLANNEL),
    Flag("flannel-ipv6-masq", Switch, Warn, NO_FLANNEL),
    Flag("helm-job-image", Value, Warn, NO_HELM),
    Flag("image-credential-provider-bin-dir", Value, Refuse, "use --kubelet-arg=image-credential-provider-bin-dir=…"),
    Flag("image-credential-provider-config", Value, Refuse, "use --kubelet-arg=image-credential-provider-config=…"),
    Flag("image-service-endpoint", Value, Refuse, "use --kubelet-arg=image-service-endpoint=…"),
    Flag("kube-cloud-controller-manager-arg", Value, Warn, "there is no cloud controller"),
    Flag("kube-cloud-controller-arg", Value, Warn, "there is no cloud controller"),
    Flag("kine-tls", Switch, Refuse, "kine listens on a Unix socket only"),
    Flag("multi-cluster-cidr", Switch, Refuse, "upstream Kubernetes has removed it"),
    Flag("no-flannel", Switch, Refuse, "k3s renamed it: use --flannel-backend=none"),
    Flag("node-external-dns", Value, Refuse, "it needs a cloud controller, and there is none"),
    Flag("node-internal-dns", Value, Refuse, "it needs a cloud controller, and there is none"),
    Flag("nonroot-devices", Switch, Refuse, "it cannot be set"),
    Flag("prefer-bundled-bin", Switch, Warn, "the programs of the image are used"),
    Flag("rootless", Switch, Refuse, "the system has nothing but the server"),
    Flag("secrets-encryption", Switch, Refuse, "secrets lie in the datastore as they are; use --kube-apiserver-arg=encryption-provider-config=FILE"),
    Flag("secrets-encryption-provider", Value, Refuse, "use --kube-apiserver-arg=encryption-provider-config=FILE"),
    Flag("selinux", Switch, Refuse, "the system has no SELinux policy"),
    Flag("servicelb-namespace", Value, Warn, "there is no service load balancer"),
    Flag("supervisor-metrics", Switch, Warn, "k3s itself serves no metrics, the upstream components do"),
    Flag("system-default-registry", Value, Warn, "the system's images are in the release"),
    Flag("tls-san-security", Switch, Warn, "names enter the certificate only by --tls-san"),
    Flag("vmodule", Value, Warn, "use -v"),
    Flag("vpn-auth", Value, Refuse, "there is no VPN integration"),
    Flag("vpn-auth-file", Value, Refuse, "there is no VPN integration"),
];

/// Variables by which k3s takes those flags. `AWS_…`, which means something only beside `--etcd-s3`, is not among them.
#[rustfmt::skip]
const VARIABLES: &[(&str, &str)] = &[
    ("agent-token", "K3S_AGENT_TOKEN"),
    ("agent-token-file", "K3S_AGENT_TOKEN_FILE"),
    ("cluster-reset", "K3S_CLUSTER_RESET"),
    ("cluster-reset-restore-path", "K3S_CLUSTER_RESET_RESTORE_PATH"),
    ("cluster-secret", "K3S_CLUSTER_SECRET"),
    ("helm-job-image", "K3S_HELM_JOB_IMAGE"),
    ("kine-tls", "K3S_KINE_TLS"),
    ("no-flannel", "K3S_NO_FLANNEL"),
    ("rootless", "K3S_ROOTLESS"),
    ("selinux", "K3S_SELINUX"),
    ("system-default-registry", "K3S_SYSTEM_DEFAULT_REGISTRY"),
    ("vpn-auth", "K3S_VPN_AUTH"),
    ("vpn-auth-file", "K3S_VPN_AUTH_FILE"),
];

/// The variable of such a flag.
pub fn variable(flag: &str) -> Option<&'static str> {
    VARIABLES
        .iter()
        .find(|(name, _)| *name == flag)
        .map(|(_, variable)| *variable)
}

/// One hidden argument for each, so that the parser knows them.
pub fn args() -> impl Iterator<Item = Arg> {
    FLAGS.iter().map(|Flag(name, kind, ..)| {
        let arg = Arg::new(*name).long(*name).hide(true);
        match kind {
            Switch => arg
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
                .action(ArgAction::Set),
            Value => arg.num_args(1).action(ArgAction::Append),
        }
    })
}

/// One sentence for each refused flag that was used.
pub fn refusals(matches: &ArgMatches) -> Vec<String> {
    sentences(matches, Refuse, "is not supported")
}

/// One sentence for each flag that was used and has no effect.
pub fn warnings(matches: &ArgMatches) -> Vec<String> {
    sentences(matches, Warn, "has no effect")
}

fn sentences(matches: &ArgMatches, answer: Answer, verdict: &str) -> Vec<String> {
    let used = FLAGS
        .iter()
        .filter(|flag| flag.2 == answer && is_used(matches, flag));
    used.map(|Flag(name, _, _, reason)| format!("--{name} {verdict}: {reason}"))
        .collect()
}

/// A switch set to false asks for what is the case anyway.
fn is_used(matches: &ArgMatches, Flag(name, kind, ..): &Flag) -> bool {
    let given = matches.value_source(name) == Some(ValueSource::CommandLine);
    let off = *kind == Switch
        && matches
            .get_one::<String>(name)
            .is_some_and(|v| super::switch(v) == Ok(false));
    given && !off
}
