//! Network keys and connman: what it reads when it starts, what it is told while it runs, and wireless networks.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::expect;
use crate::disk::StateTree;
use crate::guest::READY;
use crate::suite::{Lab, Scenario};

const SOON: Duration = Duration::from_secs(90);
const NETWORK: &str = "  wifi:\n  - {name: testnet, passphrase: geheim-geheim}\n";

/// The scenario. The wireless devices are mac80211_hwsim's.
pub fn scenario() -> Scenario {
    Scenario::full("connman")
        .gate("boots", boot)
        .check("servers_are_in_connman_s_file", servers)
        .check(
            "a_change_reaches_the_running_connman_and_ssh_survives",
            change,
        )
        .check("container_interfaces_are_not_connman_s", containers)
        .gate("the_kernel_simulates_wireless_devices", devices)
        .check("wifi_is_powered_by_a_running_connman", wifi)
        .check("passphrases_are_root_s", private)
        .gate("boots_with_wifi", reboot)
        .check("wifi_is_powered_at_boot", powered)
}

fn config(more: &str) -> String {
    format!(
        "k3os:\n  modules: [mac80211_hwsim]\n  dns_nameservers: [192.0.2.53]\n  ntp_servers: [192.0.2.123]\n{more}"
    )
}

fn boot(lab: &mut Lab) -> Result<()> {
    let release = lab.setup.release()?;
    let disk = StateTree::with_release(&lab.dir.join("tree"), &release)?
        .var("lib/rancher/k3os/config.yaml", &config(""))?
        .into_disk(&lab.dir.join("disk"), 4096)?;
    let spec = lab.direct()?.disk(&disk.path);
    lab.disk = Some(disk);
    lab.start(&spec)?;
    lab.guest()?.ssh.wait(READY)
}

fn servers(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(
        &guest,
        "grep ^Fallback /etc/connman/main.conf",
        "FallbackNameservers=192.0.2.53\nFallbackTimeservers=192.0.2.123",
    )
}

fn change(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let before = guest.main_pid("connman.service")?;
    guest.write(
        "/var/lib/rancher/k3os/config.d-new",
        "k3os: {dns_nameservers: [192.0.2.54]}\n",
    )?;
    guest.root("mkdir -p /var/lib/rancher/k3os/config.d; mv /var/lib/rancher/k3os/config.d-new /var/lib/rancher/k3os/config.d/60-dns")?;
    guest.try_root("k3os config")?;
    guest.ssh.wait(SOON)?;
    let after = guest.main_pid("connman.service")?;
    ensure!(
        before != after,
        "changing a name server: connman was not restarted"
    );
    expect(
        &guest,
        "grep ^FallbackN /etc/connman/main.conf",
        "FallbackNameservers=192.0.2.54",
    )
}

fn containers(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.wait_ready(READY)?;
    let services = guest.root("connmanctl services")?;
    for name in ["veth", "cni", "flannel"] {
        ensure!(
            !services.contains(name),
            "asking connman for its services: {services}"
        );
    }
    Ok(())
}

fn devices(lab: &mut Lab) -> Result<()> {
    lab.guest()?
        .wait_root("ls /sys/class/ieee80211/phy0", SOON)
        .map(drop)
}

const POWERED: &str =
    "connmanctl technologies | sed -n '/technology.wifi/,/^\\//p' | grep 'Powered = True'";

fn wifi(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.write("/var/lib/rancher/k3os/config.yaml", &config(NETWORK))?;
    guest.try_root("k3os config")?;
    powered(lab)
}

fn powered(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.wait_root("systemctl is-active iwd", SOON)?;
    guest.wait_root(POWERED, SOON).map(drop)
}

fn private(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    expect(
        &guest,
        "stat -c %a:%U /var/lib/connman/k3os.config",
        "600:root",
    )?;
    expect(
        &guest,
        "grep -c '^Name=testnet' /var/lib/connman/k3os.config",
        "1",
    )
}

fn reboot(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let old = guest.boot_id()?;
    guest.try_root("sync; reboot")?;
    guest.wait_other_boot(&old, READY)
}
