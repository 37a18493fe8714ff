//! The plug is pulled while our first boot moves a Debian aside, and while it brings it back.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{
    LIMIT, bios, boots, came_along, disk, is_as_before, own_grub, prepared_for_an_image, undoing,
};
use crate::guest::READY;
use crate::machine::Spec;
use crate::scenarios::expect;
use crate::scenarios::power_cuts::cuts;
use crate::suite::{Lab, Scenario};
use crate::tool::{self, text};

/// What our initrd says right before it touches the disk, and what it says when it has done its work.
const BEGINS: &str = "finding the medium and the state partition (";
const MOVED: &str = "The other system is moved aside. Power off.";
const BACK: &str = "The other system is back.";
/// What each system says at its end of the boot.
const OURS: &str = "k3OS v";
const DEBIANS: &str = "olddebian login:";

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::full("takeover-cuts")
        .gate("debian_installs_its_own_grub", own_grub)
        .gate("debian_boots_by_it", boots)
        .gate("it_is_prepared", prepared_for_an_image)
        .gate("a_cut_move_is_gone_on_with", moving)
        .gate("then_it_is_k3os_with_all_that_was_kept", ours)
        .check("a_cut_way_back_is_gone_on_with", going_back)
}

fn moving(lab: &mut Lab) -> Result<()> {
    let spec = bios(lab)?;
    let whole = cut_all(lab, &spec, MOVED, |lab| {
        let spec = bios(lab)?;
        let console = &lab.start(&spec)?.serial;
        let (which, _) = console.transcript().expect_any(&[MOVED, OURS], LIMIT)?;
        Ok(["it was gone on with", "it had ended"][which])
    })?;
    eprintln!("      moving aside takes {} ms", whole.as_millis());
    Ok(())
}

fn ours(lab: &mut Lab) -> Result<()> {
    // The last cut's second boot was to power itself off, or it runs already: either way the plug is pulled.
    let spec = bios(lab)?;
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    expect(&guest, "cat /run/k3os/mode", "disk")?;
    came_along(lab)?;
    lab.stop();
    Ok(())
}

fn going_back(lab: &mut Lab) -> Result<()> {
    let spec = undoing(lab)?;
    let whole = cut_all(lab, &spec, BACK, |lab| {
        let spec = bios(lab)?;
        let console = &lab.start(&spec)?.serial;
        let (which, _) = console.transcript().expect_any(&[BACK, DEBIANS], LIMIT)?;
        Ok(["it was gone on with", "it had ended"][which])
    })?;
    eprintln!("      bringing back takes {} ms", whole.as_millis());
    let spec = bios(lab)?;
    lab.start(&spec)?;
    lab.guest()?.ssh.wait(READY)?;
    is_as_before(lab)
}

/// Boots `spec` once to its end for its time, then again and again from the same disk, and pulls the plug at times spread over
/// it; `next` boots what is left and tells what came of it. Gives the time from `BEGINS` to `end`.
fn cut_all(
    lab: &mut Lab,
    spec: &Spec,
    end: &str,
    next: fn(&mut Lab) -> Result<&'static str>,
) -> Result<Duration> {
    let (path, kept) = (disk(lab), lab.dir.join("kept"));
    copy(&path, &kept)?;
    let whole = window(lab, spec, end)?;
    let cuts = u32::try_from(cuts())?;
    for cut in 1..=cuts {
        copy(&kept, &path)?;
        lab.start(spec)?.serial.expect(BEGINS, LIMIT)?;
        thread::sleep(whole * cut / (cuts + 1));
        lab.stop();
        let told = next(lab).with_context(|| format!("booting after cut {cut} of {cuts}"))?;
        eprintln!("      cut {cut} of {cuts}: {told}");
    }
    Ok(whole)
}

fn window(lab: &mut Lab, spec: &Spec, end: &str) -> Result<Duration> {
    let machine = lab.start(spec)?;
    machine.serial.expect(BEGINS, LIMIT)?;
    let begun = Instant::now();
    machine.serial.expect(end, LIMIT)?;
    let whole = begun.elapsed();
    lab.stop();
    Ok(whole)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    tool::run("cp", ["--sparse=always", &text(from), &text(to)]).map(drop)
}
