//! What bad input gets from a running machine.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::suite::{Lab, Scenario};

/// Checks that need nothing but a booted machine.
pub fn checks(scenario: Scenario) -> Scenario {
    scenario
        .check("an_unknown_flag_is_named_with_the_nearest", unknown_flag)
        .check(
            "an_unknown_unit_key_is_a_warning_with_its_place",
            unknown_key,
        )
}

fn unknown_flag(lab: &mut Lab) -> Result<()> {
    let output = lab.guest()?.try_root("k3s server --disabel traefik")?;
    ensure!(
        output.status != 0,
        "starting k3s with an unknown flag: it did not fail"
    );
    let said = output.all();
    ensure!(
        said.contains("--disabel"),
        "starting k3s with an unknown flag: it is not named: {said}"
    );
    ensure!(
        said.replace("--disabel", "").contains("--disable"),
        "starting k3s with an unknown flag: the nearest is not named: {said}"
    );
    Ok(())
}

const UNIT: &str =
    "[Unit]\nDescription=Odd\n[Service]\nFrobnicate=yes\nExecStart=/bin/sleep 3600\n";

fn unknown_key(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.root("mkdir -p /run/systemd/system")?;
    guest.write("/run/systemd/system/odd.service", UNIT)?;
    let said =
        guest.try_root("systemctl daemon-reload; systemctl start odd; systemctl status odd")?;
    let state = guest.wait_root("systemctl is-active odd", Duration::from_secs(30))?;
    ensure!(
        state.trim() == "active",
        "starting a unit with an unknown key: it is {state}"
    );
    let shown = format!(
        "{}{}",
        said.all(),
        lab.machine()?.serial.transcript().text()
    );
    ensure!(
        shown.contains("odd.service:4") && shown.contains("Frobnicate"),
        "starting a unit with an unknown key: no warning with odd.service:4 and Frobnicate: {}",
        said.all()
    );
    guest
        .root("systemctl stop odd; rm /run/systemd/system/odd.service; systemctl daemon-reload")
        .map(drop)
}
