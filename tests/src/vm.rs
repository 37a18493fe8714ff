//! A machine to use: boots the live ISO, shows its console, and says how to work with it once the node is Ready.

use std::fs::{self, OpenOptions};
use std::io::{Write, stdout};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::accel::Accel;
use crate::guest::{Guest, READY};
use crate::machine::{Boot, Machine, Net, Ports, Reserved, Spec};
use crate::processor::Processor;
use crate::release::Artifacts;
use crate::ssh::{Key, Ssh};
use crate::suite::cache_dir;
use crate::terminal::{self, Raw};

/// Ports that are easy to remember; others where they are taken.
const SSH_PORT: u16 = 2222;
const API_PORT: u16 = 16443;
/// The server's address in the machine's own kubeconfig.
const INSIDE: &str = "https://127.0.0.1:6443";
const LOOK: Duration = Duration::from_millis(200);

/// What the user asked for.
#[derive(Debug)]
pub struct Options {
    /// The artefacts' directory.
    pub artifacts: PathBuf,
    /// End with the machine once the node is Ready.
    pub until_ready: bool,
    /// UEFI in place of BIOS.
    pub uefi: bool,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Virtual processors.
    pub cpus: u32,
}

/// What happens while the machine runs.
enum News {
    /// The node is Ready; the text says how to use it.
    Ready(Result<String>),
    /// The user pressed Ctrl-].
    Left,
}

/// Boots the machine and stays until it or the user ends it.
pub fn run(options: &Options) -> Result<()> {
    let artifacts = Artifacts::open(&options.artifacts)?;
    let place = cache_dir()?.join("vm");
    fs::create_dir_all(&place).with_context(|| format!("creating {}", place.display()))?;
    let key = Key::at(&place.join("id_ed25519"))?;
    let dir = tempfile::Builder::new().prefix("vm").tempdir_in(&place)?;
    let iso = medium(&artifacts, &key, dir.path())?;
    let accel = Accel::detect(&artifacts.kernel())?;
    let spec = spec(options, artifacts.processor, accel, &iso)?;
    announce(&spec);
    let raw = Raw::enter()?;
    let machine = Machine::start(&spec, dir.path(), Some(Box::new(stdout())))?;
    let (sender, news) = channel();
    if raw.is_some() {
        let sender = sender.clone();
        let left = move || drop(sender.send(News::Left));
        terminal::forward_keys(machine.serial.keyboard()?, left);
    }
    let kubeconfig = kubeconfig_path(&options.artifacts);
    watch(
        Ssh::new(spec.ports.ssh, &key).slower(spec.processor.slowness()),
        spec.ports,
        kubeconfig,
        sender,
    );
    stay(machine, &news, options.until_ready)
}

/// The ISO with our key on it: in live mode that is the way in for ssh.
fn medium(artifacts: &Artifacts, key: &Key, dir: &Path) -> Result<PathBuf> {
    let text = format!("ssh_authorized_keys:\n- {}\n", key.public);
    let iso = dir.join("k3os.iso");
    artifacts.remaster(&text, &iso)?;
    Ok(iso)
}

fn spec(options: &Options, processor: Processor, accel: Accel, iso: &Path) -> Result<Spec> {
    let has_bios = processor.has_bios();
    let boot = if options.uefi || !has_bios {
        Boot::Uefi
    } else {
        Boot::Bios
    };
    let ports = Reserved::near(SSH_PORT, API_PORT)?.release()?;
    let mut spec = Spec::new("k3os", boot, ports, accel)
        .processor(processor)
        .cdrom(iso)
        .net(Net::Online);
    spec.memory_mib = options.memory_mib;
    spec.cpus = options.cpus;
    Ok(spec)
}

fn announce(spec: &Spec) {
    let speed = match spec.accel {
        Accel::Kvm => "KVM",
        Accel::Tcg => "TCG: KVM cannot be used here, so everything takes several times longer",
    };
    println!(
        "Booting the live ISO ({:?}) with {} processors and {} MiB on {speed}. Ctrl-] ends it.\n",
        spec.boot, spec.cpus, spec.memory_mib
    );
}

fn kubeconfig_path(artifacts: &Path) -> PathBuf {
    artifacts.parent().unwrap_or(artifacts).join("kubeconfig")
}

fn watch(ssh: Ssh, ports: Ports, kubeconfig: PathBuf, sender: Sender<News>) {
    thread::spawn(move || {
        let text = when_ready(&Guest::new(ssh), ports, &kubeconfig);
        // Nobody listens any more when the user left before.
        let _ = sender.send(News::Ready(text));
    });
}

fn when_ready(guest: &Guest, ports: Ports, kubeconfig: &Path) -> Result<String> {
    guest.ssh.wait(READY)?;
    guest.wait_ready(READY)?;
    guest.wait_system_pods(READY)?;
    let inside = guest.root("cat /etc/rancher/k3s/k3s.yaml")?;
    write_private(kubeconfig, &outside(&inside, ports.api))?;
    let listing = guest.kubectl("get nodes,pods -A")?;
    Ok(format!(
        "\n{listing}\n\
         Log in:       here as rancher, without a password\n\
         or by ssh:    {}\n\
         The cluster:  kubectl --kubeconfig {} get nodes   (https://127.0.0.1:{})\n\
         To end it:    Ctrl-]  or  sudo poweroff\n",
        guest.ssh.login_line()?,
        kubeconfig.display(),
        ports.api
    ))
}

/// The kubeconfig for the other side of the forwarded port; the certificate is valid for 127.0.0.1.
fn outside(inside: &str, port: u16) -> String {
    inside.replace(INSIDE, &format!("https://127.0.0.1:{port}"))
}

fn write_private(path: &Path, content: &str) -> Result<()> {
    let writing = || format!("writing {}", path.display());
    // A file left by an earlier run keeps its mode otherwise.
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(writing)?;
    file.write_all(content.as_bytes()).with_context(writing)
}

fn stay(mut machine: Machine, news: &Receiver<News>, until_ready: bool) -> Result<()> {
    let mut ready = false;
    loop {
        match news.recv_timeout(LOOK) {
            Ok(News::Left) => return Ok(()),
            Ok(News::Ready(text)) => {
                println!("{}", text?);
                ready = true;
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Without a terminal nobody can leave: the machine's end is awaited.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK),
        }
        if ready && until_ready {
            return Ok(());
        }
        if machine.has_ended() {
            return ended(ready, until_ready);
        }
    }
}

/// Somebody may power the machine off early; only who waits for a Ready node has been let down.
fn ended(ready: bool, until_ready: bool) -> Result<()> {
    match (ready, until_ready) {
        (true, _) => {}
        (false, true) => bail!("booting the ISO: the machine ended before the node was Ready"),
        (false, false) => println!("\nThe machine has ended; the node was not Ready yet."),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_kubeconfig_points_at_the_forwarded_port() {
        let inside = "    server: https://127.0.0.1:6443\n  name: default\n";
        assert_eq!(
            outside(inside, 16443),
            "    server: https://127.0.0.1:16443\n  name: default\n"
        );
    }

    #[test]
    fn the_kubeconfig_is_private_even_over_an_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kubeconfig");
        fs::write(&path, "old").unwrap();
        write_private(&path, "new").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn a_machine_that_ends_early_is_a_failure_where_ready_is_awaited() {
        assert!(ended(false, true).is_err());
        assert!(ended(false, false).is_ok());
        assert!(ended(true, true).is_ok());
    }
}
