//! A disk of k3OS 0.2x: this release is put onto it from the live image, boots, and has what was its owner's. Its own GRUB cannot be
//! had here, so the last boot is by kernel and initrd.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{expect, expect_label};
use crate::disk::StateTree;
use crate::guest::READY;
use crate::suite::{Lab, Scenario};
use crate::tool::{self, text};

const INSTALLED: Duration = Duration::from_secs(600);
/// What it left besides configuration and keys; its programs, too, are never run again.
const LEFT: [(&str, &str); 6] = [
    ("k3os/system/k3os/v0.21.5-k3s2r1/k3os", "program"),
    ("k3os/system/k3s/v1.21.5+k3s2/k3s", "program"),
    ("k3os/system/kernel/5.4.0-88-generic/initrd", "initrd"),
    (
        "boot/grub/grub.cfg",
        "menuentry \"k3OS Current\" {\n  search.fs_label K3OS_STATE root\n}\n",
    ),
    ("k3os/data/root/notes", "of root\n"),
    ("k3os/data/var/lib/rancher/k3s/storage/claim/row", "a row\n"),
];
const SSH: &str = "k3os/data/var/lib/rancher/k3os/ssh";

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::full("old-k3os")
        .gate("the_live_image_installs_onto_it", install)
        .gate("it_boots_with_the_old_configuration", boot)
        .check("the_host_key_is_the_old_one", host_key)
        .check("files_of_its_owner_are_there", files)
        .gate("the_node_gets_ready_by_the_old_name", ready)
}

fn disk(lab: &Lab) -> PathBuf {
    lab.dir.join("disk")
}

fn config(key: &str) -> String {
    format!(
        "ssh_authorized_keys:\n- {key}\nhostname: oldnode\nwrite_files:\n- path: /etc/of-old\n  content: written\n\
         k3os:\n  token: old-token\n  labels:\n    region: us-west-1\n"
    )
}

fn make(lab: &mut Lab) -> Result<()> {
    let tree = StateTree::empty(&lab.dir.join("tree"))?;
    let tree = tree.system_config(&config(&lab.setup.key.public))?;
    let tree = LEFT
        .iter()
        .try_fold(tree, |tree, (path, text)| tree.write(path, text))?;
    lab.noted = Some(make_host_key(&lab.dir.join("tree").join(SSH))?);
    lab.disk = Some(tree.into_disk(&disk(lab), 6144)?);
    Ok(())
}

/// Gives the public half.
fn make_host_key(directory: &Path) -> Result<String> {
    let making = || format!("making a key in {}", directory.display());
    fs::create_dir_all(directory).with_context(making)?;
    let key = text(&directory.join("ssh_host_ed25519_key"));
    tool::run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", &key])?;
    fs::read_to_string(format!("{key}.pub")).with_context(making)
}

fn install(lab: &mut Lab) -> Result<()> {
    make(lab)?;
    let spec = lab.live()?.disk(&disk(lab));
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    let command = "k3os install --no-format --device /dev/vda --yes";
    let said = guest.root_with(command, &[], INSTALLED)?;
    ensure!(!said.contains("erasing"), "installing: {said}");
    guest.root("sync").map(drop)
}

/// Only the old configuration knows the key that lets in.
fn boot(lab: &mut Lab) -> Result<()> {
    let spec = lab.spec(lab.setup.artifacts.direct())?;
    lab.start(&spec.disk(&disk(lab)))?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    expect(&guest, "cat /run/k3os/mode", "disk")?;
    expect(&guest, "hostname", "oldnode")?;
    expect(&guest, "cat /etc/of-old", "written")
}

fn host_key(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let shown = guest.root("ssh-keyscan -t ed25519 127.0.0.1 2> /dev/null")?;
    let before = lab.noted.clone().unwrap_or_default();
    let key = before
        .split_whitespace()
        .nth(1)
        .context("no key was made")?;
    ensure!(
        shown.contains(key),
        "asking sshd: {key} expected, it shows {shown}"
    );
    Ok(())
}

fn files(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(&guest, "cat /root/notes", "of root")?;
    let row = "cat /var/lib/rancher/k3s/storage/claim/row";
    expect(&guest, row, "a row")
}

fn ready(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.wait_ready(READY)?;
    expect(&guest, "kubectl get nodes -o name", "node/oldnode")?;
    expect_label(&guest, "region", "us-west-1")
}
