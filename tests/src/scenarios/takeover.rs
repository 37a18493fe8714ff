//! A Debian with its own kernel and GRUB becomes k3OS, and back, and for good.

mod cuts;
mod debian;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::expect;
use crate::guest::READY;
use crate::machine::{Boot, Spec};
use crate::suite::{Lab, Scenario};
use crate::tool::{self, text};
use debian::{Debian, UUID};

/// How long our initrd or Debian's boot or shutdown may take.
const LIMIT: Duration = Duration::from_secs(600);
/// What our initrd says when it is done.
const MOVED: &str = "The other system is moved aside. Power off.";
const BACK: &str = "The previous system is restored";
/// Where our program is found on Debian: in the release on the ISO.
const PROGRAM: &str = "/mnt/usr/bin/k3os";
const MOUNT: &str = "mkdir -p /mnt/iso /mnt/usr && mount -o ro /dev/vdb /mnt/iso && \
                     mount -o loop,ro /mnt/iso/k3os/system/releases/*/rootfs.squashfs /mnt/usr";
const TAKE_OVER: &str =
    "install --takeover --no-format --tty ttyS0 --keep /srv/db --adopt keys,host-keys,hostname";

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::full("takeover")
        .gate("debian_installs_its_own_grub", own_grub)
        .gate("debian_boots_by_it", boots)
        .check("what_cannot_be_taken_over_is_refused", refused)
        .check("the_plan_is_shown_and_nothing_done", dry_run)
        .check("it_is_taken_back_before_the_boot", undone_at_once)
        .gate(
            "a_cut_while_it_is_prepared_changes_nothing",
            cuts::while_prepared,
        )
        .gate("it_is_prepared_for_an_image", prepared_for_an_image)
        .gate("no_cut_while_files_are_moved_loses_any", cuts::while_moved)
        .gate("the_boot_moves_it_aside_and_powers_off", moved)
        .gate("the_menu_s_last_entry_brings_it_back", brought_back)
        .gate(
            "debian_boots_as_before_and_is_prepared_again",
            prepared_again,
        )
        .gate("the_next_boot_is_k3os", taken)
        .check("names_keys_and_files_came_along", came_along)
        .check("debian_is_deleted_when_it_has_booted_well", deleted)
}

fn disk(lab: &Lab) -> PathBuf {
    lab.dir.join("disk")
}

/// By its own loader, with our ISO as a second disk: a CD would be booted first.
fn bios(lab: &Lab) -> Result<Spec> {
    let iso = lab.dir.join("iso");
    if !iso.exists() {
        tool::run("cp", [text(&lab.setup.artifacts.iso()), text(&iso)])?;
    }
    let spec = lab.spec(Boot::Bios)?.one_processor();
    Ok(spec.disk(&disk(lab)).disk(&iso))
}

fn own_grub(lab: &mut Lab) -> Result<()> {
    let debian = Debian::prepare()?;
    debian.disk(&lab.setup.key.public, &disk(lab), &lab.dir.join("root"))?;
    let spec = lab.spec(debian.boot()?)?.one_processor().disk(&disk(lab));
    let spec = spec.word("root", &format!("UUID={UUID}"));
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    guest.root("grub-install /dev/vda && update-grub && sync")?;
    power_off(lab)
}

fn power_off(lab: &mut Lab) -> Result<()> {
    // The connection may be gone before the answer.
    let _ = lab.guest()?.try_root("systemctl poweroff");
    ended(lab)
}

fn ended(lab: &mut Lab) -> Result<()> {
    let status = lab.machine()?.wait_end(LIMIT)?;
    ensure!(
        status.success(),
        "waiting for power off: QEMU ended with {status}"
    );
    Ok(())
}

fn boots(lab: &mut Lab) -> Result<()> {
    let spec = bios(lab)?;
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    guest.root(MOUNT)?;
    lab.noted =
        Some(guest.root("md5sum < /boot/grub/grub.cfg; cat /etc/ssh/ssh_host_ed25519_key.pub")?);
    Ok(())
}

