//! A machine that installs itself from the medium, and the disk that it leaves.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::expect;
use crate::guest::READY;
use crate::machine::Boot;
use crate::suite::{Lab, Scenario};

/// The boot of the live system and the installation.
const INSTALLED: Duration = Duration::from_secs(900);
const GIB: u64 = 1 << 30;
/// Bytes of the disk when it is installed to, and afterwards.
const BEFORE: u64 = 8 * GIB;
const AFTER: u64 = 12 * GIB;

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::sample("install")
        .gate("installs_itself_and_powers_off", install)
        .gate("boots_by_bios_with_the_command_line_s_keys", bios)
        .check("the_state_partition_has_grown", grown)
        .check("a_second_installation_is_refused", refused)
        .only_all("boots_by_uefi_too", uefi)
        .only_all("no_format_keeps_files_and_configuration", kept)
}

/// The same for a machine that has UEFI alone.
pub fn by_uefi_alone() -> Scenario {
    Scenario::full("install")
        .gate("installs_itself_and_powers_off", install)
        .gate("boots_by_uefi", grown_by_uefi)
        .check("the_state_partition_has_grown", grown)
        .check("a_second_installation_is_refused", refused)
}

fn disk(lab: &Lab) -> PathBuf {
    lab.dir.join("disk")
}

fn resize(lab: &Lab, size: u64) -> Result<()> {
    let path = disk(lab);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    file.and_then(|file| file.set_len(size))
        .with_context(|| format!("making {}", path.display()))
}

/// As from PXE: everything is said on the command line, and nobody answers a question.
fn install(lab: &mut Lab) -> Result<()> {
    resize(lab, BEFORE)?;
    let iso = lab.setup.artifacts.iso();
    let words = [
        ("k3os.mode", "install"),
        ("hostname", "installedbox"),
        ("k3os.install.silent", "true"),
        ("k3os.install.device", "smallest"),
        ("k3os.install.power_off", "true"),
        ("k3os.install.tty", lab.setup.artifacts.processor.serial()),
    ];
    let spec = lab.direct()?.cdrom(&iso).disk(&disk(lab));
    let spec = words
        .iter()
        .fold(spec, |spec, (key, value)| spec.word(key, value));
    let (installed, ended) = (lab.patience(INSTALLED), lab.patience(READY));
    let machine = lab.start(&spec)?;
    machine.serial.expect("k3OS is installed", installed)?;
    let status = machine.wait_end(ended)?;
    ensure!(status.success(), "installing: QEMU ended with {status}");
    Ok(())
}

fn bios(lab: &mut Lab) -> Result<()> {
    resize(lab, AFTER)?;
    boot(lab, Boot::Bios)
}

fn grown_by_uefi(lab: &mut Lab) -> Result<()> {
    resize(lab, AFTER)?;
    uefi(lab)
}

fn uefi(lab: &mut Lab) -> Result<()> {
    boot(lab, Boot::Uefi)?;
    lab.guest()?.root("test -d /sys/firmware/efi").map(drop)
}

fn boot(lab: &mut Lab, by: Boot) -> Result<()> {
    let spec = lab.spec(by)?.disk(&disk(lab));
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    let said = guest.root("cat /run/k3os/mode && hostname")?;
    let words: Vec<&str> = said.split_whitespace().collect();
    ensure!(
        words.concat() == "diskinstalledbox",
        "reading mode and hostname: '{said}'"
    );
    guest.wait_ready(READY)
}

fn grown(lab: &mut Lab) -> Result<()> {
    let said = lab.guest()?.root("df -B1 --output=size /var | tail -n 1")?;
    let size: u64 = said.trim().parse().context("reading the size of /var")?;
    ensure!(size > 10 * GIB, "growing from {BEFORE}: /var has {size}");
    Ok(())
}

fn refused(lab: &mut Lab) -> Result<()> {
    let answer = lab.guest()?.try_root("k3os install --yes /dev/vda")?;
    ensure!(
        answer.status == 1,
        "installing over the running system: {answer:?}"
    );
    lab.guest()?
        .root("test -e /k3os/system/config.yaml")
        .map(drop)
}

/// From the medium, onto the file system that is there; the machine that ran from it was cut off.
fn kept(lab: &mut Lab) -> Result<()> {
    lab.guest()?.root("echo mine > /var/lib/mine && sync")?;
    let spec = lab.live()?.disk(&disk(lab));
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    let install = "k3os install --no-format --yes";
    let said = guest.root_with(install, &[], INSTALLED)?;
    ensure!(
        said.contains("(unless it is there)") && !said.contains("erasing"),
        "installing onto what is there: {said}"
    );
    guest.root("sync")?;
    let spec = lab.spec(Boot::Bios)?.disk(&disk(lab));
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    expect(&guest, "cat /var/lib/mine", "mine")?;
    expect(&guest, "hostname", "installedbox")
}
