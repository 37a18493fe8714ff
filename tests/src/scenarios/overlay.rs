//! A release over a Debian that was there before: its loader and kernel stay, and it can be had back.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{clock, expect, expect_label};
use crate::bench::debian::{Root, make_plain};
use crate::bench::kernel;
use crate::guest::READY;
use crate::machine::{Boot, Spec};
use crate::suite::{Lab, Scenario};

/// For 200 MB from disk to disk, and for one program out of them, on TCG.
const UNPACK: Duration = Duration::from_secs(240);
/// The second disk is the archive itself.
const ARCHIVE: &str = "/dev/vdb";
const CONFIG: &str = "/var/lib/rancher/k3os/config.yaml";

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::sample("overlay")
        .gate("debian_boots_with_its_own_init", debian)
        .check("the_check_finds_nothing_against_it", check)
        .gate("the_archive_is_unpacked_over_it", unpack)
        .gate("the_next_boot_is_a_ready_node_on_debians_kernel", node)
        .check("the_configuration_in_debians_var_applies", configuration)
        .check("modules_are_debians", modules)
        .gate("a_root_mounted_rw_does_as_well_and_var_is_kept", writable)
        .check("time_goes_on_where_it_was_cut", |lab| {
            clock::goes_on(lab, CONFIG)
        })
        .gate("removal_gives_debian_back", remove)
        .check("debians_own_files_are_untouched", untouched)
}

fn config(key: &str) -> String {
    format!(
        "hostname: overlaybox\n\
         ssh_authorized_keys:\n- {key}\n\
         write_files:\n- path: /etc/written\n  content: by-config\n\
         boot_cmd:\n- touch /run/boot-ran\n\
         run_cmd:\n- touch /run/run-ran\n\
         k3os:\n  labels:\n    test.k3os.io/box: overlay\n"
    )
}

/// As Debian's own loader would start it.
fn spec(lab: &Lab, root: &Root, disk: &Path, how: &str) -> Result<Spec> {
    let boot = Boot::Direct {
        kernel: lab.setup.artifacts.kernel(),
        initrd: root.initrd(),
    };
    let archive = lab.dir.join("archive");
    let mut spec = lab.spec(boot)?.disk(disk).disk(&archive);
    spec.cmdline.extend(["root=/dev/vda".into(), how.into()]);
    // Debian has the key from there; the node has it from its configuration, too.
    Ok(spec.word("ssh_authorized_keys", &lab.setup.key.public))
}

/// The Debian that goes with the release's kernel.
pub fn root(lab: &Lab) -> Result<Root> {
    let kernel = kernel(&lab.setup.release()?)?;
    Root::prepare(&kernel, lab.setup.artifacts.processor)
}

fn debian(lab: &mut Lab) -> Result<()> {
    let root = root(lab)?;
    let disk = make_plain(&root, &lab.dir)?;
    std::fs::copy(lab.setup.artifacts.rootfs(), lab.dir.join("archive"))
        .context("copying the archive")?;
    let spec = spec(lab, &root, &disk, "ro")?;
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    expect(&guest, "ps -p 1 -o comm=", "systemd")
}

fn check(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let take = format!("tar zxf {ARCHIVE} --strip-components=2 -C /tmp --wildcards '*/sbin/init'");
    guest.root_with(&take, &[], UNPACK)?;
    let output = guest.try_root("/tmp/init overlay check")?;
    ensure!(output.status == 0, "checking Debian: {}", output.all());
    let json = guest.root("/tmp/init overlay check --output json")?;
    let report: serde_json::Value = serde_json::from_str(&json).context("parsing the report")?;
    ensure!(report["usable"] == true, "checking Debian: {report}");
    Ok(())
}

/// As the documentation says it.
fn unpack(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.root("touch /etc/debians-own && ls -l --full-time /sbin/ > /root/sbin-before")?;
    let unpack = format!("tar zxf {ARCHIVE} --strip-components=1 -C /");
    guest.root_with(&unpack, &[], UNPACK)?;
    guest.root(&format!("mkdir -p $(dirname {CONFIG})"))?;
    guest.write(CONFIG, &config(&lab.setup.key.public))?;
    expect(&guest, "readlink /sbin", "usr/sbin")
}

fn node(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let old = guest.boot_id()?;
    guest.try_root("sync; (sleep 1; reboot -f) > /dev/null 2>&1 &")?;
    guest.wait_other_boot(&old, READY)?;
    expect(&guest, "cat /run/k3os/mode", "local")?;
    guest.wait_ready(READY)?;
    guest.root("echo kept > /var/lib/kept").map(drop)
}

fn configuration(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(&guest, "hostname", "overlaybox")?;
    expect(&guest, "cat /etc/written", "by-config")?;
    guest.root("test -e /run/boot-ran")?;
    guest.wait_root("test -e /run/run-ran", Duration::from_secs(60))?;
    expect_label(&guest, "test.k3os.io/box", "overlay")
}

fn modules(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    // Debian has modules that our image leaves out.
    guest.root("test -d /usr/lib/modules/$(uname -r)/kernel/sound")?;
    guest.root("modprobe dummy && grep -q ^dummy /proc/modules")?;
    let output = guest.try_root("k3os overlay check")?;
    ensure!(output.status == 0, "checking the node: {}", output.all());
    Ok(())
}

/// A power cut, then another command line, on a board that does not know the time.
fn writable(lab: &mut Lab) -> Result<()> {
    lab.guest()?.root("sync")?;
    let (root, disk) = (root(lab)?, lab.dir.join("debian.disk"));
    let spec = spec(lab, &root, &disk, "rw")?.clock(clock::UNKNOWN);
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    expect(&guest, "cat /var/lib/kept", "kept")?;
    expect(&guest, "cat /run/k3os/mode", "local")?;
    guest.wait_ready(READY)
}

fn remove(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.root("k3os overlay remove")?;
    let old = guest.boot_id()?;
    guest.try_root("reboot")?;
    guest.wait_other_boot(&old, READY)?;
    expect(&guest, "ps -p 1 -o comm=", "systemd")?;
    expect(&guest, "readlink /sbin/init", "../lib/systemd/systemd")
}

fn untouched(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.root("test -e /etc/debians-own && test ! -e /etc/written")?;
    guest.root(
        "ls -l --full-time /sbin/ > /root/sbin-after && cmp /root/sbin-before /root/sbin-after",
    )?;
    guest.root("test -d /k3os/data/var").map(drop)
}
