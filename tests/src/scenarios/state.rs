//! A machine with a state disk: what it is told, what it keeps, what it forgets, how it ends.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{expect, expect_label, objects};
use crate::disk::StateTree;
use crate::guest::{POD, READY};
use crate::suite::{Lab, Scenario};

/// From the power button to off; pods are given 20 s.
const OFF: Duration = Duration::from_secs(150);
/// What identifies the machine, in one line.
const IDENTITY: &str =
    "cat /etc/machine-id; ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub; hostname";

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::sample("state")
        .gate("boots_from_a_state_disk_to_ready", boot)
        .check("the_first_configuration_keys_apply", configuration)
        .gate("leaves_traces_and_reboots", reboot)
        .check("etc_changes_are_gone", etc)
        .check("var_changes_are_kept", var)
        .check("identity_is_kept", identity)
        .check("pods_are_back", pods)
        .gate("power_button_turns_off", power_button)
        .check("pods_got_sigterm", sigterm)
        .check("the_disk_is_clean", clean)
}

fn config(key: &str) -> String {
    format!(
        "hostname: statebox\n\
         ssh_authorized_keys:\n- {key}\n\
         write_files:\n- path: /etc/written\n  content: by-config\n  permissions: '0640'\n\
         run_cmd:\n- echo $(hostname) > /run/ran\n\
         k3os:\n  token: state-token\n  labels:\n    test.k3os.io/box: state\n  environment:\n    STATE_TEST: \"yes\"\n"
    )
}

fn boot(lab: &mut Lab) -> Result<()> {
    let release = lab.setup.release()?;
    let disk = StateTree::with_release(&lab.dir.join("tree"), &release)?
        .system_config(&config(&lab.setup.key.public))?
        .into_disk(&lab.dir.join("disk"), 6144)?;
    let spec = lab.spec(lab.setup.artifacts.direct())?.disk(&disk.path);
    lab.disk = Some(disk);
    lab.start(&spec)?;
    let guest = lab.guest()?;
    guest.ssh.wait(READY)?;
    guest.wait_ready(READY)
}

fn configuration(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(&guest, "cat /run/k3os/mode", "disk")?;
    expect(&guest, "hostname", "statebox")?;
    expect(
        &guest,
        "cat /etc/written; echo; stat -c %a:%U /etc/written",
        "by-config\n640:root",
    )?;
    guest.wait_root("grep -x statebox /run/ran", Duration::from_secs(60))?;
    expect(&guest, "grep -c STATE_TEST /etc/environment", "1")?;
    expect(
        &guest,
        "grep -c state-token /var/lib/rancher/k3s/server/node-token",
        "1",
    )?;
    expect(&guest, "kubectl get nodes -o name", "node/statebox")?;
    expect_label(&guest, "test.k3os.io/box", "state")
}

/// Says on the machine's disk that it was told to end. The sync is its own: the machine must wait for it.
const TRAP: &str = "trap 'sleep 2; echo told > /data/term; exit 0' TERM; while :; do sleep 1; done";

fn reboot(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.import_test_image(&lab.setup.artifacts)?;
    let volume = objects::host_path("/var/lib/term-test");
    guest.apply(&[objects::pod_with_volume("term", TRAP, &volume)])?;
    guest.wait_pod("term")?;
    guest.root(
        "echo lost > /etc/changed; echo kept > /var/lib/changed; echo kept > /home/rancher/changed",
    )?;
    lab.noted = Some(guest.root(IDENTITY)?);
    let old = guest.boot_id()?;
    // The connection may end before the command's answer comes.
    guest.try_root("reboot")?;
    guest.wait_other_boot(&old, READY)?;
    guest.root("rm -f /var/lib/term-test/term")?;
    guest.wait_ready(READY)
}

fn etc(lab: &mut Lab) -> Result<()> {
    let output = lab.guest()?.try_root("test -e /etc/changed")?;
    ensure!(
        output.status == 1,
        "looking for /etc/changed after the reboot: {output:?}"
    );
    Ok(())
}

fn var(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(
        &guest,
        "cat /var/lib/changed /home/rancher/changed",
        "kept\nkept",
    )
}

fn identity(lab: &mut Lab) -> Result<()> {
    let now = lab.guest()?.root(IDENTITY)?;
    let before = lab.noted.clone().unwrap_or_default();
    ensure!(
        now == before,
        "comparing the identity after the reboot: was {before}, is {now}"
    );
    Ok(())
}

fn pods(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.wait_pod("term")?;
    // The API may still say what was so before the reboot; only the container's answer counts.
    guest
        .wait_root("kubectl exec term -- sh -c :", POD)
        .map(drop)
}

fn power_button(lab: &mut Lab) -> Result<()> {
    let machine = lab.machine()?;
    machine.qmp.power_button()?;
    let status = machine.wait_end(OFF)?;
    ensure!(
        status.success(),
        "pressing the power button: QEMU ended with {status}"
    );
    Ok(())
}

fn sigterm(lab: &mut Lab) -> Result<()> {
    let told = lab.state_disk()?.read_data("var/lib/term-test/term")?;
    ensure!(told == "told\n", "reading what the pod left: '{told}'");
    Ok(())
}

fn clean(lab: &mut Lab) -> Result<()> {
    lab.state_disk()?.assert_clean()
}
