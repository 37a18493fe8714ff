//! The files that components read, written before they start.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use system::durable;
use time::OffsetDateTime;

use crate::components::{self, Registries};
use crate::keep;
use crate::kubeconfig::{self, Identity};
use crate::manifests::{self, Substitution};
use crate::paths::{self, Paths, text};
use crate::pki;
use crate::settings::Settings;
use crate::token::{self, Origin};

/// Name of containerd's configuration under `agent/`.
pub const CONTAINERD_CONFIG: &str = "etc/containerd/config.toml";

/// Written by init where the hardware does not know the time.
const CLOCK_GUESSED: &str = "/run/k3os/clock-guessed";

/// Certificates for a node with these addresses. Returns those that were made.
pub fn pki(settings: &Settings, addresses: &[std::net::IpAddr]) -> Result<Vec<pki::Made>> {
    let leaves = pki::plan::leaves(&pki::plan::Facts::of(settings, addresses));
    pki::ensure(&settings.paths, &leaves, now(Path::new(CLOCK_GUESSED)))
        .context("preparing the certificates")
}

/// The time; 1970, which is certainly wrong, when the machine began with a guess. What is made then outlives its correction.
fn now(guessed: &Path) -> OffsetDateTime {
    if guessed.exists() {
        OffsetDateTime::UNIX_EPOCH
    } else {
        std::time::SystemTime::now().into()
    }
}

/// Kubeconfigs of the components and of the administrator, and the token. Returns what is worth a word.
pub fn credentials(settings: &Settings) -> Result<Option<&'static str>> {
    let paths = &settings.paths;
    for ca in ["client-ca.crt", "server-ca.crt"] {
        keep::write(&paths.agent(ca), read(&paths.tls(ca))?, 0o644)?;
    }
    let url = settings.api_url();
    let gateway = format!("https://127.0.0.1:{}", settings.args.runtime.lb_server_port);
    component_kubeconfigs(paths, &url, &gateway)?;
    admin_kubeconfig(settings, &url)?;
    token(settings)
}

fn component_kubeconfigs(paths: &Paths, url: &str, gateway: &str) -> Result<()> {
    for (file, stem) in [
        ("controller", "client-controller"),
        ("scheduler", "client-scheduler"),
    ] {
        let pair = |extension: &str| paths.tls(&format!("{stem}.{extension}"));
        let target = paths.cred(&format!("{file}.kubeconfig"));
        component_kubeconfig(
            &target,
            url,
            &paths.tls("server-ca.crt"),
            &pair("crt"),
            &pair("key"),
        )?;
    }
    for (file, stem) in [
        ("kubelet", "client-kubelet"),
        ("kubeproxy", "client-kube-proxy"),
    ] {
        let pair = |extension: &str| paths.agent(&format!("{stem}.{extension}"));
        let target = paths.agent(&format!("{file}.kubeconfig"));
        component_kubeconfig(
            &target,
            gateway,
            &paths.agent("server-ca.crt"),
            &pair("crt"),
            &pair("key"),
        )?;
    }
    Ok(())
}

fn component_kubeconfig(
    target: &Path,
    url: &str,
    ca: &Path,
    certificate: &Path,
    key: &Path,
) -> Result<()> {
    let (ca, certificate, key) = (text(ca), text(certificate), text(key));
    let identity = Identity::Files {
        ca: &ca,
        certificate: &certificate,
        key: &key,
    };
    keep::write(target, kubeconfig::render(url, &identity), 0o600)
}

fn admin_kubeconfig(settings: &Settings, url: &str) -> Result<()> {
    let tls = |name: &str| read(&settings.paths.tls(name));
    let (ca, certificate, key) = (
        tls("server-ca.crt")?,
        tls("client-admin.crt")?,
        tls("client-admin.key")?,
    );
    let content = kubeconfig::render(
        url,
        &Identity::Embedded {
            ca: &ca,
            certificate: &certificate,
            key: &key,
        },
    );
    let listener = &settings.args.listener;
    keep::write(
        &listener.write_kubeconfig,
        content,
        listener.write_kubeconfig_mode,
    )?;
    match kubeconfig_group(settings)? {
        Some(group) => nix::unistd::chown(&listener.write_kubeconfig, None, Some(group))
            .with_context(|| {
                let path = listener.write_kubeconfig.display();
                format!("changing the group of {path}")
            }),
        None => Ok(()),
    }
}

