//! Our own programs, static, by cargo.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::context::{Arch, Compression, Context};
use crate::run::run;

/// Cargo packages of the image; each is one program of the same name.
pub const PACKAGES: &[&str] = &["k3os", "k3s", "pause"];

/// The folder with the built programs.
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Path of a program.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Builds them: quickly for trying a change, small for a release. Cargo knows what changed.
pub fn build(ctx: &Context, scratch: &Path) -> Result<Programs> {
    ctx.progress.timed("rust", || {
        let release = ctx.compression == Compression::Best;
        let profile = if release { "release" } else { "image" };
        let target = ctx.arch.rust_target();
        let mut command = Command::new("cargo");
        command
            .current_dir(&ctx.repo)
            .args(["build", "--target", target, "--profile", profile]);
        command.args(PACKAGES.iter().flat_map(|name| ["-p", name]));
        // A release is what the lock file says; while a dependency is being added, the file follows.
        command.args(release.then_some("--locked"));
        command
            .env("CARGO_TARGET_DIR", &ctx.target)
            .env("RUSTFLAGS", flags(ctx)?)
            .env(compiler_variable(ctx.arch), ctx.arch.musl_compiler());
        run(&ctx.progress, "rust", &mut command)?;
        copy(&ctx.target.join(target).join(profile), scratch)
    })
}

/// Names of the build machine's folders must not get into the programs.
fn flags(ctx: &Context) -> Result<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
        .context("finding cargo's folder: set CARGO_HOME")?;
    Ok(format!(
        "--remap-path-prefix={}=/cargo --remap-path-prefix={}=/k3os",
        home.display(),
        ctx.repo.display()
    ))
}

fn compiler_variable(arch: Arch) -> String {
    format!("CC_{}", arch.rust_target().replace('-', "_"))
}

/// Cargo's description of the workspace and of what it links for the image's target, as JSON.
pub fn metadata(ctx: &Context) -> Result<Vec<u8>> {
    let mut command = Command::new("cargo");
    command.current_dir(&ctx.repo).args([
        "metadata",
        "--format-version",
        "1",
        "--filter-platform",
        ctx.arch.rust_target(),
    ]);
    run(&ctx.progress, "sbom", &mut command)
}

/// Copies, so that a build that runs meanwhile does not change what is being packed.
fn copy(from: &Path, to: &Path) -> Result<Programs> {
    let folder = to.join("programs");
    std::fs::create_dir_all(&folder).context("making a folder for the programs")?;
    for name in PACKAGES {
        std::fs::copy(from.join(name), folder.join(name))
            .with_context(|| format!("copying the program {name}"))?;
    }
    Ok(Programs { folder })
}
