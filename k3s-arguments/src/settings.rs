//! What the flags mean: defaults filled in, values checked, one place to ask. Pure.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::checks;
use crate::cli::ServerArgs;
use crate::network::Network;
use crate::paths::Paths;

/// Node pods' share of the cluster network.
const NODE_PREFIX: u8 = 24;

/// The bundled parts that `--disable` can leave out.
const BUNDLED: [&str; 3] = ["coredns", "local-storage", "metrics-server"];
/// Those that are named by k3s but not in this system.
const NOT_BUNDLED: [&str; 4] = ["traefik", "servicelb", "helm-controller", "runtimes"];

/// The meaning of a server's command line.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The flags as given.
    pub args: ServerArgs,
    /// Paths under the data directory.
    pub paths: Paths,
    /// The node's name.
    pub node_name: String,
    /// Networks of the pods.
    pub pod_networks: Vec<Network>,
    /// Networks of the services.
    pub service_networks: Vec<Network>,
    /// Addresses of the DNS service.
    pub dns: Vec<IpAddr>,
    /// Address of the service that stands for the API.
    pub api_service: IpAddr,
    /// Directory of local volumes.
    pub storage: PathBuf,
    /// The sandbox image.
    pub pause_image: String,
    /// Name and tag of the image in which the system pods run.
    pub system_image: String,
    /// The host name, when the node's name had to be made shorter.
    shortened: Option<String>,
}

/// What the machine adds to the flags.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The host name.
    pub hostname: String,
    /// A stable id of the node, for `--with-node-id`.
    pub node_id: String,
    /// The release, `v0.30.0`.
    pub release: String,
}

impl Settings {
    /// Fills in what the flags leave open.
    ///
    /// # Errors
    /// A network, address or name that cannot be used, naming the flag.
    pub fn new(args: ServerArgs, machine: &Machine) -> Result<Self> {
        let pod_networks = networks("--cluster-cidr", &args.cluster.cluster_cidr)?;
        let service_networks = networks("--service-cidr", &args.cluster.service_cidr)?;
        refuse_etcd(args.cluster.datastore_endpoint.as_deref())?;
        let service = service_networks
            .first()
            .context("reading --service-cidr: a network is needed")?;
        let system_image = format!("{}:{}", crate::paths::SYSTEM_IMAGE, machine.release);
        let paths = Paths::new(&args.runtime.data_dir);
        let (node_name, shortened) = node_name(&args, machine)?;
        let settings = Settings {
            node_name,
            shortened,
            dns: dns(&args.cluster.cluster_dns, service)?,
            api_service: service.address(1).context("reading --service-cidr")?,
            storage: args
                .runtime
                .default_local_storage_path
                .clone()
                .unwrap_or_else(|| paths.storage()),
            pause_image: args
                .runtime
                .pause_image
                .clone()
                .unwrap_or_else(|| system_image.clone()),
            system_image,
            pod_networks,
            service_networks,
            paths,
            args,
        };
        checks::all(&settings)?;
        Ok(settings)
    }

    /// The part of the pod networks that the first node gets.
    pub fn first_node_networks(&self) -> Vec<Network> {
        self.pod_networks
            .iter()
            .map(|n| n.first_subnet(if n.is_v4() { NODE_PREFIX } else { 64 }))
            .collect()
    }

    /// Whether a bundled part is left out.
    pub fn is_disabled(&self, part: &str) -> bool {
        self.args.components.disable.iter().any(|d| d == part)
    }

    /// The API as this machine reaches it.
    pub fn api_url(&self) -> String {
        let bind = self.args.listener.bind_address;
        let host = if bind.is_unspecified() {
            IpAddr::from([127, 0, 0, 1])
        } else {
            bind
        };
        format!(
            "https://{}",
            std::net::SocketAddr::new(host, self.args.listener.https_listen_port)
        )
    }

