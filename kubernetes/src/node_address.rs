//! The node's address: that of the interface with the default route, waited for by the kernel's own messages.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, socket,
};

use crate::events::Events;

/// `RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE`: told when an address or a route comes or goes.
const GROUPS: u32 = 0x10 | 0x40;
/// Asked again at the latest after this, should a message be missed.
const AT_LATEST: Duration = Duration::from_secs(5);

/// The IPv4 address of the interface with the default route of the least metric, if there is one now.
pub fn current() -> Option<IpAddr> {
    let routes = std::fs::read_to_string("/proc/net/route").ok()?;
    default_interfaces(&routes)
        .into_iter()
        .find_map(|name| address_of(&name))
}

fn address_of(interface: &str) -> Option<IpAddr> {
    let addresses = nix::ifaddrs::getifaddrs().ok()?;
    let mut ours = addresses.filter(|a| a.interface_name == interface);
    ours.find_map(|a| Some(a.address?.as_sockaddr_in()?.ip()))
        .filter(is_usable)
        .map(IpAddr::V4)
}

fn is_usable(address: &Ipv4Addr) -> bool {
    !address.is_loopback() && !address.is_unspecified()
}

/// Interfaces with a default route in `/proc/net/route`, least metric first.
fn default_interfaces(routes: &str) -> Vec<String> {
    let mut found: Vec<(u32, String)> = routes
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [name, "00000000", _, _, _, _, metric, "00000000", ..] = fields.as_slice() else {
                return None;
            };
            Some((metric.parse().ok()?, (*name).to_string()))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, name)| name).collect()
}

/// Waits for changes of addresses and routes.
pub struct Changes {
    events: Option<Events>,
}

impl Changes {
    /// Listens from now on.
    pub fn listen() -> Self {
        Changes {
            events: open().ok(),
        }
    }

    /// Returns after a change, or after a few seconds.
    pub async fn next(&self) {
        let Some(events) = &self.events else {
            return tokio::time::sleep(AT_LATEST).await;
        };
        let _ = tokio::time::timeout(AT_LATEST, events.next()).await;
    }

    /// Waits until there is an address.
    pub async fn wait(&self) -> IpAddr {
        loop {
            match current() {
                Some(address) => return address,
                None => self.next().await,
            }
        }
    }
}

fn open() -> anyhow::Result<Events> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        flags,
        SockProtocol::NetlinkRoute,
    )?;
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
    Ok(Events::new(fd)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_of_least_metric_comes_first() {
        let routes = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                      wlan0\t00000000\t0100000A\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
                      eth0\t00000000\t0200000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
                      eth0\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(default_interfaces(routes), ["eth0", "wlan0"]);
        assert!(default_interfaces("").is_empty());
    }
}
