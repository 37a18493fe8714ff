//! One configuration file that cannot be parsed, beside good ones; and a disk that fills up.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::expect;
use crate::disk::StateTree;
use crate::guest::READY;
use crate::suite::{Lab, Scenario};

/// Line 3, column 9 is where the list is not closed any more.
const BROKEN: &str = "# Somebody's typo.\nk3os:\n  labels: [one, two\nwrite_files:\n- {path: /etc/beside-the-typo, content: saved}\n";
const FULL: Duration = Duration::from_secs(180);

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::sample("bad-config")
        .gate("login_still_works", boot)
        .check("every_other_source_applies", others)
        .check("the_error_has_file_line_and_column", message)
        .gate("ready_all_the_same", |lab| lab.guest()?.wait_ready(READY))
        .check("full_var_leaves_services_running_and_is_named", full_var)
}

fn boot(lab: &mut Lab) -> Result<()> {
    let release = lab.setup.release()?;
    let key = &lab.setup.key.public;
    let disk = StateTree::with_release(&lab.dir.join("tree"), &release)?
        .var(
            "lib/rancher/k3os/config.d/10-host.yaml",
            "hostname: goodbox\n",
        )?
        .var("lib/rancher/k3os/config.d/20-broken.yaml", BROKEN)?
        .var(
            "lib/rancher/k3os/config.d/30-key.yaml",
            // Several keys in one text, as people paste them.
            &format!("ssh_authorized_keys:\n- |\n  ssh-ed25519 AAAA other\n  {key}\n"),
        )?
        .into_disk(&lab.dir.join("disk"), 4096)?;
    let spec = lab.spec(lab.setup.artifacts.direct())?.disk(&disk.path);
    lab.disk = Some(disk);
    lab.start(&spec)?;
    lab.guest()?.ssh.wait(READY)
}

fn others(lab: &mut Lab) -> Result<()> {
    let name = lab.guest()?.root("hostname")?;
    ensure!(
        name.trim() == "goodbox",
        "reading the hostname: it is '{}'",
        name.trim()
    );
    expect(&lab.guest()?, "cat /etc/beside-the-typo", "saved")
}

fn message(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let log =
        guest.root("cat /var/log/k3os/* /run/k3os/*.jsonl /run/k3os/*.log 2>/dev/null || true")?;
    let console = lab.machine()?.serial.transcript().text();
    for (place, text) in [("console", console), ("log", log)] {
        ensure!(
            has_place(&text, "config.d/20-broken.yaml"),
            "reading the {place}: no config.d/20-broken.yaml:LINE:COLUMN in it"
        );
    }
    Ok(())
}

/// Whether `file` is followed by a line and a column.
fn has_place(text: &str, file: &str) -> bool {
    text.match_indices(file).any(|(at, found)| {
        let rest = text.get(at + found.len()..).unwrap_or_default();
        let mut parts = rest.split(':').skip(1);
        let number = |part: Option<&str>| part.is_some_and(|text| text.parse::<u32>().is_ok());
        rest.starts_with(':') && number(parts.next()) && number(parts.next())
    })
}

fn full_var(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let before = guest.active_services()?;
    lab.machine()?.serial.transcript().skip();
    let fill = "mkdir -p /var/lib/hog; i=0; while fallocate -l 64M /var/lib/hog/$i 2>/dev/null; do i=$((i+1)); done; \
                dd if=/dev/zero of=/var/lib/hog/rest bs=4096 2>/dev/null; true";
    guest.root_with(fill, &[], FULL)?;
    lab.machine()?.serial.expect("/var/lib/hog", FULL)?;
    guest.wait_root("grep /var/lib/hog /run/issue.d/60-var-space.issue", FULL)?;
    let after = guest.active_services()?;
    for unit in &before {
        ensure!(
            after.contains(unit),
            "filling /var: {unit} does not run any more; running: {after:?}"
        );
    }
    guest.root("rm -r /var/lib/hog").map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_a_column_after_the_file() {
        assert!(has_place("x /a/f.yaml:3:9: error: y", "f.yaml"));
        assert!(!has_place("reading f.yaml: it is broken: 3: 4", "f.yaml"));
        assert!(has_place("reading f.yaml: see f.yaml:1:2: no", "f.yaml"));
        assert!(!has_place("nothing", "f.yaml"));
    }
}
