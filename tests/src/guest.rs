//! A machine seen from inside: its cluster, its services, its processes.

mod cluster;
mod processes;
mod services;

use std::time::Duration;

use anyhow::Result;

use crate::ssh::{Output, Ssh};

pub use cluster::{POD, READY};

/// The way into a running machine by ssh.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The login.
    pub ssh: Ssh,
}

impl Guest {
    /// Through `ssh`.
    pub fn new(ssh: Ssh) -> Self {
        Self { ssh }
    }

    /// Runs a shell command as root; it must succeed. Returns its standard output.
    pub fn root(&self, command: &str) -> Result<String> {
        self.ssh.check(&as_root(command))
    }

    /// Runs a shell command as root, whatever comes of it.
    pub fn try_root(&self, command: &str) -> Result<Output> {
        self.ssh.run(&as_root(command))
    }

    /// Runs a shell command as root with standard input.
    pub fn root_with(&self, command: &str, input: &[u8], limit: Duration) -> Result<String> {
        self.ssh.check_with(&as_root(command), input, limit)
    }

    /// Writes a file as root.
    pub fn write(&self, path: &str, content: &str) -> Result<()> {
        let command = format!("cat > {path}");
        self.root_with(&command, content.as_bytes(), Duration::from_secs(60))
            .map(drop)
    }

    /// Repeats a command as root until it succeeds.
    pub fn wait_root(&self, command: &str, limit: Duration) -> Result<String> {
        self.ssh.wait_for(&as_root(command), limit)
    }

    /// The kernel's number of this boot: another one after each reboot.
    pub fn boot_id(&self) -> Result<String> {
        self.ssh.check("cat /proc/sys/kernel/random/boot_id")
    }

    /// Waits for a login on a boot other than `old`.
    pub fn wait_other_boot(&self, old: &str, limit: Duration) -> Result<()> {
        let command = format!(
            "test $(cat /proc/sys/kernel/random/boot_id) != {}",
            old.trim()
        );
        self.ssh.wait_for(&command, limit).map(drop)
    }
}

fn as_root(command: &str) -> String {
    format!("sudo sh -c '{}'", command.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_survive_the_way_to_root() {
        assert_eq!(as_root("echo 'a b'"), r"sudo sh -c 'echo '\''a b'\'''");
    }
}
