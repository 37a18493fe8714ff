//! Debian's root with systemd and what the image takes from Debian, made by mmdebstrap and kept in the cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use image_build::cache::{Cache, Key};
use image_build::packages::{SUITE, USERLAND};
use image_build::progress::Progress;
use image_build::{run, sources};

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
const ADDED: [&str; 3] = ["systemd-sysv", "dbus", "initramfs-tools"];
/// Makes the user of the tests.
const USER_HOOK: &str = r#"chroot "$1" useradd --create-home --shell /bin/bash rancher"#;

/// A folder of the cache.
#[derive(Clone, Debug)]
pub struct Root {
    folder: PathBuf,
    kernel: String,
}

impl Root {
    /// The root with Debian's kernel `kernel` (as `uname -r` names it): the kept one, or a new one.
    pub fn prepare(kernel: &str) -> Result<Self> {
        let packages = packages(kernel);
        let key = Key::new(STEP)
            .with(SUITE)
            .with(packages.join(","))
            .with(USER_HOOK)
            .with(sources::chosen_mirror().unwrap_or_default());
        let progress = Progress::new();
        let folder = Cache::open()?
            .step(&progress, STEP, key, |folder| {
                let what = format!("making Debian {SUITE} with systemd, the reference");
                progress.say(STEP, &what);
                let mut command = command(&packages, kernel, folder)?;
                run::run(&progress, STEP, &mut command).map(drop)
            })
            .with_context(|| {
                format!("making Debian with kernel {kernel} (does the mirror still have it? a new image takes the newest)")
            })?;
        Ok(Self {
            folder,
            kernel: kernel.to_owned(),
        })
    }

    /// All files as an uncompressed tar archive.
    pub fn archive(&self) -> PathBuf {
        self.folder.join(ARCHIVE)
    }

    /// The initrd that Debian made.
    pub fn initrd(&self) -> PathBuf {
        self.folder.join(initrd_name(&self.kernel))
    }
}

fn initrd_name(kernel: &str) -> String {
    format!("initrd.img-{kernel}")
}

fn packages(kernel: &str) -> Vec<String> {
    let names = USERLAND.iter().map(|package| package.name);
    let mut packages: Vec<String> = names
        .filter(|name| !LEFT_OUT.contains(name))
        .chain(ADDED)
        .map(str::to_owned)
        .collect();
    packages.push(format!("linux-image-{kernel}"));
    packages
}

fn command(packages: &[String], kernel: &str, folder: &Path) -> Result<Command> {
    let copy = format!(
        "--customize-hook=copy-out /boot/{} {}",
        initrd_name(kernel),
        folder.display()
    );
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--variant=minbase", "--format=tar"])
        .arg("--aptopt=Apt::Install-Recommends \"false\"")
        .arg(format!("--include={}", packages.join(",")))
        .arg(format!("--customize-hook={USER_HOOK}"))
        .arg(copy)
        .arg(SUITE)
        .arg(folder.join(ARCHIVE))
        .args(sources::lines()?);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_systemd_our_kernel_and_what_kubernetes_needs() {
        let packages = packages("6.12.1-amd64");
        let has = |name: &str| packages.iter().any(|package| package == name);
        assert!(has("systemd-sysv") && has("linux-image-6.12.1-amd64"));
        assert!(has("runc") && has("nftables") && has("connman") && has("openssh-server"));
        assert!(!has("systemd-standalone-sysusers") && !has("iwd"));
    }
}
