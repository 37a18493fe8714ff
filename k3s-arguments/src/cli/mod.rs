//! The command line: k3s's flags, typed, from arguments, `K3S_*` variables and `/etc/rancher/k3s/config.yaml`.
//!
//! An unknown flag is an error that names the nearest known one. A flag that k3s knows and this program does
//! not support is answered in words ([`unsupported`]), never dropped.

mod cluster;
mod components;
mod config_file;
mod listener;
mod node;
mod runtime;
mod spelling;
mod unsupported;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

pub use cluster::ClusterArgs;
pub use components::ComponentArgs;
pub use listener::ListenerArgs;
pub use node::NodeArgs;
pub use runtime::RuntimeArgs;

/// Where `k3s server` and `k3s agent` look for flags in YAML, unless `--config` or `K3S_CONFIG_FILE` say otherwise.
pub const CONFIG_FILE: &str = "/etc/rancher/k3s/config.yaml";

/// Everything `k3s server` can be told, grouped as in its help.
#[derive(Args, Debug, Clone)]
pub struct ServerArgs {
    /// Where the API listens and who is told about it.
    #[command(flatten)]
    pub listener: ListenerArgs,
    /// The cluster's networks, token and datastore.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// This node's identity.
    #[command(flatten)]
    pub node: NodeArgs,
    /// containerd, images and logging.
    #[command(flatten)]
    pub runtime: RuntimeArgs,
    /// Flags handed on to the upstream components.
    #[command(flatten)]
    pub components: ComponentArgs,
}

/// What the command line came to: the typed flags, and warnings to print.
#[derive(Debug)]
pub struct Parsed {
    /// The typed flags.
    pub args: ServerArgs,
    /// One sentence for each flag that is accepted and has no effect here.
    pub warnings: Vec<String>,
}

/// What lies around the command line. The `k3s` program brings the machine's, `k3os config validate` a configuration's.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// The environment.
    pub variables: BTreeMap<String, String>,
    /// Files that are there although the disk does not have them (yet), by their paths.
    pub files: BTreeMap<PathBuf, String>,
    /// Whether the disk is looked at for other files.
    pub with_disk: bool,
}

impl Around {
    /// The machine's.
    pub fn machine() -> Self {
        let text = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Around {
            variables: std::env::vars_os().filter_map(text).collect(),
            with_disk: true,
            ..Around::default()
        }
    }

    /// The text of a file; `None` when there is none.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(&self, path: &Path) -> Result<Option<String>> {
        if let Some(text) = self.files.get(path) {
            return Ok(Some(text.clone()));
        }
        if !self.with_disk {
            return Ok(None);
        }
        match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            text => text
                .map(Some)
                .with_context(|| format!("reading {}", path.display())),
        }
    }

    /// The files of a directory, sorted.
    fn list(&self, directory: &Path) -> BTreeSet<PathBuf> {
        let ours = self
            .files
            .keys()
            .filter(|path| path.parent() == Some(directory))
            .cloned();
        let entries = self
            .with_disk
            .then(|| std::fs::read_dir(directory).ok())
            .flatten();
        let theirs = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()));
        ours.chain(theirs).collect()
    }
}

/// The `server` (or `agent`) command with every flag, supported or not. It reads no variables itself, see [`variables`].
pub fn command(name: &'static str) -> Command {
    let base = Command::new(name)
        .args_override_self(true)
        .disable_version_flag(true);
    let command = ServerArgs::augment_args(base).args(unsupported::args());
    command.mut_args(|arg| {
        match arg
            .get_env()
            .map(|name| name.to_string_lossy().into_owned())
        {
            Some(variable) => {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                arg.env(Resettable::Reset)
                    .help(format!("{help} [env: {variable}]"))
            }
            None => arg,
        }
    })
}

/// Each option that a variable stands for, with the variable's name.
fn variables() -> Vec<(String, String)> {
    let typed = ServerArgs::augment_args(Command::new("variables"));
    let typed = typed.get_arguments().filter_map(|arg| {
        Some((
            arg.get_long()?.to_owned(),
            arg.get_env()?.to_string_lossy().into_owned(),
        ))
    });
    let refused = unsupported::args().filter_map(|arg| {
        let flag = arg.get_long()?;
        Some((flag.to_owned(), unsupported::variable(flag)?.to_owned()))
    });
    typed.chain(refused).collect()
}

