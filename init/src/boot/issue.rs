//! What stands above the login prompt: who this is, how to reach it, how Kubernetes is.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use system::layout::{AGETTY_RELOAD, ISSUE_DIRECTORY};
use system::net::Address;

const STATE_FILE: &str = "/run/issue.d/50-k3os.issue";

/// What the text is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue<'a> {
    /// The release, e.g. `v0.30.0`.
    pub release: &'a str,
    /// The boot mode.
    pub mode: &'a str,
    /// How the Kubernetes node is, in words.
    pub node: &'a str,
    /// The machine's addresses.
    pub addresses: &'a [Address],
}

impl Issue<'_> {
    /// Writes it where agetty finds it.
    ///
    /// # Errors
    /// When `/run` cannot be written.
    pub fn write(&self) -> Result<()> {
        fs::create_dir_all(ISSUE_DIRECTORY).with_context(|| format!("making {ISSUE_DIRECTORY}"))?;
        fs::write(Path::new(STATE_FILE), self.text())
            .with_context(|| format!("writing {STATE_FILE}"))
    }

    /// The text, with agetty's escapes for the host's name, the terminal and the kernel.
    fn text(&self) -> String {
        let Self {
            release,
            mode,
            node,
            addresses,
        } = self;
        let addresses = address_line(addresses);
        let login = match *mode {
            "live" | "install" => {
                "Log in as rancher, without a password here; by ssh with a key. To install: sudo k3os install"
            }
            _ => {
                "Log in as rancher: by ssh with a key, here with the password of the configuration."
            }
        };
        format!(
            "\nk3OS {release} ({mode}) \\n on \\l, kernel \\r\nAddresses: {addresses}\nKubernetes: {node}\n{login}\n\n"
        )
    }
}

/// Makes the text appear anew on the terminals where nobody is logging in.
///
/// # Errors
/// When `/run` cannot be written.
pub fn show_again() -> Result<()> {
    fs::write(AGETTY_RELOAD, "").with_context(|| format!("writing {AGETTY_RELOAD}"))
}

fn address_line(addresses: &[Address]) -> String {
    if addresses.is_empty() {
        return "none yet".to_string();
    }
    let shown: Vec<String> = addresses
        .iter()
        .map(|address| format!("{} ({})", address.ip, address.interface))
        .collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_fits_the_mode() {
        let issue = |mode| {
            Issue {
                release: "v1",
                mode,
                node: "starting",
                addresses: &[],
            }
            .text()
        };
        assert!(issue("live").contains("without a password"));
        assert!(!issue("disk").contains("without a password"));
        assert!(issue("disk").contains("Kubernetes: starting"));
        assert!(issue("disk").contains("Addresses: none yet"));
    }

    #[test]
    fn addresses_are_shown_with_their_interface() {
        let address = Address {
            interface: "eth0".into(),
            ip: "10.0.2.15".parse().unwrap(),
        };
        assert_eq!(address_line(&[address]), "10.0.2.15 (eth0)");
    }
}
