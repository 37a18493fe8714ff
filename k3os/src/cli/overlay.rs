//! `k3os overlay`: a release on a board's own Linux.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use board::check::{Facts, Report};
use board::old_init;
use clap::{Args, Subcommand};

use super::Output;

/// Where a running node shows the root of its board.
const BOARD_OF_A_NODE: &str = init::initrd::STATE;

#[derive(Debug, Args)]
pub struct OverlayArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check whether a release would run on this machine's own Linux, and say what to change where; the exit status is 1
    /// when it would not
    Check {
        /// How to print it
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Give the machine its own /sbin/init back; the release and its data stay in /k3os
    Remove {
        /// The root of the machine's own Linux, when it is mounted elsewhere
        #[arg(long)]
        root: Option<PathBuf>,
    },
}

/// Does what the command line says.
pub fn main(arguments: &OverlayArguments) -> Result<ExitCode> {
    match &arguments.command {
        Command::Check { output } => check(*output),
        Command::Remove { root } => remove(root.as_deref()),
    }
}

fn check(output: Output) -> Result<ExitCode> {
    let report = Report::of(&Facts::gather(board_root()));
    match output {
        Output::Text => print!("{}", report.text()),
        Output::Json => println!(
            "{}",
            serde_json::to_string_pretty(&report).context("writing the report as JSON")?
        ),
    }
    Ok(if report.usable {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn remove(root: Option<&Path>) -> Result<ExitCode> {
    println!("{}.", old_init::restore(root.unwrap_or(board_root()))?);
    println!(
        "Reboot to start the machine's own Linux. Releases and data of k3OS stay in /k3os until you remove it."
    );
    Ok(ExitCode::SUCCESS)
}

/// A running node sees its board's root at another place.
fn board_root() -> &'static Path {
    let mode = std::fs::read_to_string(init::initrd::MODE_FILE).unwrap_or_default();
    if mode.trim() == init::initrd::Mode::Local.name() {
        Path::new(BOARD_OF_A_NODE)
    } else {
        Path::new("/")
    }
}
