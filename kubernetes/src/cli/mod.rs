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
mod unsupported;

use std::ffi::OsString;

use anyhow::{Context, Result, bail};
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

/// The `server` (or `agent`) command with every flag, supported or not.
pub fn command(name: &'static str) -> Command {
    let base = Command::new(name)
        .args_override_self(true)
        .disable_version_flag(true);
    ServerArgs::augment_args(base).args(unsupported::args())
}

/// Parses `argv` (program or subcommand name first), adding what the config file says and `argv` does not.
///
/// # Errors
/// [`clap::Error`] for a bad command line (print it with its own `exit`), anything else for a bad config file or a
/// flag that is refused.
pub fn parse(name: &'static str, argv: &[OsString]) -> Result<Parsed> {
    let typed = command(name).try_get_matches_from(argv)?;
    let file = typed
        .get_one::<String>("config")
        .map_or(CONFIG_FILE, String::as_str);
    let explicit = typed.value_source("config") != Some(ValueSource::DefaultValue);
    let entries = config_file::load(std::path::Path::new(file), explicit)?;
    let merged = merge(argv, &typed, &entries)?;
    let matches = command(name)
        .try_get_matches_from(merged)
        .context("applying the config file's flags")?;
    refuse_unsupported(&matches)?;
    let args = ServerArgs::from_arg_matches(&matches)?;
    Ok(Parsed {
        args,
        warnings: unsupported::warnings(&matches),
    })
}

/// Puts the config file's entries before the typed arguments. A list on the command line replaces the file's,
/// except for keys written `key+`, as in k3s.
fn merge(
    argv: &[OsString],
    typed: &ArgMatches,
    entries: &[config_file::Entry],
) -> Result<Vec<OsString>> {
    let known = command("known");
    let mut merged: Vec<OsString> = argv.iter().take(1).cloned().collect();
    for entry in entries {
        let Some(arg) = known
            .get_arguments()
            .find(|a| a.get_long() == Some(entry.key.as_str()))
        else {
            bail!(unknown_key(&known, entry));
        };
        let on_command_line =
            typed.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        if !on_command_line || entry.append {
            merged.extend(
                entry
                    .values
                    .iter()
                    .map(|value| format!("--{}={value}", entry.key).into()),
            );
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
        let argv: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let typed = command("server").try_get_matches_from(&argv)?;
        refuse_unsupported(&typed)?;
        Ok(Parsed {
            args: ServerArgs::from_arg_matches(&typed)?,
            warnings: unsupported::warnings(&typed),
        })
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
        let typed = command("server").try_get_matches_from(&argv)?;
        let merged = merge(&argv, &typed, entries)?;
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
