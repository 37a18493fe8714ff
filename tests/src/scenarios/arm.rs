//! The artefacts for arm64, under translation.

use std::time::Duration;

use anyhow::Result;

use super::expect;
use crate::machine::Boot;
use crate::suite::{Lab, Scenario};

/// Firmware, loader and boot until a login, and from there until the node is Ready: several times as long as on amd64, whose
/// processor TCG translates better.
const LOGIN: Duration = Duration::from_secs(420);
const NODE: Duration = Duration::from_secs(900);

/// The scenarios.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::full("arm-direct")
            .gate("kernel_and_initrd_boot_to_a_login", direct)
            .check("the_userland_is_arm64", userland)
            .check("the_node_gets_ready", ready),
        Scenario::full("arm-uefi").gate("the_iso_boots_by_uefi_to_services", uefi),
    ]
}

fn direct(lab: &mut Lab) -> Result<()> {
    let iso = lab.setup.artifacts.iso();
    let spec = lab.direct()?.word("k3os.mode", "live").cdrom(&iso);
    lab.start(&spec)?;
    lab.guest()?.ssh.wait(LOGIN)
}

fn userland(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(&guest, "uname -m", "aarch64")?;
    guest
        .root("systemctl is-active connman.service ssh.service dbus.service")
        .map(drop)
}

fn ready(lab: &mut Lab) -> Result<()> {
    lab.guest()?.wait_ready(NODE)
}

fn uefi(lab: &mut Lab) -> Result<()> {
    let iso = lab.setup.artifacts.iso();
    let spec = lab.spec(Boot::Uefi)?.cdrom(&iso);
    let serial = &mut lab.start(&spec)?.serial;
    serial.login("rancher", LOGIN)?;
    serial.run("test -d /sys/firmware/efi", LOGIN).map(drop)
}
