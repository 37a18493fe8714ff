//! What the upstream components would refuse, said before they start and in the words of the options.

use anyhow::{Result, bail, ensure};

use crate::network::Network;
use crate::settings::Settings;

/// All of them.
///
/// # Errors
/// The first value that a component would not start with, naming its option.
pub fn all(settings: &Settings) -> Result<()> {
    pods(settings)?;
    services(settings)?;
    ports(&settings.args.cluster.service_node_port_range)?;
    settings
        .args
        .node
        .node_label
        .iter()
        .try_for_each(|label| self::label(label))?;
    settings.args.node.node_taint.iter().try_for_each(|taint| {
        let wrong = config::check::taint("", taint).err();
        wrong.map_or(Ok(()), |wrong| {
            bail!("reading --node-taint: {}", wrong.message)
        })
    })
}

/// The controller gives each node a network of this many bits.
fn pods(settings: &Settings) -> Result<()> {
    families("--cluster-cidr", &settings.pod_networks)?;
    let users = &settings.args.components.kube_controller_manager_arg;
    if users
        .iter()
        .any(|argument| argument.contains("node-cidr-mask-size"))
    {
        return Ok(());
    }
    for network in &settings.pod_networks {
        let most = if network.is_v4() { 24 } else { 64 };
        ensure!(
            network.prefix() <= most,
            "reading --cluster-cidr: {network} is too small: each node takes a /{most} of it"
        );
    }
    Ok(())
}

/// The API server keeps a map of all addresses of services: at most 20 bits of them.
fn services(settings: &Settings) -> Result<()> {
    families("--service-cidr", &settings.service_networks)?;
    for network in &settings.service_networks {
        let least = if network.is_v4() { 12 } else { 108 };
        ensure!(
            network.prefix() >= least,
            "reading --service-cidr: {network} is too large: /{least} at most"
        );
        for pods in &settings.pod_networks {
            ensure!(
                !pods.overlaps(network),
                "reading --cluster-cidr and --service-cidr: {pods} and {network} share addresses; pods and services need \
                 networks of their own"
            );
        }
    }
    for dns in &settings.dns {
        ensure!(
            settings
                .service_networks
                .iter()
                .any(|network| network.contains(*dns)),
            "reading --cluster-dns: {dns} is not in the network of services (--service-cidr)"
        );
    }
    Ok(())
}

/// One network, or one of each family.
fn families(option: &str, networks: &[Network]) -> Result<()> {
    let fits = match networks {
        [_] => true,
        [one, other] => one.is_v4() != other.is_v4(),
        _ => false,
    };
    ensure!(
        fits,
        "reading {option}: one network is needed, or one of IPv4 and one of IPv6"
    );
    Ok(())
}

/// `30000-32767`.
fn ports(range: &str) -> Result<()> {
    let ends = range.split_once('-').and_then(|(first, last)| {
        let port = |text: &str| text.trim().parse::<u16>().ok();
        Some((port(first)?, port(last)?))
    });
    ensure!(
        ends.is_some_and(|(first, last)| first > 0 && first <= last),
        "reading --service-node-port-range: invalid range '{range}'; valid: FIRST-LAST, for example 30000-32767"
    );
    Ok(())
}

/// A label that the kubelet may give its own node.
fn label(text: &str) -> Result<()> {
    let Some((name, value)) = text.split_once('=') else {
        bail!("reading --node-label: invalid label '{text}'; valid: NAME=VALUE");
    };
    if let Err(wrong) = config::check::label(name, value) {
        bail!("reading --node-label: {}", wrong.message);
    }
    ensure!(
        !is_reserved(name) || ALLOWED.contains(&name),
        "reading --node-label: '{name}' is reserved, and the kubelet would refuse it; set it by 'kubectl label node', or use a \
         name outside of kubernetes.io and k8s.io"
    );
    Ok(())
}

/// Names that the kubelet keeps to Kubernetes itself.
fn is_reserved(name: &str) -> bool {
    let Some((prefix, _)) = name.split_once('/') else {
        return false;
    };
    let within = |domain: &str| prefix == domain || prefix.ends_with(&format!(".{domain}"));
    let own = |domain: &str| prefix == domain || prefix.ends_with(&format!(".{domain}"));
    (within("kubernetes.io") || within("k8s.io"))
        && !own("kubelet.kubernetes.io")
        && !own("node.kubernetes.io")
}

/// The exceptions, as upstream's `kubeletapis.IsKubeletLabel` has them.
const ALLOWED: [&str; 10] = [
    "kubernetes.io/hostname",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
];

#[cfg(test)]
mod tests {
    use crate::settings::tests::settings;

    #[test]
    fn what_a_component_would_refuse_is_refused_here() {
        let cases = [
            ("--cluster-cidr 10.0.0.0/25", "too small"),
            ("--service-cidr 10.0.0.0/11", "too large"),
            ("--service-cidr 10.42.0.0/16", "share addresses"),
            ("--cluster-dns 10.42.0.10", "not in the network of services"),
            (
                "--cluster-cidr 10.1.0.0/16,10.2.0.0/16",
                "one of IPv4 and one of IPv6",
            ),
            ("--service-node-port-range 30000", "30000-32767"),
            ("--service-node-port-range 2-1", "30000-32767"),
            ("--node-label node-role.kubernetes.io/worker=", "reserved"),
            ("--node-label a", "NAME=VALUE"),
            ("--node-taint a=b:Never", "--node-taint"),
        ];
        for (line, words) in cases {
            let error = settings(line)
                .err()
                .map(|e| format!("{e:#}"))
                .unwrap_or_default();
            assert!(error.contains(words), "{line}: {error}");
        }
        for line in [
            "--cluster-cidr 10.0.0.0/26 --kube-controller-manager-arg node-cidr-mask-size=28",
            "--node-label node.kubernetes.io/x=y --node-label topology.kubernetes.io/zone=z --node-label k3os.io/mode=disk",
            "--cluster-cidr 10.42.0.0/16,fd42::/56 --service-cidr 10.43.0.0/16,fd43::/112",
            "--node-taint k=v:NoSchedule --node-taint k:NoExecute",
        ] {
            assert!(settings(line).is_ok(), "{line}: {:?}", settings(line).err());
        }
    }
}
