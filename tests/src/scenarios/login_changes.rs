//! Keys and password that change, and go, between two boots of one disk.

use anyhow::{Result, ensure};

use super::expect;
use crate::disk::StateTree;
use crate::guest::{Guest, READY};
use crate::ssh::{Key, Ssh};
use crate::suite::{Lab, Scenario};

const CONFIG: &str = "/var/lib/rancher/k3os/config.yaml";

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::sample("login-changes")
        .gate("the_first_key_lets_in", boot)
        .check("the_password_is_set", |lab| password(lab, "$6$"))
        .gate("another_key_and_password_are_configured", change)
        .check("the_removed_key_is_refused", refused)
        .check("the_user_s_own_key_is_left_alone", own)
        .check("the_removed_password_is_locked", |lab| password(lab, "!"))
}

fn second(lab: &Lab) -> Result<Key> {
    Key::at(&lab.dir.join("second"))
}

fn boot(lab: &mut Lab) -> Result<()> {
    let release = lab.setup.release()?;
    let config = format!(
        "ssh_authorized_keys:\n- {}\nk3os: {{password: first}}\n",
        lab.setup.key.public
    );
    let disk = StateTree::with_release(&lab.dir.join("tree"), &release)?
        .var("lib/rancher/k3os/config.yaml", &config)?
        .into_disk(&lab.dir.join("disk"), 4096)?;
    let spec = lab.spec(lab.setup.artifacts.direct())?.disk(&disk.path);
    lab.disk = Some(disk);
    lab.start(&spec)?;
    lab.guest()?.ssh.wait(READY)
}

/// The field of /etc/shadow: a hash, or what no password gives.
fn password(lab: &mut Lab, begins: &str) -> Result<()> {
    let field =
        by_second_or_first(lab)?.root("sed -n 's/^rancher:\\([^:]*\\):.*/\\1/p' /etc/shadow")?;
    let locked = begins == "!" && field.starts_with(['!', '*']);
    ensure!(
        locked || field.starts_with(begins),
        "reading rancher's password: '{}' does not begin with {begins}",
        field.trim()
    );
    Ok(())
}

fn by_second_or_first(lab: &mut Lab) -> Result<Guest> {
    let port = lab.machine()?.ports().ssh;
    let guest = Guest::new(Ssh::new(port, &second(lab)?));
    Ok(if guest.ssh.run("true")?.status == 0 {
        guest
    } else {
        lab.guest()?
    })
}

fn change(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let second = second(lab)?;
    guest.root("install -d -m 700 -o rancher -g rancher /home/rancher/.ssh; echo own > /home/rancher/.ssh/authorized_keys; sync")?;
    guest.write(
        CONFIG,
        &format!("ssh_authorized_keys:\n- {}\n", second.public),
    )?;
    let port = lab.machine()?.ports().ssh;
    guest.try_root("reboot")?;
    Guest::new(Ssh::new(port, &second)).ssh.wait(READY)
}

fn refused(lab: &mut Lab) -> Result<()> {
    let output = lab.guest()?.ssh.run("true")?;
    ensure!(
        output.status == 255 && output.stderr.contains("Permission denied"),
        "logging in with the removed key: {output:?}"
    );
    Ok(())
}

fn own(lab: &mut Lab) -> Result<()> {
    expect(
        &by_second_or_first(lab)?,
        "cat /home/rancher/.ssh/authorized_keys",
        "own",
    )
}
