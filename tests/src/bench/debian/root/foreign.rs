//! A Debian for another processor, whose programs cannot run here: the packages' scripts run in one for this machine's own, and what
//! they leave in `/etc` and `/var` is the same for both.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use image_build::cache::Key;

use crate::mmdebstrap::Root;
use crate::processor::Processor;

/// The other processor's files, until they are in their place.
const FETCHED: &str = "foreign.tar";
/// Puts them there, and makes the initrd.
pub const MERGE: &str = include_str!("foreign.sh");
const INIT: &str = include_str!("init.sh");
/// Of the kernel's package: QEMU's Raspberry Pi.
pub const DEVICE_TREE: &str = "bcm2837-rpi-3-b.dtb";
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
    directory: &Path,
) -> Result<Command> {
    root(packages, kernel, processor).command(&directory.join(FETCHED))
}

fn root(packages: &[String], kernel: &str, processor: Processor) -> Root {
    let names = packages.join(",");
    let processor = format!("--architectures={}", processor.name());
    Root {
        options: vec![
            "--variant=extract".to_owned(),
            "--skip=check/qemu".to_owned(),
            processor,
        ],
        packages: format!("{names},{SHELL},linux-image-{kernel}"),
        hooks: Vec::new(),
    }
}

/// What [`MERGE`] asks for.
pub fn environment(command: &mut Command, kernel: &str, directory: &Path) {
    command
        .env("archive", directory.join(FETCHED))
        .env("kernel", kernel)
        .env("device_tree", DEVICE_TREE)
        .env("out", directory)
        .env("init", INIT);
}

/// Removes what nobody needs any more.
pub fn clear(directory: &Path) -> std::io::Result<()> {
    std::fs::remove_file(directory.join(FETCHED))
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
        let root = root(&["udev".to_owned()], "6.12.1-arm64", Processor::Arm64);
        assert_eq!(root.options[2], "--architectures=arm64");
        let packages = "udev,busybox-static,linux-image-6.12.1-arm64";
        assert_eq!(root.packages, packages);
    }
}
