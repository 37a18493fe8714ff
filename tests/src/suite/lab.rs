//! What a scenario works with: its directory, its machine, what its checks left for one another.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::accel::Accel;
use crate::disk::StateDisk;
use crate::guest::Guest;
use crate::machine::{Boot, Machine, Reserved, Spec};
use crate::native::{Lan, Node, NodeSpec};
use crate::release::{Artifacts, Release};
use crate::ssh::{Key, Ssh};

/// What all scenarios of a run share.
#[derive(Debug)]
pub struct Setup {
    /// The artefacts under test.
    pub artifacts: Artifacts,
    /// How machines run.
    pub accel: Accel,
    /// The key that machines are given.
    pub key: Key,
    dir: PathBuf,
    release: Mutex<Option<Release>>,
}

impl Setup {
    /// A run on `artifacts` with its files in `dir`.
    pub fn new(artifacts: Artifacts, accel: Accel, dir: &Path) -> Result<Self> {
        Ok(Self {
            key: Key::at(&dir.join("id"))?,
            artifacts,
            accel,
            dir: dir.to_owned(),
            release: Mutex::new(None),
        })
    }

    /// The release in the ISO, unpacked at the first call.
    pub fn release(&self) -> Result<Release> {
        let mut slot = self.release.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(release) = slot.as_ref() {
            return Ok(release.clone());
        }
        let release = self.artifacts.unpack(&self.dir.join("iso"))?;
        *slot = Some(release.clone());
        Ok(release)
    }
}

/// One scenario's things.
#[derive(Debug)]
pub struct Lab {
    /// What the run shares.
    pub setup: Arc<Setup>,
    /// The scenario's own directory.
    pub dir: PathBuf,
    /// Where the consoles' output is kept after the run.
    logs: PathBuf,
    name: &'static str,
    machine: Option<Machine>,
    node: Option<Node>,
    lan: Option<Lan>,
    boots: u32,
    /// The state disk, where the scenario has one.
    pub disk: Option<StateDisk>,
    /// A value that a later check compares with.
    pub noted: Option<String>,
}

impl Lab {
    /// An empty lab for scenario `name` below `dir`; its machines' consoles go to `logs`.
    pub fn new(setup: Arc<Setup>, name: &'static str, dir: &Path, logs: &Path) -> Result<Self> {
        let dir = dir.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        Ok(Self {
            setup,
            dir,
            logs: logs.to_owned(),
            name,
            machine: None,
            node: None,
            lan: None,
            boots: 0,
            disk: None,
            noted: None,
        })
    }

    /// A machine that boots by `boot`, offline, with free ports.
    pub fn spec(&self, boot: Boot) -> Result<Spec> {
        let ports = Reserved::any()?.release()?;
        let spec = Spec::new(self.name, boot, ports, self.setup.accel);
        Ok(spec.processor(self.setup.artifacts.processor))
    }

    /// A machine that boots kernel and initrd directly and lets the run's key in.
    pub fn direct(&self) -> Result<Spec> {
        let spec = self.spec(self.setup.artifacts.direct())?;
        Ok(spec.word("ssh_authorized_keys", &self.setup.key.public))
    }

    /// The live system, started in the same way.
    pub fn live(&self) -> Result<Spec> {
        let spec = self.direct()?.word("k3os.mode", "live");
        Ok(spec.cdrom(&self.setup.artifacts.iso()))
    }

    /// Starts `spec` in place of the machine that ran before.
    pub fn start(&mut self, spec: &Spec) -> Result<&mut Machine> {
        self.stop();
        self.boots += 1;
        let dir = self.dir.join(format!("m{}", self.boots));
        fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        Ok(self.machine.insert(Machine::start(spec, &dir, None)?))
    }

    /// The machine.
    pub fn machine(&mut self) -> Result<&mut Machine> {
        self.machine.as_mut().context("no machine was started")
    }

    /// Starts a native node, with its `/var` on `device` where there is one, in place of what ran before.
    pub fn start_native(&mut self, device: Option<PathBuf>) -> Result<&mut Node> {
        self.stop();
        self.boots += 1;
        let node = self.native_node(self.name, device, &format!("n{}", self.boots))?;
        Ok(self.node.insert(node))
    }

    /// Starts one more native node, on the same bridge as the lab's own. Kubernetes is not started on it.
    pub fn start_neighbour(&mut self, name: &str) -> Result<Node> {
        self.native_node(name, None, name)
    }

    fn native_node(&mut self, name: &str, device: Option<PathBuf>, dir: &str) -> Result<Node> {
        let spec = NodeSpec {
            name: name.to_owned(),
            squashfs: self.setup.artifacts.squashfs(),
            device,
        };
        let lan = match &mut self.lan {
            Some(lan) => lan,
            none => none.insert(Lan::new()?),
        };
        Node::start(&spec, lan, &self.dir.join(dir))
    }

    /// The native node.
    pub fn native(&mut self) -> Result<&mut Node> {
        self.node.as_mut().context("no native node was started")
    }

    /// The machine seen from inside, or the native node.
    pub fn guest(&self) -> Result<Guest> {
        if let Some(node) = &self.node {
            return Ok(node.guest());
        }
        let machine = self.machine.as_ref().context("no machine was started")?;
        let ssh = Ssh::new(machine.ports().ssh, &self.setup.key);
        let slowness = self.setup.artifacts.processor.slowness();
        let ssh = ssh.slower(slowness).watching(machine.serial.transcript());
        Ok(Guest::new(ssh))
    }

    /// What a limit is for machines of this processor; waits over ssh know it by themselves.
    pub fn patience(&self, limit: Duration) -> Duration {
        limit * self.setup.artifacts.processor.slowness()
    }

    /// Whether the machine fell to the emulator's own flaw.
    pub fn emulator_failed(&self) -> bool {
        let console = self
            .machine
            .as_ref()
            .map(|machine| machine.serial.transcript().text());
        console.is_some_and(|console| self.setup.accel.has_failed(&console))
    }

    /// The state disk.
    pub fn state_disk(&self) -> Result<&StateDisk> {
        self.disk.as_ref().context("no state disk was made")
    }

    /// Ends the machine as pulling the plug would, and keeps its console's output.
    pub fn stop(&mut self) {
        if let Some(machine) = self.machine.take() {
            let log = self.logs.join(format!("{}-{}.log", self.name, self.boots));
            // The log is for people; a test's result does not hang on it.
            let _ =
                fs::create_dir_all(&self.logs).and_then(|()| fs::copy(machine.serial_log(), log));
        }
        if let Some(node) = self.node.take() {
            let log = self.logs.join(format!("{}-{}.log", self.name, self.boots));
            let _ = fs::create_dir_all(&self.logs).and_then(|()| fs::copy(node.log_file(), log));
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A lab without artefacts worth the name.
    pub fn lab(dir: &Path) -> Lab {
        for name in ["k3os-amd64.iso", "k3os-vmlinuz-amd64", "k3os-initrd-amd64"] {
            fs::write(dir.join(name), "").unwrap();
        }
        let artifacts = Artifacts::open(dir).unwrap();
        let setup = Setup::new(artifacts, Accel::Tcg, dir).unwrap();
        Lab::new(Arc::new(setup), "lab", dir, &dir.join("logs")).unwrap()
    }

    #[test]
    fn a_lab_without_a_machine_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let mut lab = lab(dir.path());
        assert!(
            lab.machine()
                .unwrap_err()
                .to_string()
                .contains("no machine")
        );
        assert!(lab.guest().is_err());
        assert!(lab.state_disk().is_err());
    }
}
