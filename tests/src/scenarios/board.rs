//! A Raspberry Pi 3 B as far as QEMU has one: its device tree, its card, a network card behind USB, 1 GiB, no clock. Kernel and modules
//! are Debian's; the release was unpacked over a Debian on the card.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{expect, overlay};
use crate::bench::debian::make_card;
use crate::guest::READY;
use crate::machine::{Boot, Bus};
use crate::suite::{Lab, Scenario};

/// What a Raspberry Pi's firmware adds to the command line of every kernel.
const OFF: &str = "cgroup_disable=memory";
/// How its own kernel is told otherwise; Debian's has no such word.
const ON: &str = "cgroup_enable=memory cgroup_memory=1";
const NOTICE: &str = "/run/issue.d/40-cgroups.issue";
const PODS: Duration = Duration::from_secs(240);

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::full("arm-board")
        .gate("it_boots_to_a_login", |lab| boot(lab, &[OFF]))
        .check("its_hardware_is_used", hardware)
        .check("what_its_firmware_switched_off_is_told", told)
        .check("it_began_with_the_releases_time", began)
        .gate("switched_on_the_node_gets_ready", ready)
        .check("its_pods_run", |lab| lab.guest()?.wait_system_pods(PODS))
        .check("the_check_is_content", content)
        .check("time_goes_on_where_it_was_cut", goes_on)
}

fn config(key: &str) -> String {
    format!("hostname: pi\nssh_authorized_keys:\n- {key}\n")
}

fn boot(lab: &mut Lab, words: &[&str]) -> Result<()> {
    let root = overlay::root(lab)?;
    let card = lab.dir.join("debian.disk");
    if !card.exists() {
        let config = config(&lab.setup.key.public);
        make_card(&root, &lab.setup.artifacts.rootfs(), &config, &lab.dir)?;
    }
    let by = Boot::Direct {
        kernel: lab.setup.artifacts.kernel(),
        initrd: root.initrd(),
    };
    let mut spec = lab.spec(by)?.raspberry_pi(&root.device_tree());
    let words = ["root=/dev/mmcblk0", "ro"].iter().chain(words);
    spec.cmdline.extend(words.map(ToString::to_string));
    lab.start(&spec.disk_on(&card, Bus::Slot))?;
    lab.guest()?.ssh.wait(READY)
}

fn hardware(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(&guest, "cat /run/k3os/mode", "local")?;
    expect(&guest, "hostname", "pi")?;
    guest.root("grep -q \"Raspberry Pi 3\" /proc/device-tree/model")?;
    guest.root("grep -q ^/dev/mmcblk0 /proc/mounts")?;
    // Its one way out is behind USB.
    guest.root("ip -4 -o address show dev usb0 | grep -q inet")?;
    guest.root("test ! -e /dev/rtc0").map(drop)
}

fn told(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let notice = guest.root(&format!("cat {NOTICE}"))?;
    let console = lab.machine()?.serial.transcript().text();
    for said in [notice, console] {
        ensure!(
            said.contains("switched off: memory")
                && said.contains(ON)
                && said.contains("cmdline.txt"),
            "looking for what to do about {OFF}: {said}"
        );
    }
    let check = guest.try_root("k3os overlay check")?;
    ensure!(
        check.status == 1 && check.all().contains(ON),
        "checking the board: {}",
        check.all()
    );
    Ok(())
}

fn began(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.root("test $(cat /run/k3os/clock-guessed) -ge $(stat -c %Y /usr/lib/k3os/release)")?;
    lab.noted = Some(guest.root("cat /var/lib/k3os/clock")?);
    Ok(())
}

fn ready(lab: &mut Lab) -> Result<()> {
    lab.guest()?.root("sync")?;
    boot(lab, &[])?;
    let guest = lab.guest()?;
    guest.root(&format!("test ! -e {NOTICE}"))?;
    guest.wait_ready(READY)
}

fn content(lab: &mut Lab) -> Result<()> {
    let check = lab.guest()?.try_root("k3os overlay check")?;
    let said = check.all();
    ensure!(check.status == 0, "checking the board: {said}");
    // Its kernel is for it, and need not know what PCs have.
    ensure!(!said.contains("VMWARE"), "checking the board: {said}");
    Ok(())
}

fn goes_on(lab: &mut Lab) -> Result<()> {
    let before = lab.noted.clone().unwrap_or_default();
    let test = format!("test $(cat /run/k3os/clock-guessed) -ge {}", before.trim());
    lab.guest()?.root(&test).map(drop)
}
