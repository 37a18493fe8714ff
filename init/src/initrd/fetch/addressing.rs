//! Which address a card gets: what `ip=` and `BOOTIF=` say, what DHCP gave, and the commands that follow from it. Pure.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result, bail};

/// How the address comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addressing {
    /// By DHCP.
    Dhcp,
    /// As given.
    Static(Lease),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The card by name, when one is named.
    pub card: Option<String>,
    /// How it gets its address.
    pub addressing: Addressing,
}

/// An address and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub address: Ipv4Addr,
    /// Bits of the network.
    pub prefix: u8,
    pub gateway: Option<Ipv4Addr>,
    pub servers: Vec<IpAddr>,
}

/// Words that mean DHCP, here and in dracut.
const DHCP: [&str; 5] = ["dhcp", "on", "any", "both", ""];

impl Wanted {
    /// Reads `ip=`: `dhcp`, `CARD:dhcp`, or the kernel's `ADDRESS:SERVER:GATEWAY:MASK:NAME:CARD:HOW:DNS:DNS`
    /// (Documentation/admin-guide/nfs/nfsroot.rst). Without it, DHCP on any card.
    ///
    /// # Errors
    /// When a field is none.
    pub fn parse(ip: Option<&str>) -> Result<Self> {
        let text = ip.unwrap_or_default();
        parse(text).with_context(|| format!("ip={text} (ADDRESS::GATEWAY:MASK::CARD:off:DNS)"))
    }
}

fn parse(text: &str) -> Result<Wanted> {
    let fields: Vec<&str> = text.split(':').collect();
    let field = |at: usize| fields.get(at).copied().unwrap_or_default();
    let name = |card: &str| (!card.is_empty()).then(|| card.to_owned());
    if let [how] = fields.as_slice() {
        return dhcp(None, how);
    }
    if let [card, how] = fields.as_slice() {
        return dhcp(name(card), how);
    }
    if field(0).is_empty() {
        return dhcp(name(field(5)), field(6));
    }
    let servers = [field(7), field(8)]
        .into_iter()
        .filter(|text| !text.is_empty());
    Ok(Wanted {
        card: name(field(5)),
        addressing: Addressing::Static(Lease {
            address: address(field(0))?,
            prefix: prefix(field(3))?,
            gateway: optional(field(2))?,
            servers: servers.map(server).collect::<Result<_>>()?,
        }),
    })
}

fn dhcp(card: Option<String>, how: &str) -> Result<Wanted> {
    if !DHCP.contains(&how) {
        bail!("invalid way to get an address {how:?}; valid: dhcp, or the address itself");
    }
    Ok(Wanted {
        card,
        addressing: Addressing::Dhcp,
    })
}

fn address(text: &str) -> Result<Ipv4Addr> {
    text.parse()
        .with_context(|| format!("{text:?} is no IPv4 address"))
}

fn optional(text: &str) -> Result<Option<Ipv4Addr>> {
    match text {
        "" | "0.0.0.0" => Ok(None),
        text => address(text).map(Some),
    }
}

fn server(text: &str) -> Result<IpAddr> {
    text.parse()
        .with_context(|| format!("invalid name server {text:?}; valid: an IP address"))
}

/// `255.255.255.0` or `24`.
fn prefix(text: &str) -> Result<u8> {
    if let Ok(bits) = text.parse::<u8>()
        && bits <= 32
    {
        return Ok(bits);
    }
    let mask = u32::from(address(text).context("reading the network's mask")?);
    if mask.leading_ones() + mask.trailing_zeros() != 32 {
        bail!("invalid netmask {text:?}; valid: 255.255.255.0, or a prefix length");
    }
    Ok(u8::try_from(mask.leading_ones())?)
}

