//! Debian's root with systemd and what the image takes from Debian, made by mmdebstrap and kept in the cache.

mod foreign;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use image_build::cache::{Cache, Key};
use image_build::packages::{SUITE, USERLAND};
use image_build::progress::Progress;
use image_build::{run, sources};

use crate::mmdebstrap;
use crate::processor::Processor;

/// The step's name in the cache.
const STEP: &str = "reference";
const ARCHIVE: &str = "root.tar";

/// Packages of the image that Debian with systemd has no use for.
const LEFT_OUT: [&str; 2] = [
    // Debian's own unit starts it at every boot, the image only where there is WiFi to set up.
    "iwd",
    // Stands in for systemd.
    "systemd-standalone-sysusers",
];
/// What Debian with systemd has besides.
const ADDED: [&str; 2] = ["systemd-sysv", "dbus"];
/// What makes its initrd.
const INITRD_MAKER: &str = "initramfs-tools";
/// Makes the user of the tests.
const USER_HOOK: &str = r#"chroot "$1" useradd --create-home --shell /bin/bash rancher"#;

/// A directory of the cache.
#[derive(Clone, Debug)]
pub struct Root {
    directory: PathBuf,
    kernel: String,
}

impl Root {
    /// The root for `processor` with Debian's kernel `kernel` (as `uname -r` names it): the kept one, or a new one.
    pub fn prepare(kernel: &str, processor: Processor) -> Result<Self> {
        let key = key(kernel, processor);
        let progress = Progress::new();
        let directory = Cache::open()?
            .step(&progress, STEP, key, |directory| {
                let what = format!("making Debian {SUITE} with systemd, the reference");
                progress.say(STEP, &what);
                match processor {
                    Processor::Amd64 => native(&progress, kernel, directory),
                    Processor::Arm64 => translated(&progress, kernel, processor, directory),
                }
            })
            .with_context(|| {
                format!("making Debian with kernel {kernel} (does the mirror still have it? a new image takes the newest)")
            })?;
        Ok(Self {
            directory,
            kernel: kernel.to_owned(),
        })
    }

    /// All files as an uncompressed tar archive.
    pub fn archive(&self) -> PathBuf {
        self.directory.join(ARCHIVE)
    }

    /// A Raspberry Pi's device tree; only of a Debian for arm64.
    pub fn device_tree(&self) -> PathBuf {
        self.directory.join(foreign::DEVICE_TREE)
    }

    /// The initrd that Debian made.
    pub fn initrd(&self) -> PathBuf {
        self.directory.join(initrd_name(&self.kernel))
    }
}

fn initrd_name(kernel: &str) -> String {
    format!("initrd.img-{kernel}")
}

fn key(kernel: &str, processor: Processor) -> Key {
    let key = Key::new(STEP)
        .with(SUITE)
        .with(bootable(kernel).join(","))
        .with(USER_HOOK)
        .with(sources::chosen_mirror().unwrap_or_default());
    match processor {
        Processor::Amd64 => key,
        Processor::Arm64 => foreign::inputs(key, processor),
    }
}

/// The system without a kernel.
fn packages() -> Vec<String> {
    let names = USERLAND.iter().map(|package| package.name);
    names
        .filter(|name| !LEFT_OUT.contains(name))
        .chain(ADDED)
        .map(str::to_owned)
        .collect()
}

/// The same with a kernel and what makes its initrd.
fn bootable(kernel: &str) -> Vec<String> {
    let mut packages = packages();
    packages.push(INITRD_MAKER.to_owned());
    packages.push(format!("linux-image-{kernel}"));
    packages
}

/// For this machine's own processor: Debian does everything.
fn native(progress: &Progress, kernel: &str, directory: &Path) -> Result<()> {
    let (name, target) = (initrd_name(kernel), directory.display());
    let copy = format!("copy-out /boot/{name} {target}");
    let mut command = command(&bootable(kernel), &copy, directory)?;
    run::run(progress, STEP, &mut command).map(drop)
}

/// For another one.
fn translated(
    progress: &Progress,
    kernel: &str,
    processor: Processor,
    directory: &Path,
) -> Result<()> {
    let packages = packages();
    let mut fetch = foreign::fetch(&packages, kernel, processor, directory)?;
    run::run(progress, STEP, &mut fetch)?;
    let mut command = command(&packages, foreign::MERGE, directory)?;
    foreign::environment(&mut command, kernel, directory);
    run::run(progress, STEP, &mut command)?;
    foreign::clear(directory).context("removing what was fetched")
}

/// `hook` is what comes last in the new root.
fn command(packages: &[String], hook: &str, directory: &Path) -> Result<Command> {
    let root = mmdebstrap::Root {
        options: vec!["--variant=minbase".to_owned()],
        packages: packages.join(","),
        hooks: [USER_HOOK, hook].map(str::to_owned).into(),
    };
    root.command(&directory.join(ARCHIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_systemd_our_kernel_and_what_kubernetes_needs() {
        let packages = bootable("6.12.1-amd64");
        let has = |name: &str| packages.iter().any(|package| package == name);
        assert!(has("systemd-sysv") && has("linux-image-6.12.1-amd64"));
        assert!(has("runc") && has("nftables") && has("connman") && has("openssh-server"));
        assert!(!has("systemd-standalone-sysusers") && !has("iwd"));
    }

    #[test]
    fn each_processor_has_a_root_of_its_own() {
        let of = |processor| key("6.12.1", processor).text();
        assert_ne!(of(Processor::Amd64), of(Processor::Arm64));
    }
}
