//! A Debian for another processor, whose programs cannot run here: the packages' scripts run in one for this machine's own, and what
//! they leave in `/etc` and `/var` is the same for both.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use image_build::cache::Key;
use image_build::packages::SUITE;
use image_build::sources;

use crate::processor::Processor;

/// The other processor's files, until they are in their place.
const FETCHED: &str = "foreign.tar";
/// Puts them there, and makes the initrd.
pub const MERGE: &str = include_str!("foreign.sh");
const INIT: &str = include_str!("init.sh");
/// The initrd's shell.
const SHELL: &str = "busybox-static";

/// Adds to a key what this depends on.
pub fn inputs(key: Key, processor: Processor) -> Key {
    key.with(processor.name())
        .with(SHELL)
        .with(MERGE)
        .with(INIT)
}

/// Fetches the packages for `processor`, without running anything of them.
pub fn fetch(
    packages: &[String],
    kernel: &str,
    processor: Processor,
    folder: &Path,
) -> Result<Command> {
    let mut command = Command::new("mmdebstrap");
    command
        .args(options(packages, kernel, processor))
        .arg(SUITE)
        .arg(folder.join(FETCHED))
        .args(sources::lines()?);
    Ok(command)
}

fn options(packages: &[String], kernel: &str, processor: Processor) -> Vec<String> {
    let names = packages.join(",");
    vec![
        "--variant=extract".to_owned(),
        "--format=tar".to_owned(),
        "--skip=check/qemu".to_owned(),
        "--aptopt=Apt::Install-Recommends \"false\"".to_owned(),
        format!("--architectures={}", processor.name()),
        format!("--include={names},{SHELL},linux-image-{kernel}"),
    ]
}

/// What [`MERGE`] asks for.
pub fn environment(command: &mut Command, kernel: &str, folder: &Path) {
    command
        .env("archive", folder.join(FETCHED))
        .env("kernel", kernel)
        .env("out", folder)
        .env("init", INIT);
}

/// Removes what nobody needs any more.
pub fn clear(folder: &Path) -> std::io::Result<()> {
    std::fs::remove_file(folder.join(FETCHED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool;

    #[test]
    fn the_scripts_are_shell() {
        for script in [MERGE, INIT] {
            tool::run("sh", ["-n", "-c", script]).unwrap();
        }
    }

    #[test]
    fn the_packages_are_fetched_for_the_other_processor_with_its_kernel() {
        let options = options(&["udev".to_owned()], "6.12.1-arm64", Processor::Arm64);
        assert_eq!(
            options[4..],
            [
                "--architectures=arm64",
                "--include=udev,busybox-static,linux-image-6.12.1-arm64"
            ]
        );
    }
}