    /// A sentence for each flag that asks for something that is so anyway, or cannot be.
    pub fn warnings(&self) -> Vec<String> {
        let disabled = self.args.components.disable.iter();
        let mut lines: Vec<String> = disabled.filter_map(|name| absent(name)).collect();
        if let Some(hostname) = &self.shortened {
            lines.push(format!(
                "the host name {hostname} is longer than the {MAX_NODE_NAME} characters of a node's name: the node is called {}; \
                 set a shorter host name or --node-name before the first start to choose another",
                self.node_name
            ));
        }
        if self.args.cluster.cluster_init {
            lines.push(
                "--cluster-init has no effect: there is one server, its datastore is SQLite".into(),
            );
        }
        let backend = self.args.cluster.flannel_backend.as_deref();
        lines.extend(backend.and_then(unused_backend));
        lines
    }
}

fn absent(name: &str) -> Option<String> {
    if BUNDLED.contains(&name) {
        return None;
    }
    Some(match NOT_BUNDLED.contains(&name) {
        true => format!("--disable {name}: it is not part of this system"),
        false => format!(
            "--disable {name} has no effect: no bundled part is called so; valid: {}",
            BUNDLED.join(", ")
        ),
    })
}

/// `none` is obeyed, and `host-gw` is what a bridge without an overlay amounts to.
fn unused_backend(backend: &str) -> Option<String> {
    let words = "pods are connected by a bridge on the node, without an overlay";
    (!matches!(backend, "none" | "host-gw"))
        .then(|| format!("--flannel-backend={backend} is not used: {words}"))
}

fn refuse_etcd(endpoint: Option<&str>) -> Result<()> {
    match endpoint {
        Some(url) if url.starts_with("http") => {
            bail!(
                "reading --datastore-endpoint: etcd is not supported, only what kine speaks: sqlite, mysql, postgres, nats"
            )
        }
        _ => Ok(()),
    }
}

fn networks(flag: &str, texts: &[String]) -> Result<Vec<Network>> {
    texts
        .iter()
        .map(|text| text.parse().with_context(|| format!("reading {flag}")))
        .collect()
}

fn dns(given: &[String], service: &Network) -> Result<Vec<IpAddr>> {
    if given.is_empty() {
        return Ok(vec![service.address(10).context("reading --service-cidr")?]);
    }
    let address = |text: &String| {
        text.parse()
            .with_context(|| format!("reading --cluster-dns: '{text}'"))
    };
    given.iter().map(address).collect()
}

/// Longest name of a node: it is the value of the label `kubernetes.io/hostname`, too.
const MAX_NODE_NAME: usize = 63;

/// The node's name, and the host name if that had to be made shorter.
fn node_name(args: &ServerArgs, machine: &Machine) -> Result<(String, Option<String>)> {
    let given = args.node.node_name.as_deref();
    let name = given
        .unwrap_or(&machine.hostname)
        .trim()
        .trim_end_matches('.')
        .to_lowercase();
    let id = match args.node.with_node_id {
        true => format!("-{}", machine.node_id),
        false => String::new(),
    };
    let room = MAX_NODE_NAME.saturating_sub(id.len());
    let too_long = name.len() > room;
    let short = if too_long && given.is_none() {
        shorter(&name, room)
    } else {
        name.clone()
    };
    let node = short + &id;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edges = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if node.len() > MAX_NODE_NAME
        || !node.chars().all(allowed)
        || !edges(node.chars().next())
        || !edges(node.chars().last())
    {
        bail!(
            "naming the node '{node}': a name has letters, digits, '-' and '.', at most {MAX_NODE_NAME}; set the host name or \
             --node-name"
        );
    }
    Ok((node, too_long.then_some(name)))
}

