//! ISOs of one's own: by `k3os iso` on the host, live and installing; and by grub-mkrescue, as k3OS's README has it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::expect;
use crate::guest::READY;
use crate::machine::Boot;
use crate::suite::{Lab, Scenario};
use crate::tool::{self, text};

const INSTALLED: Duration = Duration::from_secs(900);
const DISK: u64 = 8 << 30;
const WORDS: &str = "k3os.mode=install k3os.install.silent k3os.install.device=smallest \
                     k3os.install.power_off";

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::full("own-iso")
        .gate("a_wrong_configuration_makes_none", refused)
        .gate("the_released_program_makes_one", made)
        .check("it_runs_by_bios", |lab| runs(lab, Boot::Bios, "own.iso"))
        .check("it_runs_by_uefi", |lab| runs(lab, Boot::Uefi, "own.iso"))
        .check("grub_mkrescue_makes_one_like_it", rescue)
        .check("that_one_runs_by_bios", |lab| {
            runs(lab, Boot::Bios, "rescue.iso")
        })
        .check("that_one_runs_by_uefi", |lab| {
            runs(lab, Boot::Uefi, "rescue.iso")
        })
        .gate("one_with_words_installs_by_itself", |lab| {
            installs(lab, Boot::Bios)
        })
        .check("the_disk_has_its_configuration", |lab| {
            installed(lab, Boot::Bios)
        })
        .gate("it_installs_by_uefi_as_well", |lab| {
            installs(lab, Boot::Uefi)
        })
        .check("that_disk_has_it_too", |lab| installed(lab, Boot::Uefi))
}

fn config(lab: &Lab) -> String {
    let key = &lab.setup.key.public;
    format!("hostname: ownbox\nssh_authorized_keys:\n- {key}\n")
}

/// Runs the released program's `k3os iso`.
fn make(lab: &Lab, config: &str, output: &str, more: &[&str]) -> Result<String> {
    let file = lab.dir.join("config.yaml");
    fs::write(&file, config).with_context(|| format!("writing {}", file.display()))?;
    let artifacts = &lab.setup.artifacts;
    let (file, output, iso) = (
        text(&file),
        text(&lab.dir.join(output)),
        text(&artifacts.iso()),
    );
    let words = ["iso", "--config", &file, "--output", &output, "--iso", &iso];
    tool::run(&text(&artifacts.program()), words.iter().chain(more))
}

fn refused(lab: &mut Lab) -> Result<()> {
    let wrong = make(lab, "hostname: a\nk3os:\n  labels: 7\n", "own.iso", &[]);
    let said = format!(
        "{:#}",
        wrong.err().context("making a wrong ISO: it was made")?
    );
    ensure!(
        said.contains("config.yaml") && said.contains("labels") && said.contains('3'),
        "making a wrong ISO: file, key and line are not all in {said}"
    );
    ensure!(
        !lab.dir.join("own.iso").exists(),
        "making a wrong ISO: there is one"
    );
    Ok(())
}

fn made(lab: &mut Lab) -> Result<()> {
    make(lab, &config(lab), "own.iso", &[])?;
    let own = lab.dir.join("own.iso");
    let mode = fs::metadata(&own).context("reading the new ISO")?;
    let mode = mode.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "making an ISO: its mode is {mode:o}");
    ensure!(
        make(lab, &config(lab), "own.iso", &[]).is_err(),
        "making an ISO twice: the first one was replaced without --force"
    );
    boots_by_both(&own)
}

/// Boots live, with the configuration that is on the ISO.
fn runs(lab: &mut Lab, by: Boot, iso: &str) -> Result<()> {
    let spec = lab.spec(by)?.cdrom(&lab.dir.join(iso));
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    expect(&guest, "hostname", "ownbox")?;
    expect(&guest, "cat /run/k3os/mode", "live")
}

/// The README's way: the ISO's directories, another menu and configuration, a new ISO.
fn rescue(lab: &mut Lab) -> Result<()> {
    let tree = lab.dir.join("tree");
    copy_out(&lab.setup.artifacts.iso(), &tree)?;
    let menu = tree.join("boot/grub/grub.cfg");
    let changed = fs::read_to_string(&menu).context("reading the menu")?;
    let changed = changed.trim_end().replace("quiet", "quiet k3os.debug") + "\n";
    fs::write(&menu, changed).context("changing the menu")?;
    fs::write(tree.join("k3os/system/config.yaml"), config(lab))
        .context("writing the configuration")?;
    let iso = lab.dir.join("rescue.iso");
    let words = ["-o", &text(&iso), &text(&tree), "--", "-volid", "K3OS"];
    tool::run("grub-mkrescue", words).context(
        "this needs grub-common, grub-pc-bin, grub-efi-amd64-bin and mtools; scripts/setup installs them",
    )?;
    tool::run("rm", ["-rf".to_owned(), text(&tree)])?;
    boots_by_both(&iso)
}

/// What `mount`, `cp` and `chmod` do with root's rights.
fn copy_out(iso: &Path, tree: &Path) -> Result<()> {
    let (iso, target) = (text(iso), text(tree));
    let inside = |path: &str| format!("{target}/{path}");
    let mut words = vec!["-osirrox".to_owned(), "on".into(), "-indev".into(), iso];
    for path in ["k3os", "boot/grub/grub.cfg"] {
        words.extend(["-extract".to_owned(), format!("/{path}"), inside(path)]);
    }
    tool::run("xorriso", words)?;
    tool::run("chmod", ["-R", "u+w", &target]).map(drop)
}

/// The volume's name, and an image to boot for each firmware.
fn boots_by_both(iso: &Path) -> Result<()> {
    let iso = text(iso);
    let words = ["-indev", &iso, "-pvd_info", "-report_el_torito", "plain"];
    let said = tool::run("xorriso", words)?;
    let has = |what: &[&str]| {
        let mut lines = said.lines();
        lines.any(|line| line.split_whitespace().collect::<Vec<_>>().ends_with(what))
    };
    ensure!(
        has(&["Volume", "Id", ":", "K3OS"]),
        "reading its name: {said}"
    );
    let image = |firmware: &str| {
        let mut images = said
            .lines()
            .filter(|line| line.starts_with("El Torito boot img"));
        images.any(|line| line.split_whitespace().any(|word| word == firmware))
    };
    ensure!(
        image("BIOS") && image("UEFI"),
        "reading what it boots by: {said}"
    );
    Ok(())
}

fn disk(lab: &Lab) -> PathBuf {
    lab.dir.join("disk")
}

fn installs(lab: &mut Lab, by: Boot) -> Result<()> {
    let words = ["--force", "--cmdline", WORDS];
    make(lab, &config(lab), "installs.iso", &words)?;
    let made = File::create(disk(lab)).and_then(|file| file.set_len(DISK));
    made.context("making a disk")?;
    let spec = lab.spec(by)?.disk(&disk(lab));
    let machine = lab.start(&spec.cdrom(&lab.dir.join("installs.iso")))?;
    machine.serial.expect("k3OS is installed", INSTALLED)?;
    let status = machine.wait_end(READY)?;
    ensure!(status.success(), "installing: QEMU ended with {status}");
    Ok(())
}

fn installed(lab: &mut Lab, by: Boot) -> Result<()> {
    let spec = lab.spec(by)?.disk(&disk(lab));
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    expect(&guest, "hostname", "ownbox")?;
    expect(&guest, "cat /run/k3os/mode", "disk")
}