/// The group of the administrator's kubeconfig.
pub fn kubeconfig_group(settings: &Settings) -> Result<Option<nix::unistd::Gid>> {
    let Some(name) = &settings.args.listener.write_kubeconfig_group else {
        return Ok(None);
    };
    let group = nix::unistd::Group::from_name(name)?;
    let group = group
        .with_context(|| format!("reading --write-kubeconfig-group: unknown group '{name}'"))?;
    Ok(Some(group.gid))
}

/// The content of `--token-file`.
pub fn read_token_file(settings: &Settings) -> Result<Option<String>> {
    let file = settings.args.cluster.token_file.as_ref();
    file.map(|file| read(file).context("reading --token-file"))
        .transpose()
}

fn token(settings: &Settings) -> Result<Option<&'static str>> {
    let cluster = &settings.args.cluster;
    let from_file = read_token_file(settings)?;
    let given = cluster.token.as_deref().or(from_file.as_deref());
    let (secret, origin) = token::ensure(&settings.paths, given)?;
    let ca = read(&settings.paths.tls("server-ca.crt"))?;
    keep::write(
        &settings.paths.server("node-token"),
        token::node_token(&ca, &secret) + "\n",
        0o600,
    )?;
    Ok((origin == Origin::Changed)
        .then_some("the token is not the one used so far: new nodes join with the new one, nodes that have joined stay"))
}

/// containerd's configuration, registries included.
pub fn containerd(settings: &Settings) -> Result<()> {
    let paths = &settings.paths;
    let registries = registries(&settings.args.runtime.private_registry, |words| {
        println!("k3s: warning: {words}");
    });
    let content = components::containerd_config(settings) + &registries.credentials();
    keep::write(&paths.agent(CONTAINERD_CONFIG), content, 0o600)?;
    let directory = paths.agent("etc/containerd/certs.d");
    let mut hosts = Vec::new();
    for file in registries.hosts_files() {
        let of_host = directory.join(&file.host);
        keep::write(&of_host.join("hosts.toml"), file.content, 0o600)?;
        hosts.push(of_host);
    }
    remove_others(&directory, &hosts);
    Ok(())
}

/// Removes what lies in `directory` and is not wanted.
fn remove_others(directory: &Path, wanted: &[PathBuf]) {
    let present = fs::read_dir(directory).into_iter().flatten().flatten();
    let others = present.map(|entry| entry.path());
    for path in others.filter(|path| !wanted.contains(path)) {
        if let Err(error) = fs::remove_dir_all(&path) {
            println!("k3s: warning: removing {}: {error}", path.display());
        }
    }
}

/// What is wrong with the file keeps nobody from starting: it is said, and the rest applies.
pub fn registries(file: &Path, say: impl Fn(&str)) -> Registries {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            say(&format!("{}: {error}; no mirrors are used", file.display()));
            String::new()
        }
    };
    let registries = Registries::read(&text);
    for problem in registries.problems() {
        say(&format!("{}: {problem}", file.display()));
    }
    registries
}

/// The CNI configuration, unless the user brings one.
pub fn cni(settings: &Settings, subnets: &[crate::network::Network]) -> Result<()> {
    if settings.args.cluster.flannel_backend.as_deref() == Some("none") {
        return Ok(());
    }
    json(
        &settings.paths.cni_config().join("10-k3s.conflist"),
        &components::conflist(subnets),
    )
}