/// Parses `argv` (program or subcommand name first), adding what the config file and the variables say and `argv` does not.
///
/// # Errors
/// [`clap::Error`] for a bad command line (print it with its own `exit`), anything else for a bad config file or a
/// flag that is refused.
pub fn parse(name: &'static str, argv: &[OsString], around: &Around) -> Result<Parsed> {
    let known = command(name);
    let argv = spelling::normal(argv, &known);
    let typed = known.clone().try_get_matches_from(&argv)?;
    let entries = config_entries(&typed, around)?;
    let from_variables = variable_entries(&typed, &entries, around);
    let all: Vec<_> = from_variables.into_iter().chain(entries).collect();
    let merged = merge(&known, &argv, &typed, &all)?;
    let matches = known
        .try_get_matches_from(merged)
        .context("applying what config file and environment say")?;
    refuse_unsupported(&matches)?;
    let args = ServerArgs::from_arg_matches(&matches)?;
    refuse_joining(&args)?;
    let mut warnings = unsupported::warnings(&matches);
    warnings.extend(unknown_variables(around));
    Ok(Parsed { args, warnings })
}

/// What the file says that `--config` or its variable names, or the usual one.
fn config_entries(typed: &ArgMatches, around: &Around) -> Result<Vec<config_file::Entry>> {
    let given = typed.value_source("config") == Some(ValueSource::CommandLine);
    let typed = typed.get_one::<String>("config").filter(|_| given);
    let named = typed.or_else(|| {
        around
            .variables
            .get("K3S_CONFIG_FILE")
            .filter(|v| !v.is_empty())
    });
    let file = named.map_or(CONFIG_FILE, String::as_str);
    config_file::load(Path::new(file), named.is_some(), around)
}

/// Variables of options that neither the command line nor a file has. An empty one is as good as none.
fn variable_entries(
    typed: &ArgMatches,
    entries: &[config_file::Entry],
    around: &Around,
) -> Vec<config_file::Entry> {
    let entry = |(option, variable): (String, String)| {
        let value = around
            .variables
            .get(&variable)
            .filter(|value| !value.is_empty())?;
        let id = option.replace('-', "_");
        let on_command_line = [id.as_str(), option.as_str()].into_iter().any(|id| {
            let source = typed
                .try_contains_id(id)
                .ok()
                .and_then(|_| typed.value_source(id));
            source == Some(ValueSource::CommandLine)
        });
        let in_file = entries.iter().any(|entry| entry.key == option);
        (!on_command_line && !in_file).then(|| config_file::Entry {
            file: format!("the variable {variable}").into(),
            key: option,
            values: vec![value.clone()],
            append: false,
        })
    };
    variables().into_iter().filter_map(entry).collect()
}

/// `K3S_…` that nobody reads: a slip, or something of k3s that this program has not.
fn unknown_variables(around: &Around) -> Vec<String> {
    let known = variables();
    let is_known = |name: &str| known.iter().any(|(_, variable)| variable == name);
    let names = around
        .variables
        .keys()
        .filter(|name| name.starts_with("K3S_"));
    names
        .filter(|name| !is_known(name))
        .map(|name| format!("the variable {name} has no effect: no option is set by it"))
        .collect()
}

/// Until joining exists: a server that was told of another one would start a second cluster beside it.
fn refuse_joining(args: &ServerArgs) -> Result<()> {
    match &args.cluster.server {
        Some(url) => bail!(
            "--server {url} (K3S_URL, server_url) is not supported on a server: joining is not part of this version, \
             and without it this machine would start a cluster of its own. Leave the option out if that is what you want"
        ),
        None => Ok(()),
    }
}

/// The value of a switch, as Go and YAML write it.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" => Ok(true),
        "0" | "f" | "F" => Ok(false),
        _ => crate::yaml::truth(text).ok_or_else(|| "valid: true, false".into()),
    }
}

