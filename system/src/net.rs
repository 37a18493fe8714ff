//! The little of the network that the boot and the node need: loopback, addresses, routes, and news about them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};

/// linux/rtnetlink.h: RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/// Beginnings of the names of interfaces that belong to containers and virtual switches, not to people. The network manager must
/// not take them over, and nobody reaches the machine by their addresses.
pub const CONTAINER_INTERFACES: [&str; 20] = [
    "veth",
    "cni",
    "flannel",
    "cali",
    "cilium",
    "lxc",
    "tunl",
    "vxlan",
    "geneve",
    "weave",
    "docker",
    "br-",
    "virbr",
    "kube",
    "nodelocaldns",
    "dummy",
    "ifb",
    "wg",
    "vmnet",
    "vboxnet",
];

/// Brings up the loopback interface; the kernel then gives it 127.0.0.1 and ::1 by itself.
///
/// # Errors
/// When the kernel refuses.
pub fn bring_up_loopback() -> Result<()> {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .context("opening a socket")?;
    // SAFETY: all-zero bytes are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    let up = libc::IFF_UP | libc::IFF_RUNNING;
    request.ifr_ifru.ifru_flags = i16::try_from(up).context("interface flags")?;
    // SAFETY: the socket is open, and the request is a whole `ifreq` that outlives the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &request) };
    Errno::result(result)
        .map(drop)
        .context("bringing up the loopback interface")
}

/// An address that others can reach this machine by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The interface's name.
    pub interface: String,
    /// The address.
    pub ip: IpAddr,
}

/// The addresses of the machine's own interfaces, without loopback, link-local and container ones.
pub fn addresses() -> Vec<Address> {
    let Ok(interfaces) = getifaddrs() else {
        return Vec::new();
    };
    let address = |entry: nix::ifaddrs::InterfaceAddress| {
        let storage = entry.address?;
        let v4 = storage.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
        let v6 = || storage.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip()));
        Some(Address {
            interface: entry.interface_name,
            ip: v4.or_else(v6)?,
        })
    };
    interfaces
        .filter_map(address)
        .filter(is_reachable)
        .collect()
}

/// The same addresses, each with the length of its network's prefix.
pub fn networks() -> Vec<(Address, u8)> {
    let Ok(interfaces) = getifaddrs() else {
        return Vec::new();
    };
    let network = |entry: nix::ifaddrs::InterfaceAddress| {
        let (storage, mask) = (entry.address?, entry.netmask?);
        let v4 = storage.as_sockaddr_in().zip(mask.as_sockaddr_in());
        let v4 = v4.map(|(a, m)| (IpAddr::V4(a.ip()), m.ip().to_bits().count_ones()));
        let v6 = || storage.as_sockaddr_in6().zip(mask.as_sockaddr_in6());
        let v6 = || v6().map(|(a, m)| (IpAddr::V6(a.ip()), m.ip().to_bits().count_ones()));
        let (ip, prefix) = v4.or_else(v6)?;
        let interface = entry.interface_name;
        Some((Address { interface, ip }, u8::try_from(prefix).ok()?))
    };
    let reachable = |(address, _): &(Address, u8)| is_reachable(address);
    interfaces.filter_map(network).filter(reachable).collect()
}

fn is_reachable(address: &Address) -> bool {
    let link_local = match address.ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let container = CONTAINER_INTERFACES
        .iter()
        .any(|prefix| address.interface.starts_with(prefix));
    !container && !link_local && !address.ip.is_loopback()
}

/// Whether there is a way to the rest of the world: a default route by IPv4 or IPv6.
pub fn has_default_route() -> bool {
    let v4 = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let v6 = fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
    !default_interfaces(&v4).is_empty() || default_route_v6(&v6)
}

/// The IPv4 address of the interface with the default route of the least metric, if there is one now.
pub fn default_address() -> Option<IpAddr> {
    let routes = fs::read_to_string("/proc/net/route").ok()?;
    default_interfaces(&routes)
        .into_iter()
        .find_map(|name| v4_address_of(&name))
        .map(IpAddr::V4)
}

