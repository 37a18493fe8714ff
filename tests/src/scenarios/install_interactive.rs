//! `sudo k3os install` by hand: the released ISO, a person on the serial line, two disks of which one is meant.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::guest::READY;
use crate::machine::{Boot, Bus, Serial, Spec};
use crate::suite::{Lab, Scenario};

/// How long a question may take.
const QUESTION: Duration = Duration::from_secs(120);
const INSTALLED: Duration = Duration::from_secs(900);
const DISK: u64 = 8 << 30;
const OTHER: u64 = 4 << 30;
const PASSWORD: &str = "open sesame";

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::sample("install-interactive")
        .gate("the_iso_logs_in_without_a_password", boot)
        .gate("a_no_at_the_end_changes_nothing", refuse)
        .gate("the_questions_lead_to_an_installed_disk", install)
        .check("the_other_disk_was_not_touched", untouched)
        .gate("the_password_logs_in_on_the_same_line", log_in)
}

fn disk(lab: &Lab, name: &str, size: u64) -> Result<PathBuf> {
    let path = lab.dir.join(name);
    let made = File::create(&path).and_then(|file| file.set_len(size));
    made.with_context(|| format!("making {}", path.display()))?;
    Ok(path)
}

fn by_bios(lab: &Lab) -> Result<Spec> {
    let disk = lab.dir.join("disk");
    Ok(lab.spec(Boot::Bios)?.disk_on(&disk, Bus::Nvme))
}

fn boot(lab: &mut Lab) -> Result<()> {
    disk(lab, "disk", DISK)?;
    let other = disk(lab, "other", OTHER)?;
    let iso = lab.setup.artifacts.iso();
    let spec = by_bios(lab)?.disk(&other).cdrom(&iso).exit_on_reboot();
    lab.start(&spec)?.serial.login("rancher", READY)
}

fn refuse(lab: &mut Lab) -> Result<()> {
    let serial = &mut lab.machine()?.serial;
    answer(serial)?;
    serial.send("n\r")?;
    serial.expect("Nothing was changed.", QUESTION)?;
    // What is typed before the shell's prompt is sudo's, which throws it away.
    serial.expect("$ ", QUESTION)?;
    let blocks = ["disk", "other"].map(|name| written(lab, name));
    for blocks in blocks {
        ensure!(blocks? == 0, "saying no: a disk was written to");
    }
    Ok(())
}

fn install(lab: &mut Lab) -> Result<()> {
    let machine = lab.machine()?;
    answer(&mut machine.serial)?;
    machine.serial.send("y\r")?;
    machine.serial.expect("k3OS is installed", INSTALLED)?;
    let status = machine.wait_end(READY)?;
    ensure!(status.success(), "installing: QEMU ended with {status}");
    let said = machine.serial.transcript().text();
    ensure!(
        !said.contains(PASSWORD),
        "typing the password: the console shows it"
    );
    Ok(())
}

/// k3OS's questions in k3OS's order, up to the last one: a wrong number, the defaults, two passwords that differ.
fn answer(serial: &mut Serial) -> Result<()> {
    serial.send("sudo k3os install\r")?;
    for (question, typed) in [
        ("Choose operation", None),
        ("Select Number [1]: ", Some("")),
        ("Installation target", None),
        ("Select Number: ", Some("3")),
        ("Please answer 1 to 2.", None),
        ("Select Number: ", Some("1")),
        ("cloud-init file? [y/N]: ", Some("")),
        ("GitHub users to SSH? [y/N]: ", Some("")),
        ("enter password for [rancher]: ", Some(PASSWORD)),
        ("Confirm password for [rancher]: ", Some("close sesame")),
        ("passwords are not the same", None),
        ("enter password for [rancher]: ", Some(PASSWORD)),
        ("Confirm password for [rancher]: ", Some(PASSWORD)),
        ("Configure WiFi? [y/N]: ", Some("perhaps")),
        ("answer y or n", None),
        ("Configure WiFi? [y/N]: ", Some("n")),
        ("server or agent?", None),
        ("Select Number [1]: ", Some("")),
        ("cluster secret (optional): ", Some("")),
        ("Steps:", None),
        (
            "Your disk /dev/nvme0n1 will be erased. Continue? [y/N]: ",
            None,
        ),
    ] {
        serial
            .expect(question, QUESTION)
            .with_context(|| format!("waiting to be asked '{question}'"))?;
        if let Some(typed) = typed {
            serial.send(&format!("{typed}\r"))?;
        }
    }
    Ok(())
}

/// Blocks of a disk's image that hold data.
fn written(lab: &Lab, name: &str) -> Result<u64> {
    let path = lab.dir.join(name);
    let facts = fs::metadata(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(facts.blocks())
}

fn untouched(lab: &mut Lab) -> Result<()> {
    let blocks = written(lab, "other")?;
    ensure!(blocks == 0, "installing: {blocks} blocks of the other disk");
    Ok(())
}

/// The serial line on which the questions were answered is a console of the installed system too.
fn log_in(lab: &mut Lab) -> Result<()> {
    let spec = by_bios(lab)?;
    let serial = &mut lab.start(&spec)?.serial;
    let wrong = serial.try_password("rancher", "close sesame", READY)?;
    ensure!(!wrong, "logging in: a wrong password lets in");
    let right = serial.retry_password("rancher", PASSWORD)?;
    ensure!(right, "logging in: the password does not let in");
    let answer = serial.run("cat /run/k3os/mode; echo; sudo -n id -u", QUESTION)?;
    let words: Vec<&str> = answer.text.split_whitespace().collect();
    ensure!(
        words == ["disk", "0"],
        "asking the installed system: {answer:?}"
    );
    Ok(())
}
