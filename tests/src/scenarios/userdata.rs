//! Userdata from a CD labelled `cidata`: a configuration, then a script, then both in one. Nothing on the state disk names the CD.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{expect, expect_label};
use crate::data_cd::cidata;
use crate::disk::StateTree;
use crate::guest::READY;
use crate::suite::{Lab, Scenario};

const SOON: Duration = Duration::from_secs(120);

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::sample("userdata")
        .gate("the_keys_of_a_cd_let_in", boot_with_yaml)
        .check("its_configuration_applies_from_the_first_phase_on", yaml)
        .check("keys_of_cloud_init_are_taken_or_named_once", cloud_init)
        .check("explain_names_the_cd_s_userdata", explain)
        .check("secrets_of_userdata_are_root_s", private)
        .gate("ready_by_the_name_on_the_cd", |lab| {
            lab.guest()?.wait_ready(READY)
        })
        .check("the_node_has_the_label_on_the_cd", label)
        .gate("boots_with_a_script_on_the_cd", boot_with_script)
        .check("the_script_ran", script)
        .check("what_the_first_cd_said_is_gone", gone)
        .gate("boots_with_mime_parts_on_the_cd", boot_with_parts)
        .check("each_part_has_its_effect", parts)
}

fn boot_with_yaml(lab: &mut Lab) -> Result<()> {
    let release = lab.setup.release()?;
    let disk = StateTree::with_release(&lab.dir.join("tree"), &release)?
        .system_config("hostname: from-the-disk\n")?
        .into_disk(&lab.dir.join("disk"), 4096)?;
    lab.disk = Some(disk);
    // A file for cloud-init, with an sshd_config that names neither host keys nor where keys lie.
    let userdata = "#cloud-config\npackage_update: true\nusers: [default]\ntimezone: Asia/Tokyo\n\
                    write_files:\n- path: /etc/from-cd\n  content: yes\n\
                    - path: /etc/ssh/sshd_config\n  content: |\n    AuthorizedKeysFile none\n\
                    bootcmd: ['hostname > /run/boot-name']\n\
                    runcmd:\n- [sh, -c, 'echo ran > /run/from-cd']\n\
                    k3os: {token: cd-token, labels: {test.k3os.io/from: cd}}\n";
    boot(
        lab,
        "yaml",
        userdata,
        "instance-id: i-1\nlocal-hostname: from-the-cd\n",
    )
}

/// The machine's only ssh key is that of the CD's `meta-data`.
fn boot(lab: &mut Lab, name: &str, userdata: &str, names: &str) -> Result<()> {
    let meta_data = format!("{names}public-keys:\n- {}\n", lab.setup.key.public);
    let cd = cidata(&lab.dir, name, userdata, &meta_data)?;
    let disk = lab.state_disk()?.path.clone();
    let spec = lab
        .spec(lab.setup.artifacts.direct())?
        .disk(&disk)
        .cdrom(&cd);
    lab.start(&spec)?;
    lab.guest()?.ssh.wait(READY)
}

fn yaml(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(&guest, "hostname", "from-the-cd")?;
    expect(&guest, "cat /run/boot-name", "from-the-cd")?;
    expect(
        &guest,
        "cat /etc/from-cd; cat /run/config/provider",
        "yescdrom",
    )?;
    guest.wait_root("grep -x ran /run/from-cd", SOON).map(drop)
}

/// The login itself shows that sshd needs nothing of the file that took its configuration's place.
fn cloud_init(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(
        &guest,
        "date +%Z; cat /etc/ssh/sshd_config",
        "JST\nAuthorizedKeysFile none",
    )?;
    let said = guest.root("k3os config validate")?;
    ensure!(
        said.lines().count() == 1 && said.contains("without a meaning here: package_update, users"),
        "validating a file for cloud-init: it says\n{said}"
    );
    Ok(())
}

fn explain(lab: &mut Lab) -> Result<()> {
    let said = lab.guest()?.root("k3os config explain")?;
    for part in [
        "from /run/config/userdata:",
        "from /run/config/local_hostname:1:1",
        "in place of /k3os/system/config.yaml:1:11",
    ] {
        ensure!(
            said.contains(part),
            "explaining the configuration: '{part}' is not in\n{said}"
        );
    }
    ensure!(
        !said.contains("cd-token"),
        "explaining the configuration: it shows the token"
    );
    Ok(())
}

fn private(lab: &mut Lab) -> Result<()> {
    expect(
        &lab.guest()?,
        "stat -c %a:%U /run/config/userdata /run/k3os/k3s.env",
        "600:root\n600:root",
    )
}

fn label(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(&guest, "kubectl get nodes -o name", "node/from-the-cd")?;
    expect_label(&guest, "test.k3os.io/from", "cd")
}

fn boot_with_script(lab: &mut Lab) -> Result<()> {
    boot(
        lab,
        "script",
        // As Windows writes it.
        "\r\n#!/bin/bash\r\necho \"$BASH_VERSION\" > /run/from-script\r\n",
        "instance-id: i-1\n",
    )
}

fn script(lab: &mut Lab) -> Result<()> {
    lab.guest()?
        .wait_root("grep -q '^[5-9]' /run/from-script", SOON)
        .map(drop)
}

/// As cloud-init's `make-mime` writes it.
const PARTS: &str = "Content-Type: multipart/mixed; boundary=\"===3==\"\nMIME-Version: 1.0\n\n\
    --===3==\nContent-Type: text/cloud-config; charset=\"us-ascii\"\nMIME-Version: 1.0\n\
    Content-Transfer-Encoding: 7bit\nContent-Disposition: attachment; filename=\"config.yaml\"\n\n\
    #cloud-config\nhostname: from-a-part\nwrite_files:\n- path: /etc/from-part\n  content: part\n\n\
    --===3==\nContent-Type: text/x-shellscript; charset=\"us-ascii\"\nMIME-Version: 1.0\n\
    Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"script.sh\"\n\n\
    IyEvYmluL3NoCmhvc3RuYW1lID4gL3J1bi9mcm9tLXBhcnQK\n\n\
    --===3==--\n";

fn boot_with_parts(lab: &mut Lab) -> Result<()> {
    boot(lab, "parts", PARTS, "instance-id: i-1\n")
}

/// The script, `hostname > /run/from-part`, runs when the name is set.
fn parts(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(&guest, "cat /etc/from-part", "part")?;
    guest
        .wait_root("grep -x from-a-part /run/from-part", SOON)
        .map(drop)
}

fn gone(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(&guest, "hostname", "from-the-disk")?;
    expect(&guest, "test -e /etc/from-cd || echo gone", "gone")
}
