//! Running commands in a machine over ssh.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::machine::Transcript;
use crate::tool::{self, text};

/// Pause between two attempts while the machine boots.
const RETRY: Duration = Duration::from_millis(500);
/// The longest a command may take unless said otherwise.
const LIMIT: Duration = Duration::from_secs(120);

/// The longest a server may take until it answers.
const CONNECT: Duration = Duration::from_secs(15);

/// A key pair in files.
#[derive(Clone, Debug)]
pub struct Key {
    private: PathBuf,
    /// The line for authorized_keys.
    pub public: String,
}

impl Key {
    /// The pair at `path`, made if it is not there.
    pub fn at(path: &Path) -> Result<Self> {
        if !path.exists() {
            let file = text(path);
            tool::run(
                "ssh-keygen",
                [
                    "-q",
                    "-t",
                    "ed25519",
                    "-N",
                    "",
                    "-C",
                    "k3os-tests",
                    "-f",
                    &file,
                ],
            )?;
        }
        let public = path.with_extension("pub");
        let line = std::fs::read_to_string(&public)
            .with_context(|| format!("reading {}", public.display()))?;
        Ok(Self {
            private: path.to_owned(),
            public: line.trim().to_owned(),
        })
    }
}

/// A way into one machine, or into a native node, where no ssh is needed: what is asked and how long is waited is the same.
#[derive(Clone, Debug)]
pub struct Ssh {
    way: Way,
    console: Option<Arc<Transcript>>,
    slowness: u32,
}

#[derive(Clone, Debug)]
enum Way {
    /// The forwarded port, and the private key.
    Port(u16, PathBuf),
    /// The host's command line that runs the words behind it in the node.
    Namespaces(Vec<String>),
}

/// What a command said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its exit status; 255 is ssh's own failure, 124 the time limit.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output and error together, for messages that may be on either.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl Ssh {
    /// Through the forwarded `port` as user rancher.
    pub fn new(port: u16, key: &Key) -> Self {
        Self::by(Way::Port(port, key.private.clone()))
    }

    /// Into a native node as root: `enter` is the command line that runs the words behind it there.
    pub fn into_namespaces(enter: Vec<String>) -> Self {
        Self::by(Way::Namespaces(enter))
    }

    fn by(way: Way) -> Self {
        Self {
            way,
            console: None,
            slowness: 1,
        }
    }

    /// The same login; its waits end when `console` says that the machine is lost.
    pub fn watching(mut self, console: &Arc<Transcript>) -> Self {
        self.console = Some(Arc::clone(console));
        self
    }

    /// Makes every limit so many times as long.
    pub fn slower(self, slowness: u32) -> Self {
        Self { slowness, ..self }
    }

    /// What a limit is for this machine.
    pub fn patience(&self, limit: Duration) -> Duration {
        limit * self.slowness
    }

    /// Runs a shell command.
    pub fn run(&self, command: &str) -> Result<Output> {
        self.run_with(command, &[], LIMIT)
    }

    /// Runs a shell command with standard input and a time limit.
    pub fn run_with(&self, command: &str, input: &[u8], limit: Duration) -> Result<Output> {
        self.run_within(command, input, self.patience(limit))
    }

    fn run_within(&self, command: &str, input: &[u8], limit: Duration) -> Result<Output> {
        let mut child = self
            .runner(command, limit)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting ssh (package openssh-client)")?;
        let mut stdin = child.stdin.take().context("opening ssh's standard input")?;
        thread::scope(|scope| {
            // A command that does not read its input closes the pipe; its status tells what happened.
            scope.spawn(move || stdin.write_all(input).is_ok());
            let output = child.wait_with_output().context("waiting for ssh")?;
            Ok(Output {
                status: output.status.code().unwrap_or(-1),
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            })
        })
    }

    /// Runs a command that must succeed and returns its standard output.
    pub fn check(&self, command: &str) -> Result<String> {
        self.check_with(command, &[], LIMIT)
    }

    /// The same with standard input and a time limit.
    pub fn check_with(&self, command: &str, input: &[u8], limit: Duration) -> Result<String> {
        let output = self.run_with(command, input, limit)?;
        if output.status != 0 {
            bail!(
                "running '{command}' in the machine: status {}: {}",
                output.status,
                output.all().trim()
            );
        }
        Ok(output.stdout)
    }

    /// Waits until a login works.
    pub fn wait(&self, limit: Duration) -> Result<()> {
        self.wait_for("true", limit)
            .context("logging in by ssh")
            .map(drop)
    }

    /// Repeats `command` until it succeeds; for what gives no notice. Returns its standard output.
    pub fn wait_for(&self, command: &str, limit: Duration) -> Result<String> {
        let limit = self.patience(limit);
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let output = self.run_within(command, &[], left.max(RETRY))?;
            if output.status == 0 {
                return Ok(output.stdout);
            }
            if let Some(end) = self.console.as_ref().and_then(|console| console.end()) {
                bail!("waiting for '{command}' in the machine: {end}");
            }
            if Instant::now() >= deadline {
                bail!(
                    "waiting for '{command}' in the machine: not so after {} s: status {}: {}",
                    limit.as_secs(),
                    output.status,
                    output.all().trim()
                );
            }
            thread::sleep(RETRY);
        }
    }

    fn runner(&self, command: &str, limit: Duration) -> Command {
        match &self.way {
            Way::Port(port, key) => {
                let mut runner = self.client(*port, key, limit);
                runner.args(["rancher@127.0.0.1", command]);
                runner
            }
            Way::Namespaces(enter) => {
                let mut runner = within(limit);
                runner.args(enter).args(["bash", "-c", command]);
                runner
            }
        }
    }

    fn port_and_key(&self) -> Result<(u16, &Path)> {
        match &self.way {
            Way::Port(port, key) => Ok((*port, key)),
            Way::Namespaces(_) => bail!("a native node has no ssh server"),
        }
    }

    /// What the server says to somebody without a key: it names the ways in that it offers.
    pub fn refusal(&self) -> Result<String> {
        let (port, key) = self.port_and_key()?;
        let output = self
            .client(port, key, LIMIT)
            .args([
                "-o",
                "PreferredAuthentications=none",
                "rancher@127.0.0.1",
                "true",
            ])
            .stdin(Stdio::null())
            .output()
            .context("starting ssh")?;
        if output.status.success() {
            bail!("logging in by ssh without a key: it worked");
        }
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// The command line with which a person logs in.
    pub fn login_line(&self) -> Result<String> {
        let (port, key) = self.port_and_key()?;
        Ok(format!(
            "ssh -p {port} -i {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null rancher@127.0.0.1",
            key.display()
        ))
    }

    fn client(&self, port: u16, key: &Path, limit: Duration) -> Command {
        let mut command = within(limit);
        command.args(["ssh", "-F", "/dev/null", "-p", &port.to_string(), "-i"]);
        command.arg(key);
        for option in OPTIONS {
            command.args(["-o", option]);
        }
        let connect = self.patience(CONNECT).as_secs();
        command.args(["-o", &format!("ConnectTimeout={connect}")]);
        command
    }
}

