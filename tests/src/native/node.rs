//! One native node: its root, its first process, and Kubernetes in it.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::lan::{Lan, Port};
use super::names;
use crate::guest::Guest;
use crate::machine::last_lines;
use crate::ssh::Ssh;
use crate::tool::text;

/// The scripts, which lie side by side in the node's directory.
const SCRIPTS: [(&str, &str); 3] = [
    ("start.sh", include_str!("start.sh")),
    ("node.sh", include_str!("node.sh")),
    ("enter.sh", include_str!("enter.sh")),
];
/// What node.sh says when the root is complete.
const UP: &str = "up";
/// Written by what becomes k3s; inside the node.
const PID_FILE: &str = "/run/k3s.pid";
/// What a host with control groups of version 1, and with limits of its own that must stay, needs.
const ARGUMENTS: [&str; 4] = [
    "--kubelet-arg=fail-cgroupv1=false",
    "--kube-proxy-arg=conntrack-max-per-core=0",
    "--kube-proxy-arg=conntrack-tcp-timeout-established=0s",
    "--kube-proxy-arg=conntrack-tcp-timeout-close-wait=0s",
];
/// How long the kernel may take to end all processes of a node.
const GONE: Duration = Duration::from_secs(20);
/// Pause between two looks at a process that shall end.
const LOOK: Duration = Duration::from_millis(50);

/// A node to start.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// Its host name.
    pub name: String,
    /// The release's `/usr`.
    pub squashfs: PathBuf,
    /// A block device with ext4 for `/var`; a directory of the host without one.
    pub device: Option<PathBuf>,
}

/// A signal to Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ends in order; containers stay.
    Term,
    /// Ends at once.
    Kill,
    /// What k3OS sends before it stops anything: pods end.
    Usr1,
}

/// A running node. Dropping it is pulling its plug.
#[derive(Debug)]
pub struct Node {
    directory: PathBuf,
    port: Port,
    group: String,
    /// `unshare`, the parent of the node's first process.
    holder: Child,
    init: u32,
    kubernetes: Option<Child>,
}

impl Node {
    /// Builds the root of `spec` in `directory` and starts its first process; Kubernetes is not started yet.
    pub fn start(spec: &NodeSpec, lan: &mut Lan, directory: &Path) -> Result<Self> {
        let root = directory.join("root");
        fs::create_dir_all(&root).with_context(|| format!("creating {}", root.display()))?;
        for (name, script) in SCRIPTS {
            let path = directory.join(name);
            fs::write(&path, script).with_context(|| format!("writing {}", path.display()))?;
        }
        let (port, group) = (lan.plug()?, names::fresh());
        let mut holder = hold(spec, &port, &group, directory)?;
        match first_process(&mut holder) {
            Ok(init) => Ok(Self {
                directory: directory.to_owned(),
                port,
                group,
                holder,
                init,
                kubernetes: None,
            }),
            Err(error) => {
                end(&mut holder);
                names::remove_groups(&group);
                let said = fs::read_to_string(directory.join("node.log")).unwrap_or_default();
                Err(error.context(format!("starting node {}: {}", spec.name, said.trim())))
            }
        }
    }

    /// The node seen from inside, with the same ways as a machine's.
    pub fn guest(&self) -> Guest {
        Guest::new(Ssh::into_namespaces(self.enter()))
    }

    /// The node's address on its bridge.
    pub fn address(&self) -> &str {
        &self.port.address
    }

    /// Starts `k3s ROLE`, with what this host needs before `arguments`.
    pub fn start_kubernetes(&mut self, role: &str, arguments: &[&str]) -> Result<()> {
        let log = self.log_file();
        let log = OpenOptions::new().create(true).append(true).open(&log);
        let log = log.context("opening the log of k3s")?;
        let mut words = self.enter();
        let run = format!("echo $$ >{PID_FILE}; exec k3s \"$@\"");
        words.extend(["bash".into(), "-c".into(), run, "bash".into(), role.into()]);
        words.extend(
            ARGUMENTS
                .iter()
                .chain(arguments)
                .map(|&word| word.to_owned()),
        );
        let mut command = bound(&words);
        command.stdout(log.try_clone().context("sharing the log of k3s")?);
        self.kubernetes = Some(command.stderr(log).spawn().context("starting k3s")?);
        Ok(())
    }

    /// Sends a signal to k3s.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let name = match signal {
            Signal::Term => "TERM",
            Signal::Kill => "KILL",
            Signal::Usr1 => "USR1",
        };
        let command = format!("kill -{name} $(cat {PID_FILE})");
        self.guest().root(&command).map(drop)
    }

    /// Sends a signal that ends k3s, and waits until it has.
    pub fn stop_kubernetes(&mut self, signal: Signal, limit: Duration) -> Result<()> {
        self.signal(signal)?;
        let mut child = self
            .kubernetes
            .take()
            .context("Kubernetes was not started")?;
        let deadline = Instant::now() + limit;
        while child.try_wait().context("waiting for k3s")?.is_none() {
            if Instant::now() >= deadline {
                bail!(
                    "stopping k3s by {signal:?}: still running after {} s:\n{}",
                    limit.as_secs(),
                    last_lines(&self.log(), 30)
                );
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// What k3s and its components said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Where that is kept.
    pub fn log_file(&self) -> PathBuf {
        self.directory.join("k3s.log")
    }

    /// The command line before a command that shall run inside.
    fn enter(&self) -> Vec<String> {
        let script = text(&self.directory.join("enter.sh"));
        vec![
            "sh".into(),
            script,
            self.group.clone(),
            self.init.to_string(),
        ]
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        end(&mut self.holder);
        if let Some(mut child) = self.kubernetes.take() {
            end(&mut child);
        }
        // Its mounts go with the last process, and the first one ends after all others.
        let deadline = Instant::now() + GONE;
        while Path::new(&format!("/proc/{}", self.init)).exists() && Instant::now() < deadline {
            thread::sleep(LOOK);
        }
        names::remove_groups(&self.group);
    }
}

fn hold(spec: &NodeSpec, port: &Port, group: &str, directory: &Path) -> Result<Child> {
    let log = directory.join("node.log");
    let log = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
    let mut words = vec!["sh".to_owned(), text(&directory.join("start.sh"))];
    words.extend([port.netns.clone(), group.to_owned()]);
    words.extend([text(&directory.join("root")), text(&spec.squashfs)]);
    words.push(spec.name.clone());
    words.extend(spec.device.as_deref().map(text));
    let mut command = bound(&words);
    command.stdout(Stdio::piped()).stderr(log);
    command
        .spawn()
        .context("starting setpriv (package util-linux)")
}

/// A command that ends with the harness, even when that is killed.
fn bound(words: &[String]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).args(words);
    command.stdin(Stdio::null());
    command
}

/// Waits until the root is complete; gives the process id, as the host counts, of the node's first process.
fn first_process(holder: &mut Child) -> Result<u32> {
    let stdout = holder.stdout.take().context("opening its output")?;
    let mut line = String::new();
    BufReader::new(stdout)
        .read_line(&mut line)
        .context("reading its output")?;
    if line.trim() != UP {
        bail!("its root could not be built");
    }
    let pid = holder.id();
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    children
        .trim()
        .parse()
        .with_context(|| format!("parsing '{children}' in {path}"))
}

fn end(child: &mut Child) {
    // Both fail only when it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}
