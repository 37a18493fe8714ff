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
    let settings = Settings::new(parsed.args, &machine()?)?;
    for warning in parsed.warnings.iter().chain(&settings.warnings()) {
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

fn machine() -> Result<Machine> {
    let hostname = nix::unistd::gethostname().context("reading the host name")?;
    let machine_id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    Ok(Machine {
        hostname: hostname.to_string_lossy().into_owned(),
        node_id: machine_id.get(..8).unwrap_or("00000000").to_string(),
        release: crate::release(),
    })
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