/// `kubernetes server --config`.
pub fn server(settings: &Settings) -> Result<()> {
    // kine makes the file, not the directory.
    let directory = settings.paths.server("db");
    fs::create_dir_all(&directory).with_context(|| format!("making {}", directory.display()))?;
    json(
        &paths::run("server.json"),
        &components::server_config(settings, had_cluster(&settings.paths)),
    )
}

/// Whether this machine has served a cluster.
pub fn had_cluster(paths: &Paths) -> bool {
    paths.signs_of_a_cluster().iter().any(|sign| sign.exists())
}

/// From now on an empty datastore is a loss.
pub fn remember_cluster(paths: &Paths) -> Result<()> {
    const WORDS: &str = "The API of this machine has served. Without this file, a datastore that is gone is made anew, empty.\n";
    durable::write_own(&paths.served(), WORDS, 0o600).map(|_| ())
}

/// `kubernetes agent --config`, and the kubelet's configuration.
pub fn agent(settings: &Settings, addresses: &[std::net::IpAddr]) -> Result<()> {
    for directory in [
        settings.paths.agent("pod-manifests"),
        settings.paths.images(),
    ] {
        fs::create_dir_all(&directory)
            .with_context(|| format!("making {}", directory.display()))?;
    }
    let resolv_conf = super::resolv::prepare(settings)?;
    let kubelet = components::kubelet_configuration(settings, &resolv_conf, memory()?);
    json(&settings.paths.agent(components::KUBELET_CONFIG), &kubelet)?;
    json(
        &paths::run("agent.json"),
        &components::agent_config(settings, addresses),
    )
}

/// The machine's memory in bytes.
pub fn memory() -> Result<u64> {
    let text = read(Path::new("/proc/meminfo"))?;
    memory_in(&text).context("reading /proc/meminfo: there is no MemTotal")
}

/// `MemTotal:  2048 kB` → 2097152.
fn memory_in(meminfo: &str) -> Option<u64> {
    let total = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = total.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

/// Names of the release's manifests that are left out.
pub fn disabled_manifests(settings: &Settings) -> Vec<String> {
    let from = Path::new(paths::RELEASE_MANIFESTS);
    manifests::disabled(from, |part| settings.is_disabled(part))
}

/// The release's manifests.
pub fn bundled_manifests(settings: &Settings) -> Result<()> {
    let dns = settings
        .dns
        .first()
        .map(ToString::to_string)
        .unwrap_or_default();
    let values: [Substitution; 4] = [
        ("API_SERVICE", settings.api_service.to_string()),
        ("CLUSTER_DNS", dns),
        (
            "CLUSTER_DOMAIN",
            settings.args.cluster.cluster_domain.clone(),
        ),
        ("SYSTEM_IMAGE", settings.system_image.clone()),
    ];
    let from = Path::new(paths::RELEASE_MANIFESTS);
    manifests::install(from, &settings.paths.manifests(), &values, |part| {
        settings.is_disabled(part)
    })
    .context("installing the release's manifests")
}

fn json(path: &Path, value: &Value) -> Result<()> {
    keep::write(path, format!("{value:#}\n"), 0o600)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_has_served_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::new(dir.path());
        assert!(!had_cluster(&paths));
        remember_cluster(&paths).unwrap();
        assert!(had_cluster(&paths));
        fs::remove_file(paths.served()).unwrap();
        durable::write_own(&paths.applied(), "{}", 0o600).unwrap();
        assert!(had_cluster(&paths), "as an older release left it");
    }

    #[test]
    fn a_guess_is_no_time() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("clock-guessed");
        assert!(now(&mark).unix_timestamp() > 0);
        fs::write(&mark, "1795000000\n").unwrap();
        assert_eq!(now(&mark), OffsetDateTime::UNIX_EPOCH);
    }

    #[test]
    fn memory_is_in_kibibytes() {
        let text = "MemTotal:        2048 kB\nMemFree:  1 kB\n";
        assert_eq!(memory_in(text), Some(2 << 20));
        assert_eq!(memory_in("MemFree: 1 kB\n"), None);
    }
}
