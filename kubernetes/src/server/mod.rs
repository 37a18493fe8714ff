//! `k3s server`: from flags to a Ready node, and what keeps it so.

mod address;
mod dry_run;
mod endpoints;
mod external;
mod files;
mod findings;
mod gateway;
mod kernel;
mod node;
mod overlap;
mod policies;
mod ports;
mod proxy;
mod ranges;
mod ready;
mod renewal;
mod resolv;
mod services;

use std::ffi::OsString;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli;
use crate::notify::Notifier;
use crate::paths::Paths;
use crate::pki;
use crate::settings::{Machine, Settings};
use node::Node;

/// Runs the server until it is told to end.
///
/// # Errors
/// Bad flags, and whatever keeps the server from being set up. What fails later is tried again.
pub fn run(argv: &[OsString]) -> Result<()> {
    let parsed = cli::parse("server", argv, &cli::Around::machine())?;
    if !parsed.args.runtime.dry_run {
        redirect_output(&parsed.args)?;
    }
    let (machine, kept) = machine(&parsed.args)?;
    let settings = Settings::new(parsed.args, &machine)?;
    for warning in parsed
        .warnings
        .iter()
        .chain(&settings.warnings())
        .chain(&kept)
    {
        eprintln!("k3s: warning: {warning}");
    }
    if settings.args.runtime.dry_run {
        return dry_run::run(&settings);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let outcome = runtime.block_on(serve(settings));
    runtime.shutdown_background();
    outcome
}

/// `--log FILE`: both streams go to the file.
fn redirect_output(args: &cli::ServerArgs) -> Result<()> {
    let Some(path) = &args.runtime.log else {
        return Ok(());
    };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    let file = file.with_context(|| format!("opening {}", path.display()))?;
    nix::unistd::dup2_stdout(&file)
        .and_then(|()| nix::unistd::dup2_stderr(&file))
        .context("redirecting the output")
}

/// The machine, and a sentence when its node keeps a name that the machine no longer has.
fn machine(args: &cli::ServerArgs) -> Result<(Machine, Option<String>)> {
    let hostname = nix::unistd::gethostname().context("reading the host name")?;
    let paths = Paths::new(&args.runtime.data_dir);
    let registered = files::had_cluster(&paths)
        .then(|| pki::registered_node(&paths))
        .flatten();
    let (hostname, kept) = keep_name(args, hostname.to_string_lossy().into_owned(), registered);
    let machine_id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let machine = Machine {
        hostname,
        node_id: machine_id.get(..8).unwrap_or("00000000").to_string(),
        release: crate::release(),
    };
    Ok((machine, kept))
}

/// A node is known by its name: under another one it would be another node, and the volumes of the first out of reach.
/// So a new host name changes nothing by itself; `--node-name` does.
fn keep_name(
    args: &cli::ServerArgs,
    hostname: String,
    registered: Option<String>,
) -> (String, Option<String>) {
    let is_chosen = args.node.node_name.is_some() || args.node.with_node_id;
    match registered {
        Some(name) if !is_chosen && !is_name(&hostname, &name) => {
            let words = format!(
                "the host name is '{hostname}', the node stays '{name}', by which the cluster knows it and its volumes. \
                 To have another node in its place: --node-name {hostname}, then kubectl delete node {name}"
            );
            (name, Some(words))
        }
        _ => (hostname, None),
    }
}

/// Whether a host name gives this name of a node (as `Settings` makes it).
fn is_name(hostname: &str, node: &str) -> bool {
    hostname.trim().trim_end_matches('.').to_lowercase() == node
}

async fn serve(settings: Settings) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut node_shutdown = signal(SignalKind::user_defined1())?;
    let mut node = Node::new(settings, Notifier::from_environment());
    let agent_signal = tokio::select! {
        failed = node.run() => {
            let Err(error) = failed;
            node.stop(Signal::SIGTERM).await;
            return Err(error);
        }
        _ = terminate.recv() => Signal::SIGTERM,
        _ = interrupt.recv() => Signal::SIGTERM,
        _ = node_shutdown.recv() => Signal::SIGUSR1,
    };
    node.stop(agent_signal).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(line: &str, hostname: &str, registered: Option<&str>) -> Result<(String, bool)> {
        let argv: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        let args = cli::parse("server", &argv, &cli::Around::default())?.args;
        let (name, words) = keep_name(&args, hostname.into(), registered.map(String::from));
        Ok((name, words.is_some()))
    }

    #[test]
    fn a_new_host_name_makes_no_new_node() -> Result<()> {
        assert_eq!(kept("server", "new", None)?, ("new".into(), false));
        assert_eq!(kept("server", "Old.", Some("old"))?, ("Old.".into(), false));
        assert_eq!(kept("server", "new", Some("old"))?, ("old".into(), true));
        for chosen in ["server --node-name n", "server --with-node-id"] {
            assert_eq!(kept(chosen, "new", Some("old"))?, ("new".into(), false));
        }
        Ok(())
    }
}
