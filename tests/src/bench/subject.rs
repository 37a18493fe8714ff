//! A machine to measure: from its disk to the moment when all runs that was asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::guest::{Guest, POD, READY};
use crate::machine::{Boot, Machine, Reserved, Spec, last_lines};
use crate::ssh::Ssh;
use crate::suite::Setup;
use crate::tool::{self, text};

/// Size of the machines' disks.
pub const DISK_MIB: u64 = 6144;
/// The manifest of a pod that nobody's command starts, only the boot does; its place in /var.
pub const MANIFEST: &str = "lib/rancher/k3s/server/manifests/bench.yaml";

/// What is awaited before the measuring. Every look costs the machine time, so they are cheap and a second apart; that the
/// pod's container is there shows in its log's file.
const KUBERNETES: &str = "until systemctl is-active k3s.service >/dev/null && \
    ls /var/log/pods/default_bench_*/main/*.log >/dev/null 2>&1; do sleep 1; done";
const SERVICES: &str = "until systemctl is-active multi-user.target >/dev/null; do sleep 1; done";
/// Some lines of both systems for whoever has to find out why a wait was in vain.
const STATE: &str = "systemctl status k3s.service 2>&1 | tail -n 30; ls /var/log/pods 2>&1";

/// A machine to measure. All get the same processors, memory, network and kind of disk.
#[derive(Clone, Debug)]
pub struct Subject {
    /// For messages and files.
    pub name: &'static str,
    /// Kernel and initrd.
    pub boot: Boot,
    /// The disk as it is before the first boot; each boot gets a copy.
    pub disk: PathBuf,
    /// Words of the kernel's command line.
    pub words: Vec<&'static str>,
    /// Whether it runs Kubernetes.
    pub kubernetes: bool,
}

impl Subject {
    /// Boots it once with its files in `dir`, waits until everything runs, and looks.
    pub fn observe<T>(
        &self,
        setup: &Setup,
        dir: &Path,
        look: impl FnOnce(&Guest) -> Result<T>,
    ) -> Result<T> {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        let disk = dir.join("disk");
        copy(&self.disk, &disk)?;
        let spec = self.spec(setup, &disk)?;
        let machine = Machine::start(&spec, dir, None)?;
        let guest = Guest::new(Ssh::new(spec.ports.ssh, &setup.key));
        let seen = self.wait(&guest).and_then(|()| look(&guest));
        let seen = seen.with_context(|| {
            let console = machine.serial.transcript().text();
            format!(
                "booting {}, whose console ends with\n{}",
                self.name,
                last_lines(&console, 30)
            )
        });
        drop(machine);
        fs::remove_file(&disk).with_context(|| format!("removing {}", disk.display()))?;
        seen
    }

    fn spec(&self, setup: &Setup, disk: &Path) -> Result<Spec> {
        let ports = Reserved::any()?.release()?;
        let mut spec = Spec::new(self.name, self.boot.clone(), ports, setup.accel)
            .word("ssh_authorized_keys", &setup.key.public)
            .disk(disk);
        spec.cmdline
            .extend(self.words.iter().map(|&word| word.to_owned()));
        Ok(spec)
    }

    fn wait(&self, guest: &Guest) -> Result<()> {
        guest.ssh.wait(READY)?;
        if !self.kubernetes {
            return within(guest, SERVICES, READY);
        }
        within(guest, KUBERNETES, READY + POD)?;
        guest.wait_pod("bench")?;
        guest.wait_system_pods(READY)
    }
}

fn within(guest: &Guest, command: &str, limit: Duration) -> Result<()> {
    let waited = guest.root_with(command, &[], limit).map(drop);
    waited.or_else(|error| {
        let state = guest.try_root(STATE)?;
        Err(error.context(state.all()))
    })
}

/// A copy that takes no more room than what is written in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let options = ["--sparse=always".to_owned(), "--reflink=auto".to_owned()];
    tool::run("cp", options.into_iter().chain([text(from), text(to)])).map(drop)
}
