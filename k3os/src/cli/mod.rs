//! `k3os COMMAND`.

mod config;
mod finish_takeover;
mod install;
mod iso;
mod overlay;
mod rescue;
mod reset;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use init::report::Report;

use crate::internal;

/// k3OS: an immutable operating system whose one purpose is Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "k3os", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Apply the configuration (the runtime phase unless a flag says another), or show it
    #[command(visible_alias = "cfg")]
    Config(config::ConfigArguments),
    /// Put this release onto a disk
    Install(install::InstallArguments),
    /// Make an ISO with your own configuration, without root
    Iso(iso::IsoArguments),
    /// A release on another Linux: check before unpacking it, and the way back
    Overlay(overlay::OverlayArguments),
    /// Show how far a takeover of another system has come, or take it back
    Takeover(finish_takeover::TakeoverArguments),
    /// Make this disk another machine's, for clones of it, or keep the machine on other hardware
    Reset(reset::ResetArguments),
    /// Show where the time of this boot went
    BootReport {
        /// How to print it
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Show the log of a service
    Logs {
        /// Go on showing what comes
        #[arg(short, long)]
        follow: bool,
        /// How many lines of the past
        #[arg(short = 'n', long, default_value_t = 100)]
        lines: usize,
        /// The service, with or without `.service`
        service: String,
    },
    /// Check a kernel's configuration for what k3OS and Kubernetes need
    KernelCheck {
        /// A kernel's .config; the running kernel's when absent
        config: Option<PathBuf>,
    },
    /// What units of the system call; not for people
    #[command(hide = true, subcommand)]
    Internal(Internal),
}

#[derive(Debug, Subcommand)]
enum Internal {
    /// Wait for an address and a default route
    WaitOnline {
        /// How long, in seconds
        #[arg(long, default_value_t = 60)]
        timeout: u64,
    },
    /// Tell when /var fills up, and what fills it; keep the time
    WatchVar,
    /// Make PID 1 hang, to see that the watchdog restarts the machine; needs k3os.debug on the kernel command line
    Hang {
        /// For how long, in milliseconds
        #[arg(long)]
        ms: u64,
    },
    /// Be the rescue shell, after asking for the password where there is one
    RescueShell,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
}

/// Parses the command line and does what it says.
pub fn main(arguments: &[OsString]) -> ExitCode {
    let cli = Cli::parse_from(arguments);
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("k3os: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Config(arguments) => config::main(&arguments),
        Command::Install(arguments) => install::main(&arguments),
        Command::Iso(arguments) => iso::main(&arguments),
        Command::Overlay(arguments) => overlay::main(&arguments),
        Command::Takeover(arguments) => finish_takeover::main(&arguments),
        Command::Reset(arguments) => reset::main(&arguments),
        Command::BootReport { output } => boot_report(output),
        Command::Logs {
            follow,
            lines,
            service,
        } => Ok(logs(&service, lines, follow)),
        Command::KernelCheck { config } => kernel_check(config.as_deref()),
        Command::Internal(Internal::WaitOnline { timeout }) => {
            internal::wait_online(Duration::from_secs(timeout)).map(|()| ExitCode::SUCCESS)
        }
        Command::Internal(Internal::RescueShell) => rescue::main(),
        Command::Internal(Internal::Hang { ms }) => {
            supervisor::hang(ms).map_err(anyhow::Error::msg)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Internal(Internal::WatchVar) => match init::var_space::watch()? {},
    }
}

fn boot_report(output: Output) -> Result<ExitCode> {
    let report = Report::collect()?;
    match output {
        Output::Text => print!("{}", report.text()),
        Output::Json => println!(
            "{}",
            serde_json::to_string_pretty(&report).context("writing the report as JSON")?
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn logs(service: &str, lines: usize, follow: bool) -> ExitCode {
    let mut arguments = vec!["-n".to_string(), lines.to_string()];
    arguments.extend(follow.then(|| "-f".to_string()));
    arguments.push(service.to_string());
    crate::exit_code(supervisor::logs_main(&arguments))
}

/// Prints the report; the exit status is 1 when the kernel lacks something that is required.
fn kernel_check(config: Option<&Path>) -> Result<ExitCode> {
    let path = match config {
        Some(path) => path.to_path_buf(),
        None => running_kernel_config()?,
    };
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let report = kernel_config::check(&text);
    println!("{report}");
    Ok(if report.usable() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Where distributions keep the running kernel's configuration; ours lies beside its modules.
fn running_kernel_config() -> Result<PathBuf> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")
        .context("reading the kernel's release from /proc/sys/kernel/osrelease")?;
    let release = release.trim();
    let places = [
        format!("/usr/lib/modules/{release}/config"),
        format!("/boot/config-{release}"),
    ];
    places
        .iter()
        .map(PathBuf::from)
        .find(|place| place.exists())
        .with_context(|| {
            format!(
                "the configuration of the running kernel is in neither of {}; give its path",
                places.join(", ")
            )
        })
}
