//! Kernel and initrd alone: the release comes over the network.

use std::fs::File;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::broken::told;
use crate::guest::READY;
use crate::machine::{Boot, Net, Spec};
use crate::suite::{Lab, Scenario};
use crate::web::Web;

/// The download, the boot of the live system and the installation.
const INSTALLED: Duration = Duration::from_secs(1200);
const MESSAGE: Duration = Duration::from_secs(240);
const DISK: u64 = 8 << 30;

/// The scenarios.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::full("netboot-live").gate("the_squashfs_by_http_runs_live", live),
        Scenario::full("netboot-install")
            .gate("the_iso_by_http_installs_itself", install)
            .gate("the_disk_boots", installed),
        Scenario::full("netboot-wrong").gate("a_wrong_address_is_told_with_its_status", missing),
        Scenario::full("netboot-damaged").gate("another_squashfs_is_refused", damaged),
    ]
}

fn machine(lab: &Lab) -> Result<Spec> {
    Ok(lab.direct()?.net(Net::Online))
}

fn artifacts(lab: &Lab) -> Result<Web> {
    let iso = lab.setup.artifacts.iso();
    Web::serve(iso.parent().context("finding the artefacts' directory")?)
}

fn live(lab: &mut Lab) -> Result<()> {
    let url = artifacts(lab)?.url("k3os-amd64.squashfs");
    let spec = machine(lab)?.word("k3os.squashfs_url", &url);
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    guest.root("grep -qx live /run/k3os/mode")?;
    guest.wait_ready(READY)
}

fn install(lab: &mut Lab) -> Result<()> {
    let disk = lab.dir.join("disk");
    let made = File::create(&disk).and_then(|file| file.set_len(DISK));
    made.with_context(|| format!("making {}", disk.display()))?;
    let url = artifacts(lab)?.url("k3os-amd64.iso");
    let spec = machine(lab)?
        .disk(&disk)
        .word("k3os.fallback_mode", "install")
        .word("k3os.install.iso_url", &url)
        .word("k3os.install.silent", "true")
        .word("k3os.install.device", "smallest")
        .word("k3os.install.power_off", "true")
        .word("hostname", "netbox");
    let machine = lab.start(&spec)?;
    machine.serial.expect("k3OS is installed", INSTALLED)?;
    let status = machine.wait_end(READY)?;
    ensure!(status.success(), "installing: QEMU ended with {status}");
    Ok(())
}

fn installed(lab: &mut Lab) -> Result<()> {
    let spec = lab.spec(Boot::Bios)?.disk(&lab.dir.join("disk"));
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    super::expect(&guest, "cat /run/k3os/mode", "disk")?;
    super::expect(&guest, "hostname", "netbox")
}

fn missing(lab: &mut Lab) -> Result<()> {
    let url = artifacts(lab)?.url("no-such.squashfs");
    let spec = machine(lab)?.word("k3os.squashfs_url", &url);
    rescued(lab, &spec, &[&url, "404 Not Found"])
}

/// A file of the right name with other content.
fn damaged(lab: &mut Lab) -> Result<()> {
    let directory = lab.dir.join("web");
    std::fs::create_dir_all(&directory).context("making a directory")?;
    std::fs::write(directory.join("x.squashfs"), vec![0; 100_000]).context("writing a file")?;
    let url = Web::serve(&directory)?.url("x.squashfs");
    let spec = machine(lab)?.word("k3os.squashfs_url", &url);
    rescued(
        lab,
        &spec,
        &["does not belong to this kernel and initrd", "SHA-256"],
    )
}

/// Expects words in what the console says before the rescue shell.
fn rescued(lab: &mut Lab, spec: &Spec, words: &[&str]) -> Result<()> {
    told(&lab.start(spec)?.serial, words, MESSAGE)
}