/// The name's beginning, and a checksum of the whole, so that two long names stay two.
fn shorter(name: &str, room: usize) -> String {
    // FNV-1a, 32 bits: the same for all time.
    let sum = name.bytes().fold(0x811c_9dc5_u32, |sum, byte| {
        (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let beginning: String = name.chars().take(room.saturating_sub(9)).collect();
    format!("{}-{sum:08x}", beginning.trim_end_matches(['-', '.']))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings from a command line, on a machine called `K3OS-1`.
    pub fn settings(line: &str) -> Result<Settings> {
        let argv = std::iter::once("server").chain(line.split_whitespace());
        let argv: Vec<std::ffi::OsString> = argv.map(Into::into).collect();
        let args = crate::cli::parse("server", &argv, &crate::cli::Around::default())?.args;
        let machine = Machine {
            hostname: "K3OS-1".into(),
            node_id: "1a2b".into(),
            release: "v0.30.0".into(),
        };
        Settings::new(args, &machine)
    }

    #[test]
    fn defaults_are_those_of_k3s() -> Result<()> {
        let s = settings("")?;
        assert_eq!(s.node_name, "k3os-1");
        assert_eq!(s.dns, [IpAddr::from([10, 43, 0, 10])]);
        assert_eq!(s.api_service, IpAddr::from([10, 43, 0, 1]));
        assert_eq!(s.first_node_networks()[0].to_string(), "10.42.0.0/24");
        assert_eq!(s.api_url(), "https://127.0.0.1:6443");
        assert_eq!(s.pause_image, "docker.io/k3os/system:v0.30.0");
        Ok(())
    }

    #[test]
    fn flags_change_what_follows_from_them() -> Result<()> {
        let s = settings(
            "--service-cidr 10.96.0.0/12 --cluster-cidr 10.0.0.0/24 --node-name N.x --with-node-id",
        )?;
        assert_eq!(s.dns, [IpAddr::from([10, 96, 0, 10])]);
        assert_eq!(s.first_node_networks()[0].to_string(), "10.0.0.0/24");
        assert_eq!(s.node_name, "n.x-1a2b");
        assert_eq!(
            settings("--bind-address 10.0.0.5")?.api_url(),
            "https://10.0.0.5:6443"
        );
        Ok(())
    }

    #[test]
    fn only_a_backend_that_was_asked_for_and_is_not_used_is_worth_a_word() -> Result<()> {
        for (line, count) in [
            ("", 0),
            ("--flannel-backend=none", 0),
            ("--flannel-backend=host-gw", 0),
            ("--flannel-backend=vxlan", 1),
            ("--flannel-backend wireguard-native", 1),
        ] {
            let warnings = settings(line)?.warnings();
            assert_eq!(warnings.len(), count, "{line}: {warnings:?}");
            assert!(warnings.iter().all(|w| w.contains("a bridge on the node")));
        }
        Ok(())
    }

    #[test]
    fn a_long_host_name_is_shortened_with_words_and_a_long_node_name_refused() -> Result<()> {
        let named = |hostname: String, id: bool| {
            let mut settings = settings(if id { "--with-node-id" } else { "" })?;
            let machine = Machine {
                hostname,
                node_id: "1a2b3c4d".into(),
                release: String::new(),
            };
            settings = Settings::new(settings.args, &machine)?;
            anyhow::Ok((settings.node_name.clone(), settings.warnings().len()))
        };
        assert_eq!(named("a".repeat(63), false)?, ("a".repeat(63), 0));
        for id in [false, true] {
            let (one, words) = named("a".repeat(64), id)?;
            assert_eq!((one.len() <= 63, words), (true, 1), "{one}");
            assert_ne!(one, named(format!("{}b", "a".repeat(63)), id)?.0);
        }
        assert!(settings(&format!("--node-name {}", "n".repeat(64))).is_err());
        Ok(())
    }

    #[test]
    fn bad_values_name_their_flag() {
        for (line, flag) in [
            ("--cluster-cidr 10.0.0.0", "--cluster-cidr"),
            ("--cluster-dns x", "--cluster-dns"),
            ("--node-name a_b", "a_b"),
            (
                "--datastore-endpoint https://e:2379",
                "--datastore-endpoint",
            ),
        ] {
            let error = settings(line)
                .err()
                .map(|e| format!("{e:#}"))
                .unwrap_or_default();
            assert!(error.contains(flag), "{error}");
        }
    }
}
