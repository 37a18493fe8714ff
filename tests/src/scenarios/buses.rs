//! Every kind of disk: installed to from one live machine, one after the other, and booted each by itself.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use system::disk::partition_device;

use super::expect;
use crate::guest::READY;
use crate::machine::{Boot, Bus, disk_serial};
use crate::suite::{Lab, Scenario};

const INSTALLED: Duration = Duration::from_secs(600);
/// A power of two, as SD cards have it.
const DISK: u64 = 4 << 30;
/// The number of the partition with the state.
const STATE: u32 = 3;
/// In the order in which they are attached; in the installer's words; and the size of their sectors.
const DISKS: [(Bus, &str, u64); 5] = [
    (Bus::Nvme, "NVMe", 512),
    (Bus::Usb, "USB", 512),
    (Bus::Sata, "SATA", 512),
    (Bus::Virtio4k, "virtio", 4096),
    (Bus::Sd, "SD/MMC", 512),
];

/// Of these, what is attached to one machine: all but the card, which takes as long as they do together.
const FAST: Range<usize> = 0..4;
const CARD: Range<usize> = 4..5;

/// The scenarios.
pub fn all() -> Vec<Scenario> {
    vec![fast(), card()]
}

fn fast() -> Scenario {
    Scenario::full("buses")
        .gate("a_live_machine_has_them_all", |lab| boot(lab, FAST))
        .check("nvme_is_installed_to", |lab| install(lab, 0))
        .check("usb_is_installed_to", |lab| install(lab, 1))
        .check("sata_is_installed_to", |lab| install(lab, 2))
        .check("sectors_of_4096_are_installed_to", |lab| install(lab, 3))
        .gate("all_are_given_their_label_again", label)
        .check("nvme_boots_by_bios", |lab| boots(lab, Boot::Bios, 0))
        .check("usb_boots_by_bios", |lab| boots(lab, Boot::Bios, 1))
        .check("sata_boots_by_bios", |lab| boots(lab, Boot::Bios, 2))
        .check("sectors_of_4096_boot_by_uefi", |lab| {
            boots(lab, Boot::Uefi, 3)
        })
        .check("nvme_boots_by_uefi", |lab| boots(lab, Boot::Uefi, 0))
}

fn card() -> Scenario {
    Scenario::full("sd-card")
        .gate("a_live_machine_has_it", |lab| boot(lab, CARD))
        .gate("it_is_installed_to", |lab| install(lab, CARD.start))
        .gate("it_is_given_its_label_again", label)
        .check("it_boots_by_bios", |lab| boots(lab, Boot::Bios, CARD.start))
}

fn disk(lab: &Lab, number: usize) -> PathBuf {
    lab.dir.join(format!("disk{number}"))
}

fn boot(lab: &mut Lab, numbers: Range<usize>) -> Result<()> {
    let mut spec = lab.live()?;
    for number in numbers {
        let (bus, ..) = DISKS.get(number).context("there is no such disk")?;
        let path = disk(lab, number);
        let made = File::create(&path).and_then(|file| file.set_len(DISK));
        made.with_context(|| format!("making {}", path.display()))?;
        spec = spec.disk_on(&path, *bus);
    }
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    lab.noted = Some(String::new());
    // What is left of the processors is for the installations.
    guest.root("systemctl stop k3s").map(drop)
}

/// As the installer names it.
fn selector(number: usize) -> String {
    match DISKS.get(number) {
        // A card's number is its maker's.
        Some((Bus::Sd, ..)) => "/dev/mmcblk0".to_owned(),
        _ => format!("serial:{}", disk_serial(number)),
    }
}

fn install(lab: &mut Lab, number: usize) -> Result<()> {
    let (_, words, sector) = DISKS.get(number).context("there is no such disk")?;
    let guest = lab.guest()?;
    let command = format!("k3os install --device {}", selector(number));
    let plan = guest.root(&format!("{command} --dry-run --output json"))?;
    let plan: Value = serde_json::from_str(&plan).context("parsing the plan")?;
    let target = plan["target"].as_str().unwrap_or_default();
    ensure!(
        target.contains(words) && plan["sector"] == *sector,
        "planning: {words} with sectors of {sector} expected: {plan}"
    );
    guest.root_with(&format!("{command} --yes"), &[], INSTALLED)?;
    let device = Path::new(plan["disk"].as_str().unwrap_or_default());
    let state = partition_device(device, STATE);
    let state = state.display();
    // Two with the label are refused, as they must be: each gets another one until all are installed.
    guest.root(&format!("tune2fs -L OTHER {state}"))?;
    let noted = lab.noted.get_or_insert_default();
    noted.push_str(&format!(" {state}"));
    Ok(())
}

fn label(lab: &mut Lab) -> Result<()> {
    let states = lab.noted.clone().unwrap_or_default();
    let command = format!("for state in {states}; do tune2fs -L K3OS_STATE $state; done; sync");
    lab.guest()?.root(&command)?;
    lab.stop();
    Ok(())
}

fn boots(lab: &mut Lab, by: Boot, number: usize) -> Result<()> {
    let (bus, ..) = DISKS.get(number).context("there is no such disk")?;
    let spec = lab.spec(by)?.disk_on(&disk(lab, number), *bus);
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    expect(&guest, "cat /run/k3os/mode", "disk")
}
