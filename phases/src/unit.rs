//! The unit file of Kubernetes, from the configuration.

use config::{Config, K3os};
use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::proxy;
use crate::step::{Service, Variables};

/// Name of the service.
pub(crate) const NAME: &str = "k3s.service";
/// Where units of this boot lie.
pub(crate) const DIRECTORY: &str = "/run/systemd/system";
/// What wants the service.
pub(crate) const WANTED_BY: &str = "default.target";
/// Holds the token, so not in the unit file, which everybody may read.
pub(crate) const SECRETS: &str = "/run/k3os/k3s.env";

/// The service that this configuration asks for.
pub(crate) fn service(config: &Config, facts: &Facts, restart: bool) -> Service {
    Service {
        unit: text(&arguments(&config.k3os, facts)),
        variables: Variables(variables(&config.k3os)),
        restart,
    }
}

/// The variables that stand for keys of the configuration.
pub(crate) fn variables(k3os: &K3os) -> BTreeMap<String, String> {
    let mut variables = proxy::exceptions(k3os);
    if !k3os.token.is_empty() {
        variables.insert("K3S_TOKEN".to_owned(), k3os.token.reveal().to_owned());
    }
    if !k3os.server_url.is_empty() {
        variables.insert("K3S_URL".to_owned(), k3os.server_url.clone());
    }
    variables
}

/// The arguments of `k3s`: the user's as they are, after a role if they name none, then labels and taints.
pub(crate) fn arguments(k3os: &K3os, facts: &Facts) -> Vec<String> {
    let mut arguments = Vec::new();
    let users = config::arguments::split(&k3os.k3s_args);
    if users.first().is_none_or(|first| first.starts_with('-')) {
        let role = if k3os.server_url.is_empty() {
            "server"
        } else {
            "agent"
        };
        arguments.push(role.to_owned());
    }
    arguments.extend(users);
    for (name, value) in labels(k3os, facts) {
        arguments.extend(["--node-label".to_owned(), format!("{name}={value}")]);
    }
    for taint in &k3os.taints {
        arguments.extend(["--node-taint".to_owned(), taint.clone()]);
    }
    arguments
}

/// The user's labels and those by which upgrades choose nodes.
fn labels(k3os: &K3os, facts: &Facts) -> BTreeMap<String, String> {
    let mut labels = k3os.labels.clone();
    for (name, value) in [
        ("k3os.io/mode", &facts.mode),
        ("k3os.io/version", &facts.version),
    ] {
        if !value.is_empty() {
            labels.insert(name.to_owned(), value.clone());
        }
    }
    labels
}

fn text(arguments: &[String]) -> String {
    let words: Vec<_> = arguments.iter().map(|word| word_of_exec(word)).collect();
    format!(
        "# Written by k3OS from its configuration.\n\
         [Unit]\n\
         Description=Kubernetes\n\
         After=network.target\n\
         \n\
         [Service]\n\
         Type=notify\n\
         EnvironmentFile=-/etc/environment\n\
         EnvironmentFile=-{SECRETS}\n\
         ExecStart=/usr/bin/k3s {}\n\
         # Containers outlive a restart of Kubernetes.\n\
         KillMode=process\n\
         Delegate=yes\n\
         Restart=always\n\
         RestartSec=5\n\
         TimeoutStartSec=0\n\
         LimitNOFILE=1048576\n\
         LimitNPROC=infinity\n\
         # Pods inherit it: no core files fill the disk, who wants one raises it.\n\
         LimitCORE=0:infinity\n\
         # containerd and the servers inherit it; pods get their own from the kubelet.\n\
         OOMScoreAdjust=-999\n\
         TasksMax=infinity\n\
         # Before anything is stopped: pods end as their grace periods say.\n\
         X-K3OS-ShutdownSignal=SIGUSR1\n\
         X-K3OS-ShutdownTimeoutSec=60\n\
         \n\
         [Install]\n\
         WantedBy={WANTED_BY}\n",
        words.join(" ")
    )
}

/// A word of ExecStart that is read back as it is: quoted where needed, without specifiers and variables.
fn word_of_exec(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@+=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        '%' => "%%".to_owned(),
        '$' => "$$".to_owned(),
        other => other.to_string(),
    };
    format!("\"{}\"", word.chars().map(escape).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(yaml: &str) -> Config {
        let source = config::Source {
            name: "f".into(),
            kind: config::SourceKind::File,
            bytes: yaml.into(),
        };
        let loaded = config::load(&[source]);
        assert_eq!(loaded.problems, []);
        loaded.config
    }

    fn exec_start(yaml: &str) -> String {
        let unit = service(&config(yaml), &Facts::default(), false).unit;
        let line = unit
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart=/usr/bin/k3s "));
        line.expect("an ExecStart").to_owned()
    }

    #[test]
    fn the_unit_is_golden() {
        let facts = Facts {
            mode: "disk".into(),
            version: "v0.30.0".into(),
            ..Facts::default()
        };
        let yaml = "k3os: {k3s_args: [server, --cluster-init], labels: {region: eu, a/b: c}, taints: ['k=v:NoSchedule']}";
        assert_eq!(
            service(&config(yaml), &facts, false).unit,
            include_str!("unit/golden.service")
        );
    }

    #[test]
    fn the_role_is_added_only_where_it_lacks() {
        assert_eq!(exec_start(""), "server");
        assert_eq!(exec_start("k3os: {server_url: 'https://a:6443'}"), "agent");
        assert_eq!(
            exec_start("k3os: {k3s_args: [--disable, traefik]}"),
            "server --disable traefik"
        );
        assert_eq!(
            exec_start("k3os: {server_url: 'https://a:6443', k3s_args: [server]}"),
            "server"
        );
    }

    #[test]
    fn several_arguments_in_one_item_are_parted() {
        assert_eq!(
            exec_start("k3os: {k3s_args: server --cluster-init}"),
            "server --cluster-init"
        );
        assert_eq!(
            exec_start("k3os: {k3s_args: ['--disable traefik']}"),
            "server --disable traefik"
        );
    }

    #[test]
    fn odd_arguments_are_quoted() {
        assert_eq!(
            exec_start(r#"k3os: {k3s_args: [server, '--x=a "b" 5% $HOME \']}"#),
            r#"server "--x=a \"b\" 5%% $$HOME \\""#
        );
    }

    #[test]
    fn secrets_are_not_in_the_unit() {
        let service = service(
            &config("k3os: {token: K10geheim, server_url: 'https://a:6443'}"),
            &Facts::default(),
            true,
        );
        assert!(!service.unit.contains("geheim") && !format!("{service:?}").contains("geheim"));
        assert_eq!(
            service.variables.0.get("K3S_TOKEN").map(String::as_str),
            Some("K10geheim")
        );
        assert_eq!(
            service.variables.0.get("K3S_URL").map(String::as_str),
            Some("https://a:6443")
        );
    }
}
