//! The plug is pulled, many times: in the installation, and in the first boot after it. One disk goes through all of it, so each
//! installation begins on what the cut before it left.
//!
//! `K3OS_POWER_CUTS=50` says how often in all; a few times otherwise, for each costs a boot. A third of them comes while another
//! system is taken over, which is that scenario's.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use installer::grub::UNFINISHED;
use system::gpt;

use crate::guest::READY;
use crate::machine::{Boot, Spec};
use crate::suite::{Lab, Scenario};
use crate::tool::{self, text};

/// How often without being told.
const FEW: usize = 6;
/// Installations, first boots, takeovers.
const STORIES: usize = 3;
const DISK: u64 = 8 << 30;
const SECTOR: u64 = 512;
const INSTALLED: Duration = Duration::from_secs(900);
/// Steps of an installation onto a whole disk by BIOS: the second erases, the last writes the partition table.
const STEPS: usize = 12;
/// Between two cuts in the same step.
const STRIDE: Duration = Duration::from_millis(700);

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::full("power-cuts")
        .gate("no_cut_leaves_half_an_installation", installations)
        .gate("then_it_installs", completed)
        .check(
            "no_cut_in_the_first_boot_keeps_it_from_the_next",
            first_boots,
        )
}

/// What a disk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// What it held before: nothing.
    Nothing,
    /// The message of an installation that was not finished.
    Unfinished,
    /// A system.
    System,
}

/// How often the plug shall be pulled in each story.
pub fn cuts() -> usize {
    let told = std::env::var("K3OS_POWER_CUTS").ok();
    let all = told.and_then(|text| text.parse().ok()).unwrap_or(FEW);
    all.div_ceil(STORIES)
}

fn disk(lab: &Lab) -> PathBuf {
    lab.dir.join("disk")
}

fn installing(lab: &Lab) -> Result<Spec> {
    let iso = lab.setup.artifacts.iso();
    let spec = lab.direct()?.one_processor();
    let spec = spec.cdrom(&iso).disk(&disk(lab));
    let words = [
        ("k3os.mode", "install"),
        ("k3os.install.silent", "true"),
        ("k3os.install.device", "smallest"),
        ("k3os.install.power_off", "true"),
    ];
    Ok(words
        .iter()
        .fold(spec, |spec, (key, value)| spec.word(key, value)))
}

fn installed(lab: &Lab) -> Result<Spec> {
    let spec = lab.spec(Boot::Bios)?.one_processor();
    Ok(spec.disk(&disk(lab)))
}

/// The step in which a cut comes: a few are spread over all of them, more go through them again and again.
fn step_of(cut: usize, cuts: usize) -> usize {
    match cuts {
        0..STEPS => 1 + cut * (STEPS - 1) / cuts.saturating_sub(1).max(1),
        _ => 1 + cut % STEPS,
    }
}

/// Whether a disk may hold this after an installation that said so much: what was there is there until the step that erases, and a
/// system is there from the step on that writes the table.
fn is_allowed(before: Holds, after: Holds, said: &str) -> bool {
    let reached = |step: usize| said.contains(&format!("[{step}/{STEPS}]"));
    match after {
        Holds::Unfinished => before == after || reached(2),
        Holds::System if reached(STEPS) => true,
        Holds::Nothing | Holds::System => before == after && !reached(3),
    }
}

fn installations(lab: &mut Lab) -> Result<()> {
    let path = disk(lab);
    let made = File::create(&path).and_then(|file| file.set_len(DISK));
    made.with_context(|| format!("making {}", path.display()))?;
    let mut seen = Vec::new();
    for cut in 0..cuts() {
        let before = holds(&path)?;
        let step = step_of(cut, cuts());
        let spec = installing(lab)?;
        let serial = &lab.start(&spec)?.serial;
        serial.expect(&format!("[{step}/{STEPS}]"), INSTALLED)?;
        thread::sleep(STRIDE * u32::try_from(cut / STEPS)?);
        let said = Arc::clone(serial.transcript());
        lab.stop();
        let after = holds(&path)?;
        eprintln!("      cut {cut} in step {step}: {before:?} before, {after:?} after");
        ensure!(
            is_allowed(before, after, &said.text()),
            "pulling the plug in step {step}: the disk held {before:?} and holds {after:?}"
        );
        seen.push(after);
    }
    let count = |wanted| seen.iter().filter(|holds| **holds == wanted).count();
    eprintln!(
        "      {} cuts of installations: {} left nothing, {} unfinished, {} a system",
        seen.len(),
        count(Holds::Nothing),
        count(Holds::Unfinished),
        count(Holds::System)
    );
    Ok(())
}

