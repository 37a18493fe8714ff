//! Each phase sees the files and the command line, what commands print is kept, and bad values disable nothing else.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::expect;
use crate::disk::StateTree;
use crate::guest::READY;
use crate::suite::{Lab, Scenario};

const SOON: Duration = Duration::from_secs(120);
/// `/var/lib/once` is there before.
const CONFIG: &str = "\
write_files:
- {path: /etc/boot-only, phase: boot, content: boot}
- {path: /var/lib/once, write: once, content: by-config}
- {path: /etc/bad-mode, permissions: 999, content: x}
- {path: /etc/bad-owner, owner: nobody-at-all, content: x}
init_cmd:
- hostname > /run/init-name; echo \"$FROM_CONFIG\" > /run/init-variable
boot_cmd:
- cat /etc/boot-only > /run/boot-cmd
- echo heard; exit 3
- sleep 600
- echo after > /run/after-failures
k3os:
  command_timeout: 5
  environment: {FROM_CONFIG: \"a b $c\"}
  sysctls: {kernel.printk: 4 4 1 7, vm.max_map_count: 1048576}
";

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::sample("phases")
        .gate("boots_with_files_and_cmdline", boot)
        .check("every_phase_sees_the_files", files)
        .check("every_phase_sees_the_command_line", cmdline)
        .check("failing_and_endless_commands_end_nothing_else", failures)
        .check("bad_entries_are_named_and_not_written", bad)
        .check("a_file_that_is_written_once_is_the_user_s", once)
        .check("applying_again_changes_nothing", idempotent)
        .check("diff_tells_what_a_new_key_would_do", diff)
}

fn boot(lab: &mut Lab) -> Result<()> {
    let release = lab.setup.release()?;
    let disk = StateTree::with_release(&lab.dir.join("tree"), &release)?
        .system_config(CONFIG)?
        .var("lib/once", "by-user")?
        .into_disk(&lab.dir.join("disk"), 4096)?;
    let spec = lab
        .direct()?
        .disk(&disk.path)
        .word("hostname", "phasebox")
        .word("run_cmd", "echo run > /run/cmdline-run")
        .word("k3os.labels[a/b.c]", "d");
    lab.disk = Some(disk);
    lab.start(&spec)?;
    lab.guest()?.ssh.wait(READY)
}

fn files(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(
        &guest,
        "cat /run/boot-cmd; cat /run/init-variable",
        "boota b $c",
    )?;
    expect(&guest, "cat /proc/sys/vm/max_map_count", "1048576")?;
    expect(
        &guest,
        ". /etc/environment; echo \"$FROM_CONFIG\"",
        "a b $c",
    )
}

/// The name is known to the first phase's commands, and Kubernetes has the label.
fn cmdline(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(&guest, "cat /run/init-name", "phasebox")?;
    guest.wait_root("grep -x run /run/cmdline-run", SOON)?;
    guest
        .wait_root("grep -o a/b.c=d /run/systemd/system/k3s.service", SOON)
        .map(drop)
}

fn failures(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(&guest, "cat /run/after-failures", "after")?;
    let log = guest.root("cat /var/log/k3os/commands.log")?;
    for part in [
        "boot_cmd[1] exited with status 3",
        "heard",
        "boot_cmd[2] did not end within 5 s",
    ] {
        ensure!(
            log.contains(part),
            "reading the log of commands: '{part}' is not in\n{log}"
        );
    }
    Ok(())
}

fn bad(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let console = lab.machine()?.serial.transcript().text();
    let place = "/k3os/system/config.yaml:4:";
    ensure!(
        console.contains(place),
        "reading the console: '{place}' is not on it"
    );
    let said = guest.try_root("k3os config validate")?;
    ensure!(
        said.status == 1,
        "validating a bad configuration: status {}",
        said.status
    );
    expect(
        &guest,
        "ls /etc/bad-mode /etc/bad-owner 2>/dev/null; true",
        "",
    )
}

fn once(lab: &mut Lab) -> Result<()> {
    expect(&lab.guest()?, "cat /var/lib/once", "by-user")
}

const TRACES: &str = "stat -c %Y:%i /etc/environment /etc/connman/main.conf /run/systemd/system/k3s.service; \
                      systemctl show -p MainPID k3s; systemctl show -p MainPID connman";

fn idempotent(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.wait_ready(READY)?;
    let first = guest.root(TRACES)?;
    guest.try_root("k3os config")?;
    let second = guest.root(TRACES)?;
    ensure!(
        first == second,
        "applying the configuration again: before\n{first}after\n{second}"
    );
    Ok(())
}

fn diff(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.root("mkdir -p /var/lib/rancher/k3os/config.d")?;
    guest.write(
        "/var/lib/rancher/k3os/config.d/50",
        "k3os: {ntp_servers: [192.0.2.1], k3s_args: [server, --disable=metrics-server]}\n",
    )?;
    let said = guest.try_root("k3os config diff")?.all();
    for part in [
        "change /etc/connman/main.conf",
        "restart connman.service",
        "change /run/systemd/system/k3s.service",
        "restart k3s.service",
    ] {
        ensure!(
            said.contains(part),
            "asking for the difference: '{part}' is not in\n{said}"
        );
    }
    Ok(())
}
