//! Ways in, and what they show and forbid.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::suite::{Lab, Scenario};

const PROMPT: Duration = Duration::from_secs(60);

/// Checks of a live machine with one network card.
pub fn checks(scenario: Scenario) -> Scenario {
    scenario
        .check("issue_shows_address_node_and_login", issue)
        .check("issue_follows_the_addresses", later_address)
        .check("console_login_needs_no_password", console)
        .check("ssh_takes_keys_only", ssh_methods)
        .check("usr_cannot_be_written", usr)
}

/// The prompt is older than the address and the node: it is shown again when they are there.
fn issue(lab: &mut Lab) -> Result<()> {
    let serial = &lab.machine()?.serial;
    let shown = serial.expect("Kubernetes: the node is Ready", PROMPT)?;
    ensure!(
        shown.contains("10.0.2.15 (eth0)"),
        "reading the text above the login prompt: no address is in it:\n{shown}"
    );
    serial.expect("by ssh with a key", PROMPT).map(drop)
}

/// As when a cable is plugged in later, and out again.
fn later_address(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let change = |verb: &str| {
        format!(
            "ip address {verb} 192.0.2.7/32 dev $(ip -o route show default | sed 's/.* dev \\([^ ]*\\).*/\\1/')"
        )
    };
    let shown = "grep -q 192.0.2.7 /run/issue.d/50-k3os.issue";
    guest.root(&change("add"))?;
    guest.wait_root(shown, PROMPT)?;
    guest.root(&change("del"))?;
    guest.wait_root(&format!("! {shown}"), PROMPT).map(drop)
}

fn console(lab: &mut Lab) -> Result<()> {
    let serial = &mut lab.machine()?.serial;
    serial.login("rancher", PROMPT)?;
    let who = serial.run("id -un", PROMPT)?;
    ensure!(
        who.text.trim() == "rancher",
        "logging in on the console: id says {who:?}"
    );
    let root = serial.run("sudo -n id -u", PROMPT)?;
    ensure!(
        root.text.trim() == "0",
        "using sudo on the console: it says {root:?}"
    );
    Ok(())
}

fn ssh_methods(lab: &mut Lab) -> Result<()> {
    let refusal = lab.guest()?.ssh.refusal()?;
    ensure!(
        refusal.contains("Permission denied (publickey)."),
        "logging in by ssh without a key: '{}'",
        refusal.trim()
    );
    Ok(())
}

fn usr(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    for command in [
        "touch /usr/written",
        "mount -o remount,rw /usr && touch /usr/written",
    ] {
        let output = guest.try_root(command)?;
        ensure!(output.status != 0, "writing to /usr: '{command}' worked");
    }
    let file = guest.try_root("touch /usr/bin/k3os")?;
    ensure!(
        file.stderr.contains("Read-only file system"),
        "touching /usr/bin/k3os: it says '{}'",
        file.stderr.trim()
    );
    Ok(())
}
