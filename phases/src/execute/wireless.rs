//! Wireless devices of the running machine.

use std::path::Path;

use anyhow::Result;
use system::host::{Host, Switch};

use crate::plan::IWD;

/// Where the kernel lists wireless devices.
const DEVICES: &str = "/sys/class/ieee80211";

const POWERED: Switch = Switch {
    service: "net.connman",
    path: "/net/connman/technology/wifi",
    interface: "net.connman.Technology",
    property: "Powered",
    value: true,
};

/// Starts what speaks to them, and has connman switch them on, as it does at boot by its settings. Without such a device
/// there is nothing to do: one configuration may serve machines with and without.
pub(super) fn switch_on(host: &dyn Host) -> Result<bool> {
    if host.list(Path::new(DEVICES))?.is_empty() {
        return Ok(false);
    }
    super::systemctl(&["start", IWD], host)?;
    host.switch(&POWERED).map(|()| false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use system::host::{Action, Recording};

    #[test]
    fn only_a_machine_with_a_device_is_told() {
        let without = Recording::default();
        assert_eq!(switch_on(&without).ok(), Some(false));
        assert_eq!(without.actions(), []);
        let with = Recording::with_files([("/sys/class/ieee80211/phy0/index", "0")]);
        assert_eq!(switch_on(&with).ok(), Some(false));
        assert_eq!(with.actions().last(), Some(&Action::Switch(POWERED)));
    }

    #[test]
    fn a_connman_that_does_not_answer_is_an_error() {
        let host = Recording::with_files([("/sys/class/ieee80211/phy0/index", "0")])
            .refusing("net.connman");
        assert!(switch_on(&host).is_err());
    }
}
