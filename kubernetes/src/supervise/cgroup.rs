//! A cgroup for each child, below our own when that is delegated to us (cgroup v2).

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

const MOUNT: &str = "/sys/fs/cgroup";

/// Our own cgroup, split: we are in `supervisor`, children in directories of their own.
#[derive(Debug, Clone)]
pub struct Cgroups {
    base: Option<PathBuf>,
}

impl Cgroups {
    /// Moves this process into `supervisor` below its cgroup. Where there is no cgroup of our own (a shell, cgroup v1)
    /// children stay where we are.
    ///
    /// No controller is enabled for the children: then our own cgroup may hold processes again, as it has to when we
    /// are started anew in it.
    pub fn delegated() -> Self {
        let base = own_path().filter(|base| join(base, "supervisor", std::process::id()).is_ok());
        Cgroups { base }
    }

    /// The cgroup for a child, made now.
    pub fn child(&self, name: &str) -> Option<PathBuf> {
        let path = self.base.as_ref()?.join(name);
        (path.is_dir() || fs::create_dir(&path).is_ok()).then_some(path)
    }
}

fn own_path() -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own_path_in(&text)?;
    let unified = Path::new(MOUNT).join("cgroup.controllers").exists();
    unified.then(|| Path::new(MOUNT).join(path))
}

/// The cgroup v2 path in `/proc/self/cgroup`; none for the root, which is nobody's own. After being started anew from
/// within (`…/supervisor`) the parent is meant.
fn own_path_in(proc_self_cgroup: &str) -> Option<&Path> {
    let path = proc_self_cgroup
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))?;
    let path = Path::new(path);
    let own = if path.ends_with("supervisor") {
        path.parent()?
    } else {
        path
    };
    (!own.as_os_str().is_empty()).then_some(own)
}

fn join(base: &Path, name: &str, process: u32) -> std::io::Result<()> {
    let path = base.join(name);
    if !path.is_dir() {
        fs::create_dir(&path)?;
    }
    fs::write(path.join("cgroup.procs"), process.to_string())
}

/// `k3s internal-exec CGROUP -- PROGRAM ARGS`: enters the cgroup, then becomes the program; so no process that the
/// program starts can be outside.
///
/// # Errors
/// Returns only when it failed.
pub fn enter_and_exec(args: &[OsString]) -> Result<std::convert::Infallible> {
    let [cgroup, separator, program, rest @ ..] = args else {
        return Err(anyhow!(
            "usage: k3s internal-exec CGROUP -- PROGRAM [ARGUMENT]…"
        ));
    };
    if separator != OsStr::new("--") {
        return Err(anyhow!(
            "usage: k3s internal-exec CGROUP -- PROGRAM [ARGUMENT]…"
        ));
    }
    let procs = Path::new(cgroup).join("cgroup.procs");
    fs::write(&procs, "0").with_context(|| format!("entering {}", procs.display()))?;
    Err(Command::new(program).args(rest).exec())
        .with_context(|| format!("starting {}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cgroup_is_found() {
        assert_eq!(
            own_path_in("0::/system.slice/k3s.service\n"),
            Some(Path::new("system.slice/k3s.service"))
        );
        assert_eq!(
            own_path_in("0::/system.slice/k3s.service/supervisor\n"),
            Some(Path::new("system.slice/k3s.service"))
        );
        assert_eq!(own_path_in("1:cpu:/x\n0::/\n"), None);
        assert_eq!(own_path_in("0::/supervisor\n"), None);
        assert_eq!(own_path_in("1:cpu:/x\n"), None);
    }
}
