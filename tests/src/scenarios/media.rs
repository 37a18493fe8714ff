//! The ISO itself, by both kinds of firmware.

use anyhow::{Result, ensure};

use super::workload;
use crate::guest::READY;
use crate::machine::Boot;
use crate::suite::{Lab, Scenario};

/// The scenarios.
pub fn scenarios() -> Vec<Scenario> {
    let bios = Scenario::full("iso-bios").gate("boots_to_ready_with_the_mediums_config", bios);
    let uefi = Scenario::sample("iso-uefi").gate("boots_to_ready", uefi);
    vec![workload::answering(bios), workload::answering(uefi)]
}

/// The ISO with a `config.yaml` put on it, as users do.
fn bios(lab: &mut Lab) -> Result<()> {
    let iso = lab.dir.join("with-config.iso");
    let text = format!(
        "hostname: mediumbox\nssh_authorized_keys:\n- {}\n",
        lab.setup.key.public
    );
    lab.setup.artifacts.remaster(&text, &iso)?;
    let spec = lab.spec(Boot::Bios)?.cdrom(&iso);
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    let name = guest.root("hostname")?;
    ensure!(
        name.trim() == "mediumbox",
        "reading the hostname: '{}'",
        name.trim()
    );
    guest.wait_ready(READY)
}

/// The ISO as it is; the key comes by the console.
pub fn uefi(lab: &mut Lab) -> Result<()> {
    let iso = lab.setup.artifacts.iso();
    let key = lab.setup.key.public.clone();
    let spec = lab.spec(Boot::Uefi)?.cdrom(&iso);
    let limit = lab.patience(READY);
    let serial = &mut lab.start(&spec)?.serial;
    serial.login("rancher", limit)?;
    let efi = serial.run("test -d /sys/firmware/efi", limit)?;
    ensure!(efi.status == 0, "looking for UEFI in the machine: {efi:?}");
    let put = format!("mkdir -p -m 700 ~/.ssh && echo {key} >> ~/.ssh/authorized_keys");
    let answer = serial.run(&put, limit)?;
    ensure!(
        answer.status == 0,
        "putting the key into the machine: {answer:?}"
    );
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    guest.wait_ready(READY)
}
