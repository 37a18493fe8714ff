//! Nodes without machines: the release's own squashfs as `/usr` of a root in Linux namespaces of the host. A node is Ready in
//! seconds. Under test are the release's programs; init, initrd and kernel are not (the host's kernel, control groups and clock are).

mod lan;
mod names;
mod node;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

pub use lan::Lan;
pub use node::{Node, NodeSpec, Signal};

use crate::tool;

/// Makes a missing ability of the host a failure: CI must not pass because it ran nothing.
const REQUIRED: &str = "K3OS_NATIVE";

/// Why this host cannot run native nodes, if it cannot. An error where it must (`K3OS_NATIVE=required`).
pub fn obstacle() -> Result<Option<String>> {
    let Err(error) = check() else {
        return Ok(None);
    };
    if std::env::var(REQUIRED).is_ok_and(|value| value == "required") {
        return Err(error.context(format!("{REQUIRED}=required, and this host cannot")));
    }
    Ok(Some(format!("{error:#}")))
}

fn check() -> Result<()> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "native nodes need root for their namespaces"
    );
    let known = fs::read_to_string("/proc/filesystems").context("reading /proc/filesystems")?;
    for kind in ["squashfs", "overlay", "ext4"] {
        let is_known = known.lines().any(|line| line.ends_with(kind));
        ensure!(is_known, "this kernel has no {kind}");
    }
    if !Path::new("/sys/fs/cgroup/memory/tasks").exists() {
        bail!("native nodes need control groups of version 1 in /sys/fs/cgroup");
    }
    let namespaces = [
        "-n", "-m", "-p", "-f", "-u", "-i", "-C", "mount", "-t", "tmpfs", "tmpfs", "/mnt",
    ];
    tool::run("unshare", namespaces).map(drop)
}
