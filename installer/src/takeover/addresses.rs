//! Addresses of the running system that nobody hands out, as connman's configuration.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use system::command::{self, CommandLine};

const LIMIT: Duration = Duration::from_secs(10);
/// The first one with servers counts: where systemd-resolved runs, the usual one names only itself.
const RESOLVERS: [&str; 2] = ["run/systemd/resolve/resolv.conf", "etc/resolv.conf"];

/// A card's static address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Static {
    /// The card's name here, for people.
    pub card: String,
    /// Its hardware address, by which it is known again.
    pub mac: String,
    /// The address.
    pub address: IpAddr,
    /// Bits of its network.
    pub prefix: u8,
    /// Where everything else goes.
    pub gateway: Option<IpAddr>,
    /// Name servers.
    pub servers: Vec<IpAddr>,
}

#[derive(Deserialize)]
struct Link {
    ifname: String,
    link_type: Option<String>,
    address: Option<String>,
    #[serde(default)]
    addr_info: Vec<AddressInfo>,
}

#[derive(Deserialize)]
struct AddressInfo {
    local: Option<IpAddr>,
    prefixlen: Option<u8>,
    scope: Option<String>,
    #[serde(default)]
    dynamic: bool,
    #[serde(default)]
    temporary: bool,
    #[serde(default)]
    mngtmpaddr: bool,
}

#[derive(Deserialize)]
struct Route {
    gateway: Option<IpAddr>,
    dev: Option<String>,
}

/// Asks the running system. Nothing where it cannot tell.
pub(super) fn gather(root: &Path) -> Vec<Static> {
    let links = ip(&["-json", "address", "show"]);
    let mut routes = ip(&["-json", "-4", "route", "show", "default"]);
    routes.push('\n');
    routes.push_str(&ip(&["-json", "-6", "route", "show", "default"]));
    let is_card = |name: &str| {
        Path::new("/sys/class/net")
            .join(name)
            .join("device")
            .exists()
    };
    let read = |place: &&str| {
        fs::read_to_string(root.join(place))
            .ok()
            .map(|t| servers(&t))
    };
    let mut found = RESOLVERS.iter().filter_map(read);
    let servers = found.find(|found| !found.is_empty());
    parse(&links, &routes, &servers.unwrap_or_default(), &is_card)
}

fn ip(words: &[&str]) -> String {
    let words = std::iter::once("ip").chain(words.iter().copied());
    let ended = command::run(&CommandLine {
        words: words.map(str::to_owned).collect(),
        environment: BTreeMap::new(),
        limit: Some(LIMIT),
    });
    let ended = ended.ok().filter(command::Ended::succeeded);
    ended.map_or(String::new(), |e| {
        String::from_utf8_lossy(&e.output).into_owned()
    })
}

/// From what `ip -json` says; `routes` has one list a line.
fn parse(
    links: &str,
    routes: &str,
    servers: &[IpAddr],
    is_card: &dyn Fn(&str) -> bool,
) -> Vec<Static> {
    let links: Vec<Link> = serde_json::from_str(links).unwrap_or_default();
    let lists = routes
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let routes: Vec<Route> = lists.flat_map(|list: Vec<Route>| list).collect();
    let mut found = Vec::new();
    for link in &links {
        let is_ethernet = link.link_type.as_deref() == Some("ether") && is_card(&link.ifname);
        for v6 in [false, true].into_iter().filter(|_| is_ethernet) {
            found.extend(of_link(link, v6, &routes, servers));
        }
    }
    found
}

/// The first address of a kind: connman's file has room for one.
fn of_link(link: &Link, v6: bool, routes: &[Route], servers: &[IpAddr]) -> Option<Static> {
    let is_static = |info: &&AddressInfo| {
        let fits = info.local.is_some_and(|address| address.is_ipv6() == v6);
        let given = info.dynamic || info.temporary || info.mngtmpaddr;
        fits && !given && info.scope.as_deref() == Some("global")
    };
    let info = link.addr_info.iter().find(is_static)?;
    let route = routes.iter().find(|route| {
        route.dev.as_deref() == Some(&link.ifname)
            && route.gateway.is_some_and(|gateway| gateway.is_ipv6() == v6)
    });
    Some(Static {
        card: link.ifname.clone(),
        mac: link.address.clone()?,
        address: info.local?,
        prefix: info.prefixlen?,
        gateway: route.and_then(|route| route.gateway),
        servers: servers.to_vec(),
    })
}

