//! The rescue entry of an installed disk whose configuration has a password.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::disk::StateTree;
use crate::machine::Net;
use crate::suite::{Lab, Scenario};

const PROMPT: Duration = Duration::from_secs(150);

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::sample("rescue-login")
        .gate("asks_for_the_password", asks)
        .check("a_wrong_one_and_ctrl_c_open_nothing", wrong)
        .check("the_right_one_opens_a_root_shell", right)
}

fn asks(lab: &mut Lab) -> Result<()> {
    let release = lab.setup.release()?;
    let tree = StateTree::with_release(&lab.dir.join("tree"), &release)?;
    let tree = tree.system_config("k3os:\n  password: open sesame\n")?;
    let disk = tree.into_disk(&lab.dir.join("disk"), 2048)?;
    let mut spec = lab.direct()?.disk(&disk.path).net(Net::NoCard);
    spec.cmdline.push("rescue".into());
    let serial = &mut lab.start(&spec)?.serial;
    serial.expect("Press Enter for the rescue shell", PROMPT)?;
    serial.send("\r")?;
    serial.expect("Password: ", PROMPT).map(drop)
}

fn wrong(lab: &mut Lab) -> Result<()> {
    let serial = &mut lab.machine()?.serial;
    serial.send("close sesame\r")?;
    serial.expect("That is not the password", PROMPT)?;
    serial.expect("Password: ", PROMPT)?;
    serial.send("\u{3}\u{1c}\r")?;
    serial.expect("That is not the password", PROMPT)?;
    serial.expect("Password: ", PROMPT).map(drop)
}

fn right(lab: &mut Lab) -> Result<()> {
    let serial = &mut lab.machine()?.serial;
    serial.send("open sesame\r")?;
    let answer = serial.run("id -u", PROMPT)?;
    ensure!(
        answer.text.trim() == "0",
        "using the rescue shell: {answer:?}"
    );
    Ok(())
}
