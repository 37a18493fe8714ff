//! Which addresses the node has, waited for by the kernel's own messages.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use system::net::{Address, ChangeListener, addresses, default_address};
use tokio::process::Command;

use crate::events::Events;
use crate::settings::Settings;

/// How long the start waits for an address before it goes on without.
const PATIENCE: Duration = Duration::from_secs(10);
/// Asked again at the latest after this, should a message be missed.
const AT_LATEST: Duration = Duration::from_secs(5);
/// The address of a node that has none. It lies on the loopback interface, which is always there.
const OWN: Ipv4Addr = Ipv4Addr::new(10, 255, 255, 254);

/// The addresses that are known without waiting: given ones, else what the machine has.
pub fn known(settings: &Settings) -> Vec<IpAddr> {
    match settings.args.node.node_ip.as_slice() {
        [] => default_address().into_iter().collect(),
        given => given.to_vec(),
    }
}

/// Waits for an address; without any in time, the node gets one of its own, so that it works with itself.
///
/// # Errors
/// When the node's own address cannot be set.
pub async fn wait(settings: &Settings, changes: &Changes) -> Result<(Vec<IpAddr>, Option<String>)> {
    let known = known(settings);
    if !known.is_empty() {
        return Ok((known, None));
    }
    if let Ok(address) = tokio::time::timeout(PATIENCE, changes.wait()).await {
        return Ok((vec![address], None));
    }
    if let Some(found) = linked(settings) {
        return Ok(found);
    }
    ip(&[
        "address",
        "replace",
        &format!("{OWN}/32"),
        "dev",
        "lo",
        "scope",
        "global",
    ])
    .await?;
    let words = format!(
        "no network yet: the node goes on with the address {OWN} of its own until there is one"
    );
    Ok((vec![OWN.into()], Some(words)))
}

/// The address of a link without a default route, as in a network of its own: of the services' family, by cable rather than
/// by radio, the first by its interface's name.
fn linked(settings: &Settings) -> Option<(Vec<IpAddr>, Option<String>)> {
    let v4 = settings.api_service.is_ipv4();
    let all = addresses();
    let (address, others) = best(&all, v4)?;
    let words = match others {
        0 => format!(
            "no default route: the node's address is {} of {}",
            address.ip, address.interface
        ),
        others => format!(
            "no default route: the node's address is {} of {}, one of {}; --node-ip chooses another",
            address.ip,
            address.interface,
            others + 1
        ),
    };
    Some((vec![address.ip], Some(words)))
}

/// The best one, and how many others there are.
fn best(addresses: &[Address], v4: bool) -> Option<(&Address, usize)> {
    let fitting = || {
        addresses
            .iter()
            .filter(|address| address.ip.is_ipv4() == v4)
    };
    let order = |address: &&Address| {
        (
            address.interface.starts_with("wl"),
            address.interface.clone(),
        )
    };
    Some((fitting().min_by_key(order)?, fitting().count() - 1))
}

/// Waits until the node's address is another one than `used`. Given addresses never change.
pub async fn changed(settings: &Settings, changes: &Changes, used: &[IpAddr]) -> IpAddr {
    if !settings.args.node.node_ip.is_empty() {
        return std::future::pending().await;
    }
    loop {
        changes.next().await;
        // While the node goes by its own address, that of any link is better.
        let alone = used.contains(&IpAddr::V4(OWN));
        let any = || {
            linked(settings)
                .filter(|_| alone)
                .and_then(|(links, _)| links.first().copied())
        };
        if let Some(address) = default_address()
            .or_else(any)
            .filter(|address| !used.contains(address))
        {
            return address;
        }
    }
}

/// Waits for changes of addresses and routes.
pub struct Changes {
    events: Option<Events>,
}

impl Changes {
    /// Listens from now on.
    pub fn listen() -> Self {
        let socket = ChangeListener::open().ok();
        Changes {
            events: socket.and_then(|socket| Events::new(socket.into()).ok()),
        }
    }

    /// Returns after a change, or after a few seconds.
    async fn next(&self) {
        let Some(events) = &self.events else {
            return tokio::time::sleep(AT_LATEST).await;
        };
        let _ = tokio::time::timeout(AT_LATEST, events.next()).await;
    }

    /// Waits until there is an address.
    async fn wait(&self) -> IpAddr {
        loop {
            match default_address() {
                Some(address) => return address,
                None => self.next().await,
            }
        }
    }
}

async fn ip(args: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(args)
        .output()
        .await
        .context("running ip")?;
    ensure!(
        output.status.success(),
        "running ip {}: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cable_is_better_than_radio_and_the_family_counts() {
        let address = |interface: &str, ip: [u8; 4]| Address {
            interface: interface.into(),
            ip: ip.into(),
        };
        let all = [
            address("wlan0", [10, 1, 0, 2]),
            address("eth1", [10, 2, 0, 2]),
            address("eth0", [10, 3, 0, 2]),
        ];
        assert_eq!(best(&all, true), Some((&all[2], 2)));
        assert_eq!(best(&all[..1], true), Some((&all[0], 0)));
        assert_eq!(best(&all, false), None);
        assert_eq!(best(&[], true), None);
    }
}
