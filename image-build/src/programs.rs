//! Our own programs, static, by cargo.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::arch::Arch;
use crate::context::{Compression, Context};
use crate::run::run;

/// Cargo packages of the image; each is one program of the same name.
pub const PACKAGES: &[&str] = &["k3os", "k3s", "pause"];

/// The initrd's `/init` among the built programs: `k3os` with the first stage alone, a quarter of the whole. The kernel
/// unpacks it at every boot.
pub const FIRST_STAGE: &str = "k3os-first-stage";

/// The directory with the built programs.
pub struct Programs {
    directory: PathBuf,
}

impl Programs {
    /// Path of a program.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Builds them: quickly for trying a change, small for a release. Cargo knows what changed.
pub fn build(ctx: &Context, scratch: &Path) -> Result<Programs> {
    ctx.progress.timed("rust", || {
        let directory = scratch.join("programs");
        std::fs::create_dir_all(&directory).context("making a directory for the programs")?;
        // Both builds put a `k3os` at the same place, so each is copied at once.
        for variant in VARIANTS {
            cargo(ctx, variant)?;
            copy(ctx, variant, &directory)?;
        }
        Ok(Programs { directory })
    })
}

/// Programs that are built together: cargo's features are those of all packages of one call.
struct Variant {
    packages: &'static [&'static str],
    features: &'static [&'static str],
    /// The names under which they are kept, in the packages' order.
    names: &'static [&'static str],
}

const VARIANTS: &[Variant] = &[
    Variant {
        packages: PACKAGES,
        features: &[],
        names: PACKAGES,
    },
    Variant {
        packages: &["k3os"],
        features: &["--no-default-features"],
        names: &[FIRST_STAGE],
    },
];

fn cargo(ctx: &Context, variant: &Variant) -> Result<()> {
    let mut command = Command::new("cargo");
    command
        .current_dir(&ctx.repo)
        .args(arguments(variant, ctx.arch, profile(ctx.compression)))
        .env("CARGO_TARGET_DIR", &ctx.target)
        .env("RUSTFLAGS", flags(ctx)?)
        .env(compiler_variable(ctx.arch), ctx.arch.c_compiler());
    if let Some(linker) = ctx.arch.linker() {
        command.env(linker_variable(ctx.arch), linker);
    }
    run(&ctx.progress, "rust", &mut command).map(drop)
}

fn profile(compression: Compression) -> &'static str {
    match compression {
        Compression::Best => "release",
        Compression::Fast => "image",
    }
}

/// An image is what the lock file says, whatever came out upstream meanwhile.
fn arguments(variant: &Variant, arch: Arch, profile: &'static str) -> Vec<&'static str> {
    let target = arch.rust_target();
    let mut words = vec![
        "build",
        "--locked",
        "--target",
        target,
        "--profile",
        profile,
    ];
    words.extend(variant.packages.iter().flat_map(|name| ["-p", name]));
    words.extend(variant.features);
    words
}

/// Names of the build machine's directories must not get into the programs.
fn flags(ctx: &Context) -> Result<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
        .context("finding cargo's directory: set CARGO_HOME")?;
    Ok(format!(
        "--remap-path-prefix={}=/cargo --remap-path-prefix={}=/k3os",
        home.display(),
        ctx.repo.display()
    ))
}

fn compiler_variable(arch: Arch) -> String {
    format!("CC_{}", arch.rust_target().replace('-', "_"))
}

fn linker_variable(arch: Arch) -> String {
    let target = arch.rust_target().replace('-', "_").to_uppercase();
    format!("CARGO_TARGET_{target}_LINKER")
}

/// Cargo's description of the workspace and of what it links for the image's target, as JSON.
pub fn metadata(ctx: &Context) -> Result<Vec<u8>> {
    let mut command = Command::new("cargo");
    command.current_dir(&ctx.repo).args([
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        ctx.arch.rust_target(),
    ]);
    run(&ctx.progress, "sbom", &mut command)
}

/// Copies, so that a build that runs meanwhile does not change what is being packed.
fn copy(ctx: &Context, variant: &Variant, directory: &Path) -> Result<()> {
    let target = ctx.target.join(ctx.arch.rust_target());
    let built = target.join(profile(ctx.compression));
    for (package, name) in variant.packages.iter().zip(variant.names) {
        std::fs::copy(built.join(package), directory.join(name))
            .with_context(|| format!("copying the program {name}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_kept_under_a_name_of_its_own() {
        let names: Vec<_> = VARIANTS.iter().flat_map(|variant| variant.names).collect();
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
        for variant in VARIANTS {
            assert_eq!(variant.packages.len(), variant.names.len());
        }
    }

    #[test]
    fn a_foreign_target_names_its_tools_as_cargo_and_cc_ask_for_them() {
        assert_eq!(
            linker_variable(Arch::Arm64),
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER"
        );
        assert_eq!(
            compiler_variable(Arch::Arm64),
            "CC_aarch64_unknown_linux_musl"
        );
    }

    #[test]
    fn only_the_first_stage_is_built_without_the_rest() {
        let words = |variant| arguments(variant, Arch::Amd64, "image").join(" ");
        let start = "build --locked --target x86_64-unknown-linux-musl --profile image";
        let [all, first_stage] = VARIANTS else {
            panic!("there are two variants");
        };
        assert_eq!(words(all), format!("{start} -p k3os -p k3s -p pause"));
        assert_eq!(
            words(first_stage),
            format!("{start} -p k3os --no-default-features")
        );
    }
}
