//! Builds every artefact of a release: reproducible, without root, each step kept by the hash of its inputs.

mod arch;
mod archive;
mod build;
mod context;
mod debian;
mod grub;
mod initrd;
mod iso;
mod kernel;
mod kubernetes;
mod oci;
mod overlay;
mod programs;
mod release;
mod reproduce;
mod sbom;
mod sizes;
mod squashfs;
mod tools;
mod userland;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use image_build::{cache, packages, progress, run, sources, tree};

use crate::arch::Arch;
use crate::context::{Compression, Context};

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
        /// Directory for the artefacts
        #[arg(long, default_value = "dist/artifacts")]
        output: PathBuf,
        /// Seconds or bytes
        #[arg(long, value_enum, default_value = "best")]
        compression: Compression,
        /// Take the Kubernetes programs from this directory, as kubernetes/build.sh made them, instead of building them
        #[arg(long)]
        kubernetes: Option<PathBuf>,
        /// Write the seconds that each step took into this file, as JSON
        #[arg(long)]
        times: Option<PathBuf>,
    },
    /// Lists the Debian packages that are asked for, with the reason for each
    Packages,
    /// Builds the last commit twice, in two directories with empty caches, and compares every byte of the artefacts
    VerifyReproducible {
        /// Processor family of the image
        #[arg(long, value_enum, default_value = "amd64")]
        arch: Arch,
        /// As for build
        #[arg(long, value_enum, default_value = "best")]
        compression: Compression,
    },
    /// Tells the sizes of the artefacts and of the largest parts in them
    Sizes {
        /// Processor family of the image
        #[arg(long, value_enum, default_value = "amd64")]
        arch: Arch,
        /// Directory with the artefacts
        #[arg(long, default_value = "dist/artifacts")]
        output: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
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
        Command::Build {
            arch,
            output,
            compression,
            kubernetes,
            times,
        } => {
            let mut ctx = Context::new(*arch, *compression, output)?;
            ctx.kubernetes.clone_from(kubernetes);
            build::build(&ctx)?;
            times
                .as_ref()
                .map_or(Ok(()), |path| write_times(&ctx, path))
        }
        Command::Packages => {
            packages::USERLAND
                .iter()
                .for_each(|package| println!("{:<28} {}", package.name, package.reason));
            Ok(())
        }
        Command::VerifyReproducible { arch, compression } => reproduce::verify(*arch, *compression),
        Command::Sizes { arch, output, json } => sizes::print(*arch, output, *json),
        Command::KernelCheck { config } => kernel_check(config),
    }
}

fn write_times(ctx: &Context, path: &Path) -> Result<()> {
    let steps: serde_json::Map<String, serde_json::Value> = ctx
        .progress
        .times()
        .into_iter()
        .map(|(step, seconds)| (step, seconds.into()))
        .collect();
    let json = serde_json::json!({"steps": steps, "total": ctx.progress.total()});
    std::fs::write(path, format!("{json:#}\n"))
        .with_context(|| format!("writing {}", path.display()))
}

fn kernel_check(config: &Path) -> Result<()> {
    let text =
        std::fs::read_to_string(config).with_context(|| format!("reading {}", config.display()))?;
    let report = kernel_config::check(&text);
    println!("{report}");
    if !report.usable() {
        bail!(
            "checking {}: this kernel lacks required options",
            config.display()
        );
    }
    Ok(())
}