impl Lease {
    /// Reads what the DHCP client's script wrote: `NAME=VALUE` lines, several values separated by blanks.
    ///
    /// # Errors
    /// When address or mask are missing or none.
    pub fn parse(text: &str) -> Result<Self> {
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            lines
                .find(|(known, _)| *known == name)
                .map_or("", |(_, value)| value.trim())
        };
        let gateway = value("router")
            .split_whitespace()
            .next()
            .unwrap_or_default();
        let servers = value("dns").split_whitespace();
        Ok(Self {
            address: address(value("ip"))?,
            prefix: prefix(value("subnet"))?,
            gateway: optional(gateway)?,
            servers: servers.filter_map(|text| text.parse().ok()).collect(),
        })
    }

    /// The commands that give a card this address, as busybox's `ip` takes them.
    pub fn commands(&self, card: &str) -> Vec<Vec<String>> {
        let words = |text: String| text.split(' ').map(str::to_owned).collect();
        let mut commands = vec![words(format!(
            "ip addr add {}/{} dev {card}",
            self.address, self.prefix
        ))];
        if let Some(gateway) = self.gateway {
            // Some clouds give a gateway outside of the network.
            if !self.reaches(gateway) {
                commands.push(words(format!("ip route add {gateway}/32 dev {card}")));
            }
            commands.push(words(format!(
                "ip route add default via {gateway} dev {card}"
            )));
        }
        commands
    }

    /// The text of /etc/resolv.conf.
    pub fn resolver(&self) -> String {
        let line = |server: &IpAddr| format!("nameserver {server}\n");
        self.servers.iter().map(line).collect()
    }

    fn reaches(&self, other: Ipv4Addr) -> bool {
        let mask = u32::MAX
            .checked_shl(32 - u32::from(self.prefix))
            .unwrap_or(0);
        u32::from(self.address) & mask == u32::from(other) & mask
    }
}

/// The hardware address in `BOOTIF=01-52-54-00-12-34-56`, as /sys writes it; the first byte is the kind of network.
pub fn hardware_address(boot_card: &str) -> Option<String> {
    let bytes: Vec<&str> = boot_card.split(['-', ':']).collect();
    let last = match bytes.len() {
        7 => bytes.get(1..)?,
        6 => &bytes,
        _ => return None,
    };
    Some(last.join(":").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_of_saying_dhcp() {
        let card = |ip| {
            let wanted = Wanted::parse(ip).unwrap();
            assert_eq!(wanted.addressing, Addressing::Dhcp, "{ip:?}");
            wanted.card
        };
        assert_eq!(card(None), None);
        assert_eq!(card(Some("dhcp")), None);
        assert_eq!(card(Some("eth1:dhcp")).as_deref(), Some("eth1"));
        assert_eq!(card(Some(":::::eth1:dhcp")).as_deref(), Some("eth1"));
        let error = format!("{:#}", Wanted::parse(Some("eth0:perhaps")).unwrap_err());
        assert!(
            error.starts_with("ip=eth0:perhaps")
                && error.contains("way to get an address \"perhaps"),
            "{error}"
        );
    }

    #[test]
    fn the_kernel_s_form_gives_address_route_and_name_servers() {
        let wanted = Wanted::parse(Some(
            "10.1.2.3::10.1.2.1:255.255.255.0:box:eth0:off:1.1.1.1",
        ))
        .unwrap();
        let Addressing::Static(lease) = wanted.addressing else {
            panic!("it is static");
        };
        assert_eq!(wanted.card.as_deref(), Some("eth0"));
        let commands: Vec<String> = lease.commands("eth0").iter().map(|c| c.join(" ")).collect();
        assert_eq!(
            commands,
            [
                "ip addr add 10.1.2.3/24 dev eth0",
                "ip route add default via 10.1.2.1 dev eth0"
            ]
        );
        assert_eq!(lease.resolver(), "nameserver 1.1.1.1\n");
        for wrong in [
            "10.1.2.3::10.1.2.1",
            "10.1.2.3:::255.0.255.0",
            "x:::24",
            "1.2.3.4::y:24",
        ] {
            assert!(Wanted::parse(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_lease_with_a_gateway_outside_of_its_network_gets_a_route_to_it() {
        let text =
            "ip=10.0.0.5\nsubnet=255.255.255.255\nrouter=10.0.0.1 10.0.0.2\ndns=10.0.0.1 8.8.8.8\n";
        let lease = Lease::parse(text).unwrap();
        let commands: Vec<String> = lease.commands("e").iter().map(|c| c.join(" ")).collect();
        assert_eq!(commands[1], "ip route add 10.0.0.1/32 dev e");
        assert_eq!(commands.len(), 3);
        assert_eq!(lease.servers.len(), 2);
        assert!(Lease::parse("ip=10.0.0.5\n").is_err());
    }

    #[test]
    fn pxe_s_name_of_a_card_is_a_hardware_address() {
        assert_eq!(
            hardware_address("01-52-54-00-AB-34-56").as_deref(),
            Some("52:54:00:ab:34:56")
        );
        assert_eq!(hardware_address("eth0"), None);
    }
}