fn v4_address_of(interface: &str) -> Option<Ipv4Addr> {
    let mut ours = getifaddrs()
        .ok()?
        .filter(|entry| entry.interface_name == interface);
    ours.find_map(|entry| Some(entry.address?.as_sockaddr_in()?.ip()))
        .filter(|address| !address.is_loopback() && !address.is_unspecified())
}

/// Interfaces with a default route in `/proc/net/route` (destination and mask are zero), least metric first.
fn default_interfaces(routes: &str) -> Vec<String> {
    let interface = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, "00000000", _, _, _, _, metric, "00000000", ..] = fields.as_slice() else {
            return None;
        };
        Some((metric.parse().ok()?, (*name).to_string()))
    };
    let mut found: Vec<(u32, String)> = routes.lines().skip(1).filter_map(interface).collect();
    found.sort();
    found.into_iter().map(|(_, name)| name).collect()
}

/// /proc/net/ipv6_route: destination zero, prefix length zero, and not the unreachable one of `lo`.
fn default_route_v6(text: &str) -> bool {
    text.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let everything = fields.first().is_some_and(|d| d.bytes().all(|b| b == b'0'));
        everything && fields.get(1) == Some(&"00") && fields.last().is_some_and(|dev| *dev != "lo")
    })
}

/// A socket that hears when links, addresses or routes change. Open it before looking.
#[derive(Debug)]
pub struct ChangeListener {
    socket: OwnedFd,
}

impl ChangeListener {
    /// Opens the socket.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn open() -> Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkRoute,
        )
        .context("opening the route socket")?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))
            .context("listening for network changes")?;
        Ok(Self { socket })
    }

    /// Waits until something changes, at most `timeout`.
    ///
    /// # Errors
    /// When waiting fails.
    pub fn wait(&self, timeout: Duration) -> Result<()> {
        let millis = u16::try_from(timeout.as_millis()).unwrap_or(u16::MAX);
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::from(millis)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("waiting for network changes"),
        }
        self.drain();
        Ok(())
    }

    /// Forgets what has changed so far; says whether anything had. Never blocks.
    pub fn drain(&self) -> bool {
        let mut buffer = [0; 8192];
        let mut changed = false;
        loop {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                // ENOBUFS: there were more messages than the kernel keeps.
                Ok(_) | Err(Errno::ENOBUFS) => changed = true,
                Err(Errno::EINTR) => {}
                Err(_) => return changed,
            }
        }
    }
}

/// For a loop of one's own: readable when something has changed.
impl AsFd for ChangeListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl From<ChangeListener> for OwnedFd {
    fn from(listener: ChangeListener) -> Self {
        listener.socket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_default_routes_count_and_the_least_metric_comes_first() {
        let head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n";
        let net = "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let wlan = "wlan0\t00000000\t0100000A\t0003\t0\t0\t600\t00000000\t0\t0\t0\n";
        let eth = "eth0\t00000000\t0202000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
        assert!(default_interfaces(&format!("{head}{net}")).is_empty());
        let all = default_interfaces(&format!("{head}{net}{wlan}{eth}"));
        assert_eq!(all, ["eth0", "wlan0"]);
        assert!(default_interfaces("").is_empty());
    }

    #[test]
    fn the_kernel_s_own_ipv6_null_route_does_not_count() {
        let zero = "0".repeat(32);
        let line = |dev: &str| format!("{zero} 00 {zero} 00 {zero} ffffffff 1 0 00200200 {dev}\n");
        assert!(!default_route_v6(&line("lo")));
        assert!(default_route_v6(&line("eth0")));
    }

    #[test]
    fn container_and_link_local_addresses_are_not_for_people() {
        let address = |interface: &str, ip: &str| Address {
            interface: interface.into(),
            ip: ip.parse().unwrap(),
        };
        assert!(is_reachable(&address("eth0", "10.0.2.15")));
        assert!(!is_reachable(&address("cni0", "10.42.0.1")));
        assert!(!is_reachable(&address("eth0", "fe80::1")));
        assert!(!is_reachable(&address("eth0", "169.254.3.4")));
    }
}
