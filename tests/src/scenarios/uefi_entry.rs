//! The firmware's own list: the installer's entry is there once, in front, and is what the firmware boots by.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use system::gpt;

use crate::guest::{Guest, READY};
use crate::machine::{Boot, Spec};
use crate::suite::{Lab, Scenario};

const INSTALLED: Duration = Duration::from_secs(600);
const DISK: u64 = 8 << 30;
const SECTOR: u64 = 512;
const DIRECTORY: &str = "/sys/firmware/efi/efivars";
/// EFI_GLOBAL_VARIABLE, behind each variable's name.
const GUID: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Behind attributes, kind and length of the path.
const DESCRIPTION: usize = 4 + 6;

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::full("uefi-entry")
        .gate("the_iso_boots_by_uefi", boot)
        .gate("an_installation_leaves_an_entry_in_front", install)
        .gate("a_second_one_leaves_one_entry_for_the_new_disk", install)
        .gate(
            "the_firmware_boots_by_it_though_the_iso_is_there",
            boots_by_it,
        )
}

fn disk(lab: &Lab) -> PathBuf {
    lab.dir.join("disk")
}

/// The same machine each time: its variables, the disk, and the medium still in the drive.
fn machine(lab: &Lab) -> Result<Spec> {
    let spec = lab.spec(Boot::Uefi)?.uefi_vars(&lab.dir.join("vars.fd"));
    Ok(spec.cdrom(&lab.dir.join("own.iso")).disk(&disk(lab)))
}

fn boot(lab: &mut Lab) -> Result<()> {
    let made = File::create(disk(lab)).and_then(|file| file.set_len(DISK));
    made.context("making a disk")?;
    let config = format!("ssh_authorized_keys:\n- {}\n", lab.setup.key.public);
    let iso = lab.dir.join("own.iso");
    lab.setup.artifacts.remaster(&config, &iso)?;
    let spec = machine(lab)?;
    lab.start(&spec)?;
    lab.guest()?.ssh.wait(READY)
}

fn install(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.root_with("k3os install --yes /dev/vda", &[], INSTALLED)?;
    let (number, entry) = our_entry(&guest)?;
    let order = variable(&guest, "BootOrder")?;
    ensure!(
        order.get(4..6) == Some(number.to_le_bytes().as_slice()),
        "reading BootOrder: {number:04X} is not in front: {order:x?}"
    );
    let table = gpt::read(&disk(lab), SECTOR)?.context("the disk has no table")?;
    let esp = table.iter().find(|part| part.kind == gpt::EFI_SYSTEM);
    let id = esp.context("there is no EFI system partition")?.id;
    ensure!(
        entry.windows(id.len()).any(|bytes| bytes == id),
        "reading Boot{number:04X}: it does not name the new disk's partition {id:x?}: {entry:x?}"
    );
    Ok(())
}

fn boots_by_it(lab: &mut Lab) -> Result<()> {
    let (number, _) = our_entry(&lab.guest()?)?;
    lab.guest()?.root("sync")?;
    let spec = machine(lab)?;
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    let current = variable(&guest, "BootCurrent")?;
    ensure!(
        current.get(4..6) == Some(number.to_le_bytes().as_slice()),
        "reading BootCurrent: it is not {number:04X}: {current:x?}"
    );
    super::expect(&guest, "cat /run/k3os/mode", "disk")?;
    let (again, _) = our_entry(&guest)?;
    ensure!(
        again == number,
        "reading the list after a boot: {again:04X}"
    );
    Ok(())
}

/// The one entry that calls itself k3OS: its number and what it says.
fn our_entry(guest: &Guest) -> Result<(u16, Vec<u8>)> {
    let names = guest.root(&format!("cd {DIRECTORY} && ls -d Boot????-{GUID}"))?;
    let mut ours = Vec::new();
    for name in names.lines().filter_map(|line| line.get(..8)) {
        let number = name
            .get(4..)
            .and_then(|hex| u16::from_str_radix(hex, 16).ok());
        let entry = variable(guest, name)?;
        let wanted: Vec<u8> = "k3OS\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let is_ours = entry
            .get(DESCRIPTION..)
            .is_some_and(|rest| rest.starts_with(&wanted));
        ours.extend(number.filter(|_| is_ours).map(|number| (number, entry)));
    }
    ensure!(
        ours.len() == 1,
        "looking for our entry: it is there {} times: {names}",
        ours.len()
    );
    ours.pop().context("looking for our entry")
}

/// A variable, its four bytes of attributes included.
fn variable(guest: &Guest, name: &str) -> Result<Vec<u8>> {
    let said = guest.root(&format!("od -An -v -tx1 {DIRECTORY}/{name}-{GUID}"))?;
    said.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).with_context(|| format!("reading {name}: {byte}")))
        .collect()
}