/// Puts the entries before the typed arguments. A list on the command line replaces the file's, except for keys written
/// `key+`, as in k3s.
fn merge(
    known: &Command,
    argv: &[OsString],
    typed: &ArgMatches,
    entries: &[config_file::Entry],
) -> Result<Vec<OsString>> {
    let mut merged: Vec<OsString> = argv.iter().take(1).cloned().collect();
    for entry in entries {
        let Some(arg) = known
            .get_arguments()
            .find(|a| spelling::is_called(a, &entry.key))
        else {
            bail!(unknown_key(known, entry));
        };
        let on_command_line =
            typed.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        if !on_command_line || entry.append {
            let option = |value: &String| format!("--{}={value}", entry.key).into();
            merged.extend(entry.values.iter().map(option));
        }
    }
    merged.extend(argv.iter().skip(1).cloned());
    Ok(merged)
}

fn unknown_key(known: &Command, entry: &config_file::Entry) -> String {
    let nearest = known
        .get_arguments()
        .filter_map(|a| a.get_long())
        .map(|long| (strsim::jaro_winkler(long, &entry.key), long))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = match nearest {
        Some((score, long)) if score > 0.7 => format!("; the nearest known key is '{long}'"),
        _ => String::new(),
    };
    format!(
        "reading {}: unknown key '{}'{hint}",
        entry.file.display(),
        entry.key
    )
}

