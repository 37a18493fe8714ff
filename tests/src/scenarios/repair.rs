//! A state disk whose file system was damaged: the machine repairs it, boots, and says so.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::disk::StateTree;
use crate::guest::READY;
use crate::machine::Net;
use crate::suite::{Lab, Scenario};
use crate::tool::{self, text};

const PROMPT: Duration = Duration::from_secs(120);
/// What debugfs does to the disk: a directory loses its inode, and the kernel has noted an error.
const DAMAGE: [&str; 2] = ["clri /k3os/data/var/lib/lost", "set_super_value state 2"];

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::sample("damaged-state")
        .gate("is_repaired_and_boots_to_a_login", boot)
        .check("the_repair_is_told", told)
        .check("what_was_whole_is_kept", kept)
}

fn boot(lab: &mut Lab) -> Result<()> {
    let release = lab.setup.release()?;
    let disk = StateTree::with_release(&lab.dir.join("tree"), &release)?
        .var("lib/lost/file", "found again\n")?
        .var("lib/whole", "kept\n")?
        .into_disk(&lab.dir.join("disk"), 2048)?;
    for command in DAMAGE {
        tool::run("debugfs", ["-w", "-R", command, &text(&disk.path)])?;
    }
    let spec = lab.direct()?.disk(&disk.path).net(Net::Offline);
    lab.start(&spec)?;
    lab.guest()?.ssh.wait(READY)
}

fn told(lab: &mut Lab) -> Result<()> {
    let log = lab.guest()?.root("cat /run/k3os/e2fsck.log")?;
    ensure!(
        log.contains("e2fsck -p") && log.contains("e2fsck -f -y"),
        "reading the log of the repair: it says '{log}'"
    );
    let shown = lab.machine()?.serial.expect("login:", PROMPT)?;
    ensure!(
        shown.contains("was repaired at this boot"),
        "reading the text above the login prompt: no repair is in it:\n{shown}"
    );
    Ok(())
}

fn kept(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    super::expect(&guest, "cat /var/lib/whole", "kept")?;
    let found = "cat /run/k3os/state/lost+found/*";
    super::expect(&guest, found, "found again")
}
