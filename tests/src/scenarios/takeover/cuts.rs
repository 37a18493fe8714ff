//! The plug is pulled while a system is taken over: while the release is copied beside it, and while its files are moved.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::debian::{START, UUID};
use super::{BACK, LIMIT, MOUNT, MOVED, PROGRAM, TAKE_OVER, bios, disk, ended, is_as_before};
use crate::guest::READY;
use crate::scenarios::power_cuts;
use crate::suite::Lab;
use crate::tool::{self, text};

/// The step before the files are moved, as the initrd tells it.
const MOUNTED: &str = "mounting them";
/// How long moving them took under TCG, with all of it written to its final place. The cuts are spread over this.
const MOVING: Duration = Duration::from_millis(450);

/// A cut while the release is copied: the other system boots as before, and can be prepared again.
pub fn while_prepared(lab: &mut Lab) -> Result<()> {
    // sudo hangs up its own terminal when the shell ends; what is left in the background must outlive that.
    let command = format!("{PROGRAM} {TAKE_OVER} --yes /dev/vda1 /mnt/iso");
    let guest = lab.guest()?;
    guest.root(&format!(
        "trap '' HUP; setsid -f {command} < /dev/null > /dev/ttyS0 2>&1"
    ))?;
    lab.machine()?.serial.expect("copying the release", LIMIT)?;
    lab.stop();
    let spec = bios(lab)?;
    lab.start(&spec)?;
    lab.guest()?.ssh.wait(READY)?;
    is_as_before(lab)?;
    lab.guest()?.root(MOUNT).map(drop)
}

/// Cuts while files are moved, each on the same prepared disk: the next boot goes on, or brings the other system back.
pub fn while_moved(lab: &mut Lab) -> Result<()> {
    let (path, kept) = (disk(lab), lab.dir.join("prepared"));
    copy(&path, &kept)?;
    let cuts = power_cuts::cuts();
    for cut in 0..cuts {
        copy(&kept, &path)?;
        moving(lab, &[])?.serial.expect(MOUNTED, LIMIT)?;
        let (number, of) = (u32::try_from(cut + 1)?, u32::try_from(cuts + 1)?);
        thread::sleep(MOVING * number / of);
        lab.stop();
        let left = if is_there(&path, "/etc/hostname")? {
            "nothing was moved"
        } else {
            "something was moved"
        };
        let undo = cut % 2 == 1;
        if undo { undone(lab) } else { gone_on(lab) }
            .with_context(|| format!("booting after cut {cut} of {cuts}, where {left}"))?;
        let then = if undo { "brought back" } else { "moved aside" };
        eprintln!(
            "      cut {cut} of {cuts} while files are moved: {left}, then all of it is {then}"
        );
    }
    copy(&kept, &path)?;
    fs::remove_file(&kept).context("removing the disk's copy")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let words = ["--sparse=always", &text(from), &text(to)];
    tool::run("cp", words).map(drop)
}

/// Starts the initrd as the takeover's menu does.
fn moving<'a>(lab: &'a mut Lab, more: &[&str]) -> Result<&'a mut crate::machine::Machine> {
    let spec = lab.spec(lab.setup.artifacts.direct())?.one_processor();
    let spec = spec.disk(&disk(lab));
    let mut spec = spec.exit_on_reboot().word("k3os.takeover", UUID);
    spec.cmdline
        .extend(more.iter().map(|word| (*word).to_owned()));
    lab.start(&spec)
}

/// The cut may have come when all was done: then k3OS boots instead of switching off.
fn gone_on(lab: &mut Lab) -> Result<()> {
    let serial = &moving(lab, &[])?.serial;
    let (seen, _) = serial.transcript().expect_any(&[MOVED, "login: "], LIMIT)?;
    if seen == 0 {
        ended(lab)?;
        check(&disk(lab))?;
    }
    lab.stop();
    let path = disk(lab);
    all(
        &path,
        &[
            "/k3os/takeover/old-root/etc/hostname",
            "/k3os/data/var/kept/srv/db/table",
        ],
    )?;
    ensure!(
        !is_there(&path, "/etc/hostname")? && !is_there(&path, "/srv")?,
        "looking at the disk: not all of it was moved"
    );
    Ok(())
}

fn undone(lab: &mut Lab) -> Result<()> {
    let serial = &moving(lab, &["k3os.undo_takeover"])?.serial;
    serial.expect(BACK, LIMIT)?;
    ended(lab)?;
    let path = disk(lab);
    check(&path)?;
    all(
        &path,
        &["/etc/hostname", "/srv/db/table", "/boot/grub/grub.cfg"],
    )?;
    ensure!(
        !is_there(&path, "/k3os/takeover/old-root")?,
        "looking at the disk: not all of it is back"
    );
    Ok(())
}

/// The file system on the disk's partition, for e2fsprogs.
fn file_system(disk: &Path) -> PathBuf {
    PathBuf::from(format!("{}?offset={START}", disk.display()))
}

fn check(disk: &Path) -> Result<()> {
    let words = ["-fn".to_owned(), text(&file_system(disk))];
    tool::run("e2fsck", words).map(drop)
}

fn all(disk: &Path, paths: &[&str]) -> Result<()> {
    for path in paths {
        ensure!(
            is_there(disk, path)?,
            "looking at the disk: there is no {path}"
        );
    }
    Ok(())
}

/// debugfs ends with 0 whether the file is there or not.
fn is_there(disk: &Path, path: &str) -> Result<bool> {
    let (command, image) = (format!("stat {path}"), text(&file_system(disk)));
    let said = tool::run("debugfs", ["-R", &command, &image])?;
    Ok(said.contains("Inode:"))
}
