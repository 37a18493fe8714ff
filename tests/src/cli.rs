//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::processor::Processor;
use crate::suite::{self, Level, Run};
use crate::{bench, scenarios, vm};

/// Boots k3OS in virtual machines: to test it, and to use it.
#[derive(Debug, Parser)]
#[command(name = "k3os-tests", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the end-to-end scenarios
    Run(RunArguments),
    /// Boot the live ISO to a Ready node and stay attached to its console
    Vm(VmArguments),
    /// Measure times, memory and sizes beside Debian with systemd, and compare them with the goals
    Bench(BenchArguments),
}

#[derive(Debug, Args)]
struct RunArguments {
    /// Only checks whose name contains this, such as 'live::' or 'kill_9'
    #[arg(long)]
    filter: Option<String>,
    /// Print the names and run nothing
    #[arg(long)]
    list: bool,
    /// Everything, not only the sample that tells most for its time
    #[arg(long)]
    all: bool,
    /// The directory that `make image` filled
    #[arg(long, default_value = "dist/artifacts")]
    artifacts: PathBuf,
    /// Where the consoles' output goes
    #[arg(long, default_value = "dist/test-logs")]
    logs: PathBuf,
    /// Keep disks and sockets for a look
    #[arg(long)]
    keep: bool,
    /// Scenarios at the same time; each machine has 2 processors and 4 GiB
    #[arg(long, default_value_t = 1)]
    jobs: usize,
}

#[derive(Debug, Args)]
struct VmArguments {
    /// The directory that `make image` filled
    #[arg(long, default_value = "dist/artifacts")]
    artifacts: PathBuf,
    /// End with the machine once the node is Ready
    #[arg(long)]
    until_ready: bool,
    /// Boot by UEFI in place of BIOS
    #[arg(long)]
    uefi: bool,
    /// Memory in MiB
    #[arg(long, default_value_t = 4096)]
    memory: u32,
    /// Virtual processors
    #[arg(long, default_value_t = 2)]
    cpus: u32,
}

#[derive(Debug, Args)]
struct BenchArguments {
    /// The directory that `make image` filled
    #[arg(long, default_value = "dist/artifacts")]
    artifacts: PathBuf,
    /// How many boots of each machine; the table has medians
    #[arg(long, default_value_t = 3)]
    boots: usize,
    /// The times of the build's steps, as `make image` writes them
    #[arg(long, default_value = "dist/build-times.json")]
    build_times: PathBuf,
    /// Where the numbers go, as JSON
    #[arg(long, default_value = "dist/bench.json")]
    output: PathBuf,
}

/// Reads the command line and does what it says.
pub fn main() -> Result<ExitCode> {
    match Cli::parse().command {
        Command::Run(arguments) => run(arguments),
        Command::Vm(arguments) => vm::run(&arguments.into()).map(|()| ExitCode::SUCCESS),
        Command::Bench(arguments) => bench::run(&arguments.into()).map(|()| ExitCode::SUCCESS),
    }
}

fn run(arguments: RunArguments) -> Result<ExitCode> {
    let scenarios = scenarios::of(Processor::of(&arguments.artifacts));
    let run = Run {
        artifacts: arguments.artifacts,
        level: if arguments.all {
            Level::Full
        } else {
            Level::Sample
        },
        filter: arguments.filter,
        jobs: arguments.jobs,
        keep: arguments.keep,
        logs: arguments.logs,
    };
    if arguments.list {
        suite::list(scenarios, &run);
        return Ok(ExitCode::SUCCESS);
    }
    let passed = suite::run(scenarios, &run)?;
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl From<VmArguments> for vm::Options {
    fn from(arguments: VmArguments) -> Self {
        Self {
            artifacts: arguments.artifacts,
            until_ready: arguments.until_ready,
            uefi: arguments.uefi,
            memory_mib: arguments.memory,
            cpus: arguments.cpus,
        }
    }
}

impl From<BenchArguments> for bench::Options {
    fn from(arguments: BenchArguments) -> Self {
        Self {
            artifacts: arguments.artifacts,
            boots: arguments.boots,
            build_times: arguments.build_times,
            output: arguments.output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