/// An error of this module as one sentence, without clap's lines on usage.
pub fn sentence(error: &anyhow::Error) -> String {
    let help = error
        .downcast_ref::<clap::Error>()
        .is_some_and(|error| !error.use_stderr());
    if help {
        return "--help prints the options and starts nothing".into();
    }
    let text = format!("{error:#}");
    let paragraphs = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:"));
    let kept =
        paragraphs.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let line = kept.collect::<Vec<_>>().join("; ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

fn refuse_unsupported(matches: &ArgMatches) -> Result<()> {
    match unsupported::refusals(matches).as_slice() {
        [] => Ok(()),
        reasons => bail!("{}", reasons.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Parsed> {
        let items: Vec<&str> = line.split(' ').collect();
        parse_items(&items, Around::default())
    }

    fn parse_items(items: &[&str], around: Around) -> Result<Parsed> {
        let argv: Vec<OsString> = items.iter().map(OsString::from).collect();
        parse("server", &argv, &around)
    }

    fn entry(key: &str, values: &[&str], append: bool) -> config_file::Entry {
        let values = values.iter().map(ToString::to_string).collect();
        config_file::Entry {
            file: "/config.yaml".into(),
            key: key.into(),
            values,
            append,
        }
    }

    fn merge_line(line: &str, entries: &[config_file::Entry]) -> Result<Vec<String>> {
        let argv: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let known = command("server");
        let typed = known.clone().try_get_matches_from(&argv)?;
        let merged = merge(&known, &argv, &typed, entries)?;
        Ok(merged
            .into_iter()
            .map(|a| a.into_string().unwrap_or_default())
            .collect())
    }

    #[test]
    fn the_command_is_well_formed() {
        command("server").debug_assert();
    }

    #[test]
    fn k3os_style_arguments_parse() -> Result<()> {
        let args = parse_line(
            "server --cluster-cidr 10.107.0.0/16 --disable=traefik,servicelb --disable coredns --tls-san a,b \
             --node-label a=b --node-label c=d --kubelet-arg max-pods=50 -t secret --write-kubeconfig-mode=644",
        )?
        .args;
        assert_eq!(args.cluster.cluster_cidr, ["10.107.0.0/16"]);
        assert_eq!(args.components.disable, ["traefik", "servicelb", "coredns"]);
        assert_eq!(args.listener.tls_san, ["a", "b"]);
        assert_eq!(args.node.node_label, ["a=b", "c=d"]);
        assert_eq!(args.components.kubelet_arg, ["max-pods=50"]);
        assert_eq!(args.cluster.token.as_deref(), Some("secret"));
        Ok(())
    }

    #[test]
    fn spellings_of_users_are_taken() -> Result<()> {
        let items = |items: &[&str]| parse_items(items, Around::default());
        let args = items(&[
            "server",
            "--kube-controller-arg",
            "--v=2",
            "--kubelet-arg",
            "--max-pods=250",
            "-disable",
            "traefik",
            "--cluster-init",
            "true",
            "--disable-kube-proxy",
            "false",
            "--flannel-backend=ipsec",
            "--debug=yes",
        ])?
        .args;
        assert_eq!(args.components.kube_controller_manager_arg, ["--v=2"]);
        assert_eq!(args.components.kubelet_arg, ["--max-pods=250"]);
        assert_eq!(args.components.disable, ["traefik"]);
        assert!(args.cluster.cluster_init && args.runtime.debug);
        assert!(!args.components.disable_kube_proxy);
        assert_eq!(args.cluster.flannel_backend.as_deref(), Some("ipsec"));
        assert!(
            items(&["server", "--cluster-init --tls-san a,b"])?
                .args
                .cluster
                .cluster_init
        );
        assert_eq!(
            items(&["server", "--etcd-expose-metrics", "true"])?
                .warnings
                .len(),
            1
        );
        assert!(items(&["server", "--node-name", "--debug"]).is_err());
        assert!(items(&["server", "--flannel-backend=vxlna"]).is_err());
        Ok(())
    }

    fn variables(pairs: &[(&str, &str)]) -> Around {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        Around {
            variables: pairs.collect(),
            ..Around::default()
        }
    }

    #[test]
    fn variables_count_where_nothing_else_says_it() -> Result<()> {
        let around = variables(&[
            ("K3S_TOKEN", "v"),
            ("K3S_NODE_NAME", "n"),
            ("K3S_DEBUG", ""),
        ]);
        let args = parse_items(&["server", "--token", "t"], around)?.args;
        assert_eq!(args.cluster.token.as_deref(), Some("t"));
        assert_eq!(args.node.node_name.as_deref(), Some("n"));
        assert!(!args.runtime.debug);
        let warnings = parse_items(&["server"], variables(&[("K3S_TOKNE", "x")]))?.warnings;
        assert!(
            matches!(warnings.as_slice(), [w] if w.contains("K3S_TOKNE")),
            "{warnings:?}"
        );
        Ok(())
    }

    #[test]
    fn what_would_start_another_cluster_or_break_a_promise_is_refused_however_it_comes() {
        for (name, value) in [
            ("K3S_URL", "https://a:6443"),
            ("K3S_AGENT_TOKEN", "x"),
            ("K3S_CLUSTER_RESET", "true"),
            ("K3S_SELINUX", "true"),
            ("K3S_VPN_AUTH_FILE", "/x"),
        ] {
            assert!(
                parse_items(&["server"], variables(&[(name, value)])).is_err(),
                "{name}"
            );
        }
        assert!(parse_items(&["server"], variables(&[("K3S_SELINUX", "false")])).is_ok());
        assert!(parse_line("server --server https://a:6443").is_err());
    }

    #[test]
    fn an_unknown_flag_is_named_with_the_nearest() {
        let error = parse_line("server --cluster-cdir 10.0.0.0/16")
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default();
        assert!(
            error.contains("'--cluster-cdir'") && error.contains("'--cluster-cidr'"),
            "{error}"
        );
    }

    #[test]
    fn what_k3s_knows_and_we_do_not_is_answered() -> Result<()> {
        let error = parse_line("server --secrets-encryption")
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default();
        assert!(
            error.starts_with("--secrets-encryption is not supported"),
            "{error}"
        );
        let warnings = parse_line("server --disable-helm-controller")?.warnings;
        assert!(
            matches!(warnings.as_slice(), [w] if w.starts_with("--disable-helm-controller has no effect")),
            "{warnings:?}"
        );
        assert!(parse_line("server --docker=false")?.warnings.is_empty());
        Ok(())
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_plus_appends() -> Result<()> {
        let file = [
            entry("token", &["file"], false),
            entry("tls-san", &["f1", "f2"], false),
        ];
        assert_eq!(
            merge_line("server --tls-san c", &file)?,
            ["server", "--token=file", "--tls-san", "c"]
        );
        let plus = [entry("tls-san", &["f1"], true)];
        assert_eq!(
            merge_line("server --tls-san c", &plus)?,
            ["server", "--tls-san=f1", "--tls-san", "c"]
        );
        Ok(())
    }

    #[test]
    fn an_unknown_key_is_named_with_file_and_nearest() {
        let file = [entry("clutser-cidr", &["x"], false)];
        let error = merge_line("server", &file)
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default();
        assert_eq!(
            error,
            "reading /config.yaml: unknown key 'clutser-cidr'; the nearest known key is 'cluster-cidr'"
        );
    }
}
