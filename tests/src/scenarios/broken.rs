//! Machines that cannot boot: they say why, and give a shell.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::disk::{StateDisk, StateTree};
use crate::machine::{Net, Serial, Spec};
use crate::suite::{Lab, Scenario};

/// The initrd waits 30 s for a medium that was asked for, and TCG takes its time before.
const MESSAGE: Duration = Duration::from_secs(150);

/// The scenarios.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::sample("wrong-mode").gate("names_it_and_gives_a_shell", wrong_mode),
        Scenario::sample("damaged-squashfs").gate("names_it_and_gives_a_shell", damaged),
        Scenario::full("cut-squashfs").gate("names_it_and_gives_a_shell", cut_short),
        Scenario::sample("missing-medium").gate("names_it_and_gives_a_shell", missing_medium),
    ]
}

fn wrong_mode(lab: &mut Lab) -> Result<()> {
    let spec = lab.direct()?.word("k3os.mode", "lvie");
    rescued(lab, spec, &["k3os.mode=lvie", "live"])
}

fn missing_medium(lab: &mut Lab) -> Result<()> {
    let spec = lab.direct()?.word("k3os.mode", "live");
    rescued(lab, spec, &["K3OS"])
}

fn damaged(lab: &mut Lab) -> Result<()> {
    let disk = disk_with(lab, |squashfs| {
        let mut file = OpenOptions::new().write(true).open(squashfs)?;
        file.write_all(&[0; 4096])
    })?;
    let spec = lab.direct()?.disk(&disk.path);
    rescued(lab, spec, &["rootfs.squashfs", "damaged"])
}

fn cut_short(lab: &mut Lab) -> Result<()> {
    let disk = disk_with(lab, |squashfs| {
        let half = fs::metadata(squashfs)?.len() / 2;
        OpenOptions::new().write(true).open(squashfs)?.set_len(half)
    })?;
    let spec = lab.direct()?.disk(&disk.path);
    rescued(lab, spec, &["rootfs.squashfs", "cut short"])
}

fn disk_with(
    lab: &Lab,
    damage: impl Fn(&std::path::Path) -> std::io::Result<()>,
) -> Result<StateDisk> {
    let release = lab.setup.release()?;
    let tree = StateTree::with_release(&lab.dir.join("tree"), &release)?;
    let squashfs = tree.squashfs(&release);
    damage(&squashfs).with_context(|| format!("damaging {}", squashfs.display()))?;
    tree.into_disk(&lab.dir.join("disk"), 2048)
}

/// Boots `spec`, expects `words` in what the console says before the rescue shell, and uses the shell.
fn rescued(lab: &mut Lab, spec: Spec, words: &[&str]) -> Result<()> {
    let serial = &mut lab.start(&spec.net(Net::NoCard))?.serial;
    told(serial, words, MESSAGE)?;
    serial.send("\r")?;
    serial.expect("rescue# ", MESSAGE)?;
    let answer = serial.run("echo $((6*7)); test -r /proc/cmdline", MESSAGE)?;
    ensure!(
        answer.status == 0 && answer.text.contains("42"),
        "using the rescue shell: it answered {answer:?}"
    );
    Ok(())
}

/// Expects words in what the console says before it offers the rescue shell.
pub fn told(serial: &Serial, words: &[&str], limit: Duration) -> Result<()> {
    // Before that the kernel repeats its command line, which also holds the words.
    serial.expect("could not boot", limit)?;
    let said = serial.expect("rescue shell", limit)?;
    for word in words {
        ensure!(
            said.contains(word),
            "reading the message: '{word}' is not in it:\n{said}"
        );
    }
    Ok(())
}