fn refused(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let cases = [
        ("/dev/vdb /mnt/iso", "the root is on /dev/vda1"),
        ("/dev/vda1", "the release was not named"),
        (
            "/dev/vda1 /mnt/iso --keep /etc",
            "as a whole cannot be carried over",
        ),
    ];
    for (words, wanted) in cases {
        let command = format!("{PROGRAM} install --takeover --no-format --yes {words}");
        let answer = guest.try_root(&command)?;
        ensure!(
            answer.status == 1 && answer.all().contains(wanted),
            "running '{command}': '{wanted}' expected, it said {answer:?}"
        );
    }
    guest.root("test ! -e /k3os").map(drop)
}

fn dry_run(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let said = guest.root(&format!(
        "{PROGRAM} {TAKE_OVER} --dry-run /dev/vda1 /mnt/iso"
    ))?;
    for part in [
        "taken over from Debian",
        "the name olddebian",
        "/srv/db will be /var/kept/srv/db",
    ] {
        ensure!(
            said.contains(part),
            "showing the plan: no '{part}' in {said}"
        );
    }
    guest.root("test ! -e /k3os").map(drop)
}

fn prepare(lab: &Lab, more: &str) -> Result<()> {
    let command = format!("{PROGRAM} {TAKE_OVER} {more} --yes /dev/vda1 /mnt/iso");
    let said = lab.guest()?.root_with(&command, &[], LIMIT)?;
    ensure!(
        said.contains("at its next boot"),
        "preparing: it said {said}"
    );
    Ok(())
}

fn undone_at_once(lab: &mut Lab) -> Result<()> {
    prepare(lab, "")?;
    let guest = lab.guest()?;
    let status = guest.root(&format!("{PROGRAM} takeover"))?;
    ensure!(
        status.contains("the next boot moves Debian"),
        "asking for its state: {status}"
    );
    guest.root(&format!("{PROGRAM} takeover --undo --yes"))?;
    is_as_before(lab)
}

fn is_as_before(lab: &Lab) -> Result<()> {
    let now = lab
        .guest()?
        .root("md5sum < /boot/grub/grub.cfg; cat /etc/ssh/ssh_host_ed25519_key.pub")?;
    ensure!(
        lab.noted.as_ref() == Some(&now),
        "comparing with before: {now}"
    );
    expect(
        &lab.guest()?,
        "cat /srv/db/table; ls /k3os/takeover/old-root 2>/dev/null; true",
        "rows",
    )
}

fn prepared_for_an_image(lab: &mut Lab) -> Result<()> {
    prepare(lab, "--poweroff")?;
    power_off(lab)
}

fn moved(lab: &mut Lab) -> Result<()> {
    let spec = bios(lab)?;
    let machine = lab.start(&spec)?;
    machine.serial.expect(MOVED, LIMIT)?;
    ended(lab)
}

/// As the menu's entry does: the same kernel, initrd and words.
fn brought_back(lab: &mut Lab) -> Result<()> {
    let spec = lab
        .spec(lab.setup.artifacts.direct())?
        .disk(&disk(lab))
        .exit_on_reboot();
    let mut spec = spec.word("k3os.takeover", UUID);
    spec.cmdline.push("k3os.undo_takeover".to_owned());
    let machine = lab.start(&spec)?;
    machine.serial.expect(BACK, LIMIT)?;
    ended(lab)
}

fn prepared_again(lab: &mut Lab) -> Result<()> {
    let spec = bios(lab)?;
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    is_as_before(lab)?;
    guest.root(MOUNT)?;
    prepare(lab, "")
}

fn taken(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let before = guest.boot_id()?;
    let _ = guest.try_root("systemctl reboot");
    guest.wait_other_boot(&before, READY)?;
    expect(&guest, "cat /run/k3os/mode", "disk")
}

fn came_along(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(&guest, "hostname", "olddebian")?;
    expect(&guest, "cat /var/kept/srv/db/table", "rows")?;
    let key = guest.root("cat /var/lib/rancher/k3os/ssh/ssh_host_ed25519_key.pub")?;
    let known = lab.noted.as_deref().unwrap_or_default();
    ensure!(known.contains(key.trim()), "comparing the host key: {key}");
    Ok(())
}

fn deleted(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.wait_root("test ! -e /run/k3os/state/k3os/takeover", LIMIT)?;
    guest.root("grep -q K3OS_STATE /run/k3os/state/boot/grub/grub.cfg")?;
    expect(&guest, "k3os takeover", "No takeover is under way.")
}
