//! A machine whose hardware does not know the time, until the network tells it.

use anyhow::Result;

use crate::guest::READY;
use crate::suite::{Lab, Scenario};

/// What the hardware says.
pub const UNKNOWN: &str = "1970-01-01";
/// How far the guess is behind, seconds: longer than a certificate lives that was made by a clock that is right (365 days), and
/// less than the API server's own, of which it makes a new one at each start (14 months).
const BEHIND: u64 = 400 * 86400;
/// When the node was last heard of.
const LEASE: &str =
    "kubectl get lease -n kube-node-lease -o jsonpath=\"{.items[0].spec.renewTime}\"";

/// Checks of a node that is Ready, and began at [`UNKNOWN`]. Its time is another afterwards.
pub fn checks(scenario: Scenario) -> Scenario {
    scenario
        .check("the_time_began_with_the_releases_own", guessed)
        .check("certificates_stay_valid_when_it_is_set_right", corrected)
}

/// On a node that began at [`UNKNOWN`] and ran before, by a clock that was right, with a file that was made then.
pub fn goes_on(lab: &Lab, file: &str) -> Result<()> {
    let test = format!("test $(cat /run/k3os/clock-guessed) -ge $(stat -c %Y {file})");
    lab.guest()?.root(&test).map(drop)
}

fn guessed(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.root("test -s /run/k3os/clock-guessed")?;
    guest.root("test $(date +%s) -ge $(stat -c %Y /usr/lib/k3os/release)")?;
    // Not the host's: the guess is what is tested.
    guest
        .root("test $(($(date +%s) - $(cat /run/k3os/clock-guessed))) -lt $(cut -d. -f1 /proc/uptime)")
        .map(drop)
}

fn corrected(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.root(&format!("date -s @$(($(date +%s) + {BEHIND}))"))?;
    // A new connection, checked by the new time; then the kubelet's, which renews its lease by it.
    guest.wait_root("kubectl get --raw /readyz", READY)?;
    let renewed = format!("test $(date +%s -d $({LEASE})) -gt $(($(date +%s) - {BEHIND} / 2))");
    guest.wait_root(&renewed, READY)?;
    guest.wait_ready(READY)
}
