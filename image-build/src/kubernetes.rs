//! The upstream half of the Kubernetes server, by `kubernetes/build.sh`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cache::Key;
use crate::context::Context;
use crate::run::{run, version};

/// Sources, relative to the repository; the Rust crate beside them is not among them.
const SOURCES: &[&str] = &[
    "kubernetes/build.sh",
    "kubernetes/upstream",
    "kubernetes/addons",
];
/// What `build.sh` must leave: programs by their place below /usr/libexec.
pub const RESULTS: &[(&str, &str)] = &[
    ("kubernetes", "k3os/kubernetes"),
    ("containerd-shim-runc-v2", "k3os/containerd-shim-runc-v2"),
    ("addons", "k3os/addons"),
    ("cni/bridge", "cni/bridge"),
    ("cni/firewall", "cni/firewall"),
    ("cni/host-local", "cni/host-local"),
    ("cni/loopback", "cni/loopback"),
    ("cni/portmap", "cni/portmap"),
];

/// Builds it, or takes the kept result of the same sources and compiler.
pub fn build(ctx: &Context) -> Result<PathBuf> {
    if let Some(directory) = &ctx.kubernetes {
        check(directory)?;
        return Ok(directory.clone());
    }
    let mut key = Key::new("kubernetes")
        .with(ctx.arch.name())
        .with(version(Command::new("go").arg("version"))?);
    for source in SOURCES {
        let path = ctx.repo.join(source);
        key = if path.is_dir() {
            key.with_directory(&path)?
        } else {
            key.with(std::fs::read(&path).with_context(|| format!("reading {source}"))?)
        };
    }
    ctx.cache
        .step(&ctx.progress, "kubernetes", key, |directory| {
            let mut command = Command::new("bash");
            // The build date would differ with every commit, and the result with it: the release says what it is.
            command
                .arg(ctx.repo.join("kubernetes/build.sh"))
                .arg(directory)
                .arg(ctx.arch.name())
                .env("SOURCE_DATE_EPOCH", "0");
            run(&ctx.progress, "kubernetes", &mut command)?;
            check(directory)
        })
}

fn check(directory: &Path) -> Result<()> {
    for (name, _) in RESULTS {
        anyhow::ensure!(
            directory.join(name).is_file(),
            "finding the Kubernetes programs: kubernetes/build.sh makes {name}, and {} has none",
            directory.display()
        );
    }
    Ok(())
}

/// What Go wrote into a program about its modules.
pub fn build_info(program: &Path) -> Result<String> {
    let output = Command::new("go")
        .args(["version", "-m"])
        .arg(program)
        .output()
        .context("starting go")?;
    anyhow::ensure!(
        output.status.success(),
        "reading the modules of {}: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Version of Kubernetes, from the Go module that links it.
pub fn kubernetes_version(ctx: &Context) -> Result<String> {
    let text = std::fs::read_to_string(ctx.repo.join("kubernetes/upstream/go.mod"))
        .context("reading kubernetes/upstream/go.mod")?;
    required_version(&text, "k8s.io/kubernetes")
        .context("finding the version of k8s.io/kubernetes in kubernetes/upstream/go.mod")
}

fn required_version(go_mod: &str, module: &str) -> Option<String> {
    go_mod.lines().find_map(|line| {
        let mut words = line
            .trim()
            .trim_start_matches("require ")
            .split_whitespace();
        (words.next()? == module).then(|| words.next().map(str::to_owned))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_requirement() {
        let text = "module x\nrequire (\n\tk8s.io/kubernetes-other v0.1.0\n\tk8s.io/kubernetes v1.36.3\n)\n";
        assert_eq!(
            required_version(text, "k8s.io/kubernetes").as_deref(),
            Some("v1.36.3")
        );
        assert_eq!(
            required_version(
                "require k8s.io/kubernetes v1.2.3 // indirect",
                "k8s.io/kubernetes"
            )
            .as_deref(),
            Some("v1.2.3")
        );
        assert_eq!(required_version("", "k8s.io/kubernetes"), None);
    }
}
