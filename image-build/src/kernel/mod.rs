//! Debian's kernel: image, configuration, and the modules that the image keeps, indexed by depmod.

pub mod index;
mod trim;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::archive::read_tar;
use crate::cache::Key;
use crate::context::Context;
use crate::debian;
use crate::packages;
use crate::run::run;
use crate::tools::Tools;
use crate::tree::{Tree, from_directory};

/// This step's own text, as an input of its result.
const SOURCES: [&str; 3] = [
    include_str!("mod.rs"),
    include_str!("trim.rs"),
    include_str!("index.rs"),
];

/// A prepared kernel: a directory with `vmlinuz`, `config`, `version` and `usr/lib/modules/<version>`.
#[derive(Clone)]
pub struct Kernel {
    directory: PathBuf,
    /// `uname -r`, e.g. `6.12.117+deb13-amd64`.
    pub version: String,
    /// What was fetched, for the bill of materials.
    pub packages: PathBuf,
}

impl Kernel {
    /// The compressed kernel image.
    pub fn vmlinuz(&self) -> PathBuf {
        self.directory.join("vmlinuz")
    }

    /// A static busybox of the same release.
    pub fn busybox(&self) -> PathBuf {
        self.directory.join("busybox")
    }

    /// A static e2fsck of the same release.
    pub fn e2fsck(&self) -> PathBuf {
        self.directory.join("e2fsck")
    }

    /// The modules with their index, as `lib/modules/<version>/…` below /usr.
    pub fn modules(&self) -> Result<Tree> {
        let mut tree = Tree::default();
        tree.merge(from_directory(&self.directory.join("usr"))?);
        Ok(tree)
    }

    /// Hash of what it was made from.
    pub fn identity(&self) -> std::borrow::Cow<'_, str> {
        self.directory.to_string_lossy()
    }

    /// The directory of the modules on the build machine.
    pub fn modules_directory(&self) -> PathBuf {
        self.directory.join("usr/lib/modules").join(&self.version)
    }
}

/// Fetches, checks, trims and indexes the kernel.
pub fn prepare(ctx: &Context, tools: &Tools) -> Result<Kernel> {
    let arch = ctx.arch.name();
    let fetched = debian::fetch(
        ctx,
        "kernel-fetch",
        &packages::kernel(ctx.arch.kernel_package()),
        arch,
    )?;
    let key = Key::new("kernel")
        .with(fetched.to_string_lossy().as_bytes())
        .with(SOURCES.concat());
    let directory = ctx.cache.step(&ctx.progress, "kernel", key, |directory| {
        build(ctx, tools, &fetched, directory)
    })?;
    let version = std::fs::read_to_string(directory.join("version"))
        .context("reading the kernel's version")?;
    Ok(Kernel {
        directory,
        version,
        packages: fetched.join(debian::LIST),
    })
}

fn build(ctx: &Context, tools: &Tools, fetched: &Path, directory: &Path) -> Result<()> {
    let root = read_tar(&fetched.join(debian::ARCHIVE))?;
    let version = version_of(&root)?;
    let config = root.text(&format!("boot/config-{version}"))?;
    check(ctx, &config)?;
    std::fs::write(directory.join("config"), &config)
        .context("writing the kernel's configuration")?;
    std::fs::write(directory.join("version"), &version).context("writing the kernel's version")?;
    std::fs::write(
        directory.join("vmlinuz"),
        root.read(&format!("boot/vmlinuz-{version}"))?,
    )
    .context("writing the kernel")?;
    for (name, path) in [
        ("busybox", "usr/bin/busybox"),
        ("e2fsck", "usr/sbin/e2fsck.static"),
    ] {
        std::fs::write(directory.join(name), root.read(path)?)
            .with_context(|| format!("writing {name}"))?;
    }
    let modules = directory.join("usr/lib/modules").join(&version);
    unpack(&root.below(&format!("usr/lib/modules/{version}")), &modules)?;
    depmod(ctx, tools, directory, &version)?;
    let dropped = trim::trim(&modules)?;
    ctx.progress.say(
        "kernel",
        &format!(
            "{version}: left out {} modules, {} of them because they need another one of these",
            dropped.named + dropped.dependent,
            dropped.dependent
        ),
    );
    depmod(ctx, tools, directory, &version)
}

/// The one kernel in /boot.
fn version_of(root: &Tree) -> Result<String> {
    let mut versions = root
        .files_below("boot")
        .filter_map(|(path, _)| path.strip_prefix("boot/vmlinuz-"));
    match (versions.next(), versions.next()) {
        (Some(version), None) => Ok(version.to_owned()),
        _ => bail!("finding the kernel: the packages do not hold exactly one /boot/vmlinuz-…"),
    }
}

/// Refuses a kernel that lacks a required option.
fn check(ctx: &Context, config: &str) -> Result<()> {
    let report = kernel_config::check(config);
    for missing in report.missing(kernel_config::Need::Recommended) {
        ctx.progress.say("kernel", &missing.to_string());
    }
    let required: Vec<String> = report
        .missing(kernel_config::Need::Required)
        .map(|missing| missing.to_string())
        .collect();
    if !required.is_empty() {
        bail!(
            "checking the kernel's configuration: {}",
            required.join("; ")
        );
    }
    Ok(())
}

fn unpack(modules: &Tree, directory: &Path) -> Result<()> {
    for (path, content) in modules
        .iter()
        .filter_map(|(path, entry)| match &entry.node {
            crate::tree::Node::File(content) => Some((path, content)),
            _ => None,
        })
    {
        let target = directory.join(path);
        std::fs::create_dir_all(target.parent().unwrap_or(directory))
            .with_context(|| format!("unpacking {path}"))?;
        std::fs::write(&target, content.read()?).with_context(|| format!("unpacking {path}"))?;
    }
    Ok(())
}

fn depmod(ctx: &Context, tools: &Tools, directory: &Path, version: &str) -> Result<()> {
    let mut command = tools.command("depmod");
    command
        .arg("-b")
        .arg(directory)
        .args(["-m", "/usr/lib/modules", "-w", version]);
    run(&ctx.progress, "kernel", &mut command)
        .map(|_| ())
        .context("indexing the kernel's modules")
}