/// Whatever the cuts left, an installation that is not cut gives a system.
fn completed(lab: &mut Lab) -> Result<()> {
    let spec = installing(lab)?;
    let machine = lab.start(&spec)?;
    machine.serial.expect("k3OS is installed", INSTALLED)?;
    machine.wait_end(READY)?;
    ensure!(
        holds(&disk(lab))? == Holds::System,
        "installing after all cuts: there is no system"
    );
    Ok(())
}

fn first_boots(lab: &mut Lab) -> Result<()> {
    let (path, kept) = (disk(lab), lab.dir.join("installed"));
    tool::run("cp", ["--sparse=always", &text(&path), &text(&kept)])?;
    let whole = boot(lab)?;
    let cuts = u32::try_from(cuts())?;
    for cut in 0..cuts {
        // From the loader to the node's first seconds; each on a disk that was never booted.
        tool::run("cp", ["--sparse=always", &text(&kept), &text(&path)])?;
        let spec = installed(lab)?;
        lab.start(&spec)?;
        thread::sleep(whole * (cut + 1) / cuts);
        lab.stop();
        let took = boot(lab).with_context(|| format!("booting after cut {cut} of {cuts}"))?;
        eprintln!(
            "      cut {cut} of the first boot: the next took {} s",
            took.as_secs()
        );
    }
    eprintln!("      {cuts} cuts of first boots: each booted the next time");
    fs::remove_file(&kept).context("removing the disk's copy")
}

/// Boots the disk until it can be logged into, and pulls the plug. Gives how long that took.
fn boot(lab: &mut Lab) -> Result<Duration> {
    let begun = Instant::now();
    let spec = installed(lab)?;
    lab.start(&spec)?;
    lab.guest()?.ssh.wait(READY)?;
    lab.guest()?.root("grep -qx disk /run/k3os/mode")?;
    let took = begun.elapsed();
    lab.stop();
    Ok(took)
}

/// Looks at a disk as firmware does; a system's file system is checked too. Anything else is an error.
pub fn holds(path: &Path) -> Result<Holds> {
    let mut head = [0; 440];
    File::open(path)
        .and_then(|file| file.read_exact_at(&mut head, 0))
        .with_context(|| format!("reading {}", path.display()))?;
    // Without its first sector a table does not count, however whole it is.
    if head.starts_with(UNFINISHED) {
        return Ok(Holds::Unfinished);
    }
    let Some(entries) = gpt::read(path, SECTOR)? else {
        return match head {
            head if head.iter().all(|byte| *byte == 0) => Ok(Holds::Nothing),
            _ => bail!("{} has no table and does not say why", path.display()),
        };
    };
    let state = entries.last().context("the table is empty")?;
    let offset = format!("{}?offset={}", text(path), state.start);
    tool::run("e2fsck", ["-fn", &offset]).context("checking the state partition")?;
    Ok(Holds::System)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_cuts_are_spread_over_all_steps_and_many_repeat_them() {
        let steps = |cuts| (0..cuts).map(|cut| step_of(cut, cuts)).collect::<Vec<_>>();
        assert_eq!(steps(1), [1]);
        assert_eq!(steps(3), [1, 6, 12]);
        assert_eq!(steps(25)[11..14], [12, 1, 2]);
    }

    #[test]
    fn half_a_system_is_never_allowed() {
        use Holds::{Nothing, System, Unfinished};
        let checked = "[1/12] checking\n";
        let begun = "[1/12] checking\n[2/12] erasing\n";
        let copying = "[2/12] erasing\n[3/12] dividing\n[8/12] copying\n";
        let written = "[2/12] erasing\n[3/12] dividing\n[12/12] writing\n";
        assert!(is_allowed(Nothing, Nothing, checked) && is_allowed(System, System, checked));
        assert!(!is_allowed(System, Unfinished, checked) && is_allowed(System, Unfinished, begun));
        assert!(!is_allowed(System, System, copying) && !is_allowed(Nothing, Nothing, copying));
        assert!(
            is_allowed(Unfinished, System, written) && is_allowed(Nothing, Unfinished, written)
        );
        assert!(!is_allowed(Unfinished, System, copying) && !is_allowed(System, Nothing, begun));
    }
}
