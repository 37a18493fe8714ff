//! The ISO itself, by both kinds of firmware.

use anyhow::{Result, ensure};

use super::{expect, workload};
use crate::guest::READY;
use crate::machine::{Boot, Bus};
use crate::suite::{Lab, Scenario};

/// The scenarios.
pub fn scenarios() -> Vec<Scenario> {
    let bios = Scenario::full("iso-bios").gate("boots_to_ready_with_the_mediums_config", bios);
    let uefi = Scenario::sample("iso-uefi").gate("boots_to_ready", uefi);
    let stick = Scenario::full("iso-stick")
        .gate("boots_by_bios", |lab| stick(lab, Boot::Bios))
        .check("it_is_no_disk_to_install_to", no_target)
        .check("boots_by_uefi", |lab| stick(lab, Boot::Uefi));
    vec![workload::answering(bios), workload::answering(uefi), stick]
}

/// The ISO written to a stick, with a key on it.
fn stick(lab: &mut Lab, by: Boot) -> Result<()> {
    let image = lab.dir.join("stick");
    let text = format!("ssh_authorized_keys:\n- {}\n", lab.setup.key.public);
    lab.setup.artifacts.remaster(&text, &image)?;
    let spec = lab.spec(by)?.disk_on(&image, Bus::Usb);
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    expect(&guest, "cat /run/k3os/mode", "live")
}

fn no_target(lab: &mut Lab) -> Result<()> {
    for (disk, wanted) in [
        ("/dev/sda", "is the disk that the release comes from"),
        ("smallest", "no disk is smallest"),
    ] {
        let command = format!("k3os install --yes --device {disk}");
        let answer = lab.guest()?.try_root(&command)?;
        ensure!(
            answer.status == 1 && answer.all().contains(wanted),
            "installing to {disk}: '{wanted}' expected: {answer:?}"
        );
    }
    Ok(())
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