/// Of resolv.conf(5); those on the machine itself go with the other system.
fn servers(text: &str) -> Vec<IpAddr> {
    let named = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"));
    let addresses = named.filter_map(|rest| rest.trim().parse::<IpAddr>().ok());
    addresses.filter(|address| !address.is_loopback()).collect()
}

/// connman-service.config(5): a section for each card.
pub(super) fn connman(addresses: &[Static]) -> String {
    let mut text = String::from("[global]\nName=takeover\n");
    let mut cards: Vec<&str> = addresses.iter().map(|a| a.mac.as_str()).collect();
    cards.dedup();
    for (number, mac) in cards.into_iter().enumerate() {
        text.push_str(&format!(
            "\n[service_takeover{number}]\nType=ethernet\nMAC={mac}\n"
        ));
        let of_card: Vec<&Static> = addresses.iter().filter(|a| a.mac == mac).collect();
        for address in &of_card {
            text.push_str(&line(address));
        }
        if let Some(first) = of_card.first().filter(|first| !first.servers.is_empty()) {
            let servers: Vec<String> = first.servers.iter().map(ToString::to_string).collect();
            text.push_str(&format!("Nameservers={}\n", servers.join(",")));
        }
    }
    text
}

fn line(address: &Static) -> String {
    let kind = if address.address.is_ipv6() {
        "IPv6"
    } else {
        "IPv4"
    };
    let gateway = address
        .gateway
        .map_or(String::new(), |gateway| format!("/{gateway}"));
    format!("{kind}={}/{}{gateway}\n", address.address, address.prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINKS: &str = r#"[
        {"ifname":"lo","link_type":"loopback","address":"00:00:00:00:00:00",
         "addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host"}]},
        {"ifname":"ens3","link_type":"ether","address":"52:54:00:12:34:56","addr_info":[
          {"family":"inet","local":"192.0.2.7","prefixlen":24,"scope":"global","valid_life_time":4294967295},
          {"family":"inet","local":"192.0.2.8","prefixlen":24,"scope":"global","secondary":true},
          {"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"link"},
          {"family":"inet6","local":"2001:db8::7","prefixlen":64,"scope":"global"}]},
        {"ifname":"ens4","link_type":"ether","address":"52:54:00:12:34:57","addr_info":[
          {"family":"inet","local":"10.0.2.15","prefixlen":24,"scope":"global","dynamic":true}]},
        {"ifname":"docker0","link_type":"ether","address":"02:42:00:00:00:01","addr_info":[
          {"family":"inet","local":"172.17.0.1","prefixlen":16,"scope":"global"}]}]"#;
    const ROUTES: &str = "[{\"dst\":\"default\",\"gateway\":\"192.0.2.1\",\"dev\":\"ens3\",\"flags\":[]}]\n\
                          [{\"dst\":\"default\",\"gateway\":\"fe80::ff\",\"dev\":\"ens3\"}]";

    #[test]
    fn what_nobody_hands_out_on_a_real_card_is_static() {
        let servers = servers("search x\nnameserver 127.0.0.53\nnameserver 192.0.2.53\n");
        let found = parse(LINKS, ROUTES, &servers, &|name| name.starts_with("ens"));
        assert_eq!(found.len(), 2);
        assert_eq!(
            connman(&found),
            "[global]\nName=takeover\n\n[service_takeover0]\nType=ethernet\nMAC=52:54:00:12:34:56\n\
             IPv4=192.0.2.7/24/192.0.2.1\nIPv6=2001:db8::7/64/fe80::ff\nNameservers=192.0.2.53\n"
        );
    }

    #[test]
    fn nonsense_is_no_address() {
        assert!(parse("not json", "", &[], &|_| true).is_empty());
    }
}
