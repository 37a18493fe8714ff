//! A machine that panics or hangs starts again by itself.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::guest::READY;
use crate::machine::Spec;
use crate::suite::{Lab, Scenario};

/// From a panic to the next message: ten seconds of the kernel's, and a boot under TCG.
const AGAIN: Duration = Duration::from_secs(240);
/// What the machine is asked for; its loop's lease and the slowest of emulators come on top.
const SECONDS: &str = "20";
const PANIC: &str = "Kernel panic - not syncing";
/// Takes kernel and machine down at once.
const CRASH: &str = "echo c > /proc/sysrq-trigger";

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::sample("watchdog")
        .gate("a_panic_in_the_initrd_restarts", panic_in_the_initrd)
        .gate("is_fed_before_other_drivers_are_loaded", boots)
        .gate("a_hung_pid_1_restarts", hang)
        .gate("a_panic_in_the_second_stage_restarts", panic)
}

fn panic_in_the_initrd(lab: &mut Lab) -> Result<()> {
    let spec = lab.direct()?.word("k3os.mode", "lvie");
    let serial = &mut lab.start(&spec)?.serial;
    serial.expect("could not boot", AGAIN)?;
    serial.expect("Press Enter", AGAIN)?;
    serial.send("\r")?;
    serial.expect("rescue# ", AGAIN)?;
    serial.send(&format!("{CRASH}\r"))?;
    serial.expect(PANIC, AGAIN)?;
    serial.expect("could not boot", AGAIN).map(drop)
}

fn spec(lab: &Lab) -> Result<Spec> {
    let mut spec = lab.live()?.word("k3os.watchdog", SECONDS).watchdog();
    spec.cmdline.push("k3os.debug".into());
    // The node has nothing to do with it.
    Ok(spec.word("systemd.mask", "k3s.service"))
}

fn boots(lab: &mut Lab) -> Result<()> {
    let spec = spec(lab)?;
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    let events = guest.root("cat /run/k3os/boot-events.jsonl")?;
    let place = |text: &str| events.lines().position(|line| line.contains(text));
    let (fed, drivers) = (place("feeding i6300"), place("loading drivers"));
    ensure!(
        fed.is_some() && fed < drivers,
        "looking for the watchdog in the boot events:\n{events}"
    );
    Ok(())
}

fn hang(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let boot = guest.boot_id()?;
    guest.root("nohup k3os internal hang --ms 3600000 >/dev/null 2>&1 </dev/null &")?;
    guest.wait_other_boot(&boot, AGAIN)
}

fn panic(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let boot = guest.boot_id()?;
    // The answer never comes.
    let _ = guest.root(&format!("(sleep 1; {CRASH}) >/dev/null 2>&1 </dev/null &"));
    lab.machine()?.serial.expect(PANIC, AGAIN)?;
    guest.wait_other_boot(&boot, AGAIN)
}