fn within(limit: Duration) -> Command {
    let mut command = Command::new("timeout");
    command.arg(limit.as_secs().max(1).to_string());
    command
}

/// A new machine has new host keys at every run; and a hung one must not hang the test.
const OPTIONS: [&str; 7] = [
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
    "LogLevel=ERROR",
    "ServerAliveInterval=10",
    "ServerAliveCountMax=6",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("id");
        let key = Key::at(&path).unwrap();
        assert!(key.public.starts_with("ssh-ed25519 AAAA"));
        assert_eq!(Key::at(&path).unwrap().public, key.public);
    }

    #[test]
    fn a_port_where_nobody_listens_is_sshs_own_failure() {
        let dir = tempfile::tempdir().unwrap();
        let key = Key::at(&dir.path().join("id")).unwrap();
        let ssh = Ssh::new(1, &key);
        assert_eq!(ssh.run("true").unwrap().status, 255);
        assert!(ssh.wait(Duration::ZERO).is_err());
    }

    #[test]
    fn a_lost_machine_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let console = Arc::<Transcript>::default();
        console.push(b"Kernel panic - not syncing: Fatal exception");
        let ssh = Ssh::new(1, &Key::at(&dir.path().join("id")).unwrap()).watching(&console);
        let error = ssh.wait(Duration::from_secs(600)).unwrap_err();
        assert!(format!("{error:#}").contains("panicked"));
    }

    #[test]
    fn a_slower_machine_gets_more_time() {
        let dir = tempfile::tempdir().unwrap();
        let key = Key::at(&dir.path().join("id")).unwrap();
        let ssh = Ssh::new(1, &key).slower(3);
        let (port, key) = ssh.port_and_key().unwrap();
        assert_eq!(
            ssh.patience(Duration::from_secs(5)),
            Duration::from_secs(15)
        );
        let client = ssh.client(port, key, Duration::from_secs(7));
        let words: Vec<_> = client
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        assert_eq!(words[0], "7");
        assert!(words.iter().any(|word| word == "ConnectTimeout=45"));
    }
}
