//! Builds every artefact of a release: reproducible, without root, each step kept by the hash of its inputs.

mod archive;
mod build;
mod cache;
mod context;
mod debian;
mod grub;
mod initrd;
mod iso;
mod kernel;
mod kubernetes;
mod oci;
mod packages;
mod programs;
mod progress;
mod release;
mod run;
mod squashfs;
mod tools;
mod tree;
mod userland;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};

use crate::cache::Cache;
use crate::context::{Arch, Compression, Context};

/// Builds the artefacts of a k3OS release.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds every artefact
    Build {
        /// Processor family of the image
        #[arg(long, value_enum, default_value = "amd64")]
        arch: Arch,
        /// Folder for the artefacts
        #[arg(long, default_value = "dist/artifacts")]
        output: PathBuf,
        /// Seconds or bytes
        #[arg(long, value_enum, default_value = "best")]
        compression: Compression,
        /// Take the Kubernetes programs from this folder, as kubernetes/build.sh made them, instead of building them
        #[arg(long)]
        kubernetes: Option<PathBuf>,
    },
    /// Checks a kernel's configuration against what the system needs
    KernelCheck {
        /// e.g. /boot/config-6.12.0-amd64
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("image-build: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<()> {
    match command {
        Command::Build { arch, output, compression, kubernetes } => {
            let mut context = Context::new(*arch, *compression, output, Cache::open()?)?;
            context.kubernetes.clone_from(kubernetes);
            build::build(&context)
        }
        Command::KernelCheck { config } => kernel_check(config),
    }
}

fn kernel_check(config: &Path) -> Result<()> {
    let text = std::fs::read_to_string(config).with_context(|| format!("reading {}", config.display()))?;
    let report = kernel_config::check(&text);
    println!("{report}");
    if !report.usable() {
        bail!("checking {}: this kernel lacks required options", config.display());
    }
    Ok(())
}
