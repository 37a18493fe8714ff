//! The artefacts for arm64, under translation.

use anyhow::Result;

use super::{board, clock, expect, install, media, overlay, workload};
use crate::guest::READY;
use crate::suite::{Lab, Scenario};

/// All scenarios of these artefacts.
pub fn all() -> Vec<Scenario> {
    vec![
        direct(),
        Scenario::full("arm-uefi").gate("the_iso_boots_to_ready", media::uefi),
        install::by_uefi_alone(),
        overlay::scenario(),
        board::scenario(),
    ]
}

fn direct() -> Scenario {
    let scenario = Scenario::full("arm-direct")
        .gate("kernel_and_initrd_boot_to_a_login", boot)
        .check("the_userland_is_arm64", userland)
        .gate("the_node_gets_ready", ready);
    clock::checks(workload::answering(scenario))
}

fn boot(lab: &mut Lab) -> Result<()> {
    // As on a board without a clock.
    let spec = lab.live()?.clock(clock::UNKNOWN);
    lab.start(&spec)?;
    lab.guest()?.ssh.wait(READY)
}

fn userland(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(&guest, "uname -m", "aarch64")?;
    guest
        .root("systemctl is-active connman.service ssh.service dbus.service")
        .map(drop)
}

fn ready(lab: &mut Lab) -> Result<()> {
    lab.guest()?.wait_ready(READY)
}
