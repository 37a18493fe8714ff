//! IP networks as flags name them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

/// An IP network, `10.42.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Network {
    /// The address `offset` above the network's base.
    ///
    /// # Errors
    /// When that lies outside the network.
    pub fn address(&self, offset: u32) -> Result<IpAddr> {
        let host_bits = width(self.base) - u32::from(self.prefix);
        let fits = host_bits >= 32 || u64::from(offset) < (1_u64 << host_bits);
        ensure!(
            fits,
            "taking address {offset} of {self}: the network is too small"
        );
        Ok(match self.base {
            IpAddr::V4(base) => Ipv4Addr::from_bits(base.to_bits() + offset).into(),
            IpAddr::V6(base) => Ipv6Addr::from_bits(base.to_bits() + u128::from(offset)).into(),
        })
    }

    /// The first subnet of `prefix` bits, or the network itself when it is smaller.
    pub fn first_subnet(&self, prefix: u8) -> Network {
        Network {
            base: self.base,
            prefix: self.prefix.max(prefix),
        }
    }

    /// The network of `prefix` bits in which an address lies.
    pub fn of(address: IpAddr, prefix: u8) -> Network {
        Network {
            base: masked(address, prefix),
            prefix,
        }
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_v4() && masked(address, self.prefix) == self.base
    }

    /// Whether two networks share addresses.
    pub fn overlaps(&self, other: &Network) -> bool {
        self.contains(other.base) || other.contains(self.base)
    }

    /// How many bits are fixed.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether this is an IPv4 network.
    pub fn is_v4(&self) -> bool {
        self.base.is_ipv4()
    }
}

impl FromStr for Network {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (base, prefix) = text
            .split_once('/')
            .with_context(|| format!("'{text}' is not a network like 10.42.0.0/16"))?;
        let base: IpAddr = base
            .parse()
            .with_context(|| format!("'{text}' is not a network like 10.42.0.0/16"))?;
        let prefix: u8 = prefix
            .parse()
            .with_context(|| format!("'{text}': the part after '/' must be a number"))?;
        if u32::from(prefix) > width(base) {
            bail!("'{text}': the prefix is longer than the address");
        }
        Ok(Network {
            base: masked(base, prefix),
            prefix,
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(base: IpAddr, prefix: u8) -> IpAddr {
    match base {
        IpAddr::V4(a) => Ipv4Addr::from_bits(
            a.to_bits() & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0),
        )
        .into(),
        IpAddr::V6(a) => Ipv6Addr::from_bits(
            a.to_bits() & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0),
        )
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_from_the_base() -> Result<()> {
        let network: Network = "10.43.7.9/16".parse()?;
        assert_eq!(network.to_string(), "10.43.0.0/16");
        assert_eq!(network.address(1)?.to_string(), "10.43.0.1");
        assert_eq!(network.first_subnet(24).to_string(), "10.43.0.0/24");
        assert!("10.0.0.0/30".parse::<Network>()?.address(10).is_err());
        assert_eq!(
            "fd00::/112".parse::<Network>()?.address(10)?.to_string(),
            "fd00::a"
        );
        assert_eq!(
            "0.0.0.0/0".parse::<Network>()?.address(1)?.to_string(),
            "0.0.0.1"
        );
        Ok(())
    }

    #[test]
    fn networks_overlap_where_one_lies_in_the_other() -> Result<()> {
        let overlap = |a: &str, b: &str| anyhow::Ok(a.parse::<Network>()?.overlaps(&b.parse()?));
        assert!(overlap("10.42.0.0/16", "10.42.7.0/24")?);
        assert!(overlap("10.42.7.0/24", "10.42.0.0/16")?);
        assert!(!overlap("10.42.0.0/16", "10.43.0.0/16")?);
        assert!(!overlap("0.0.0.0/0", "::/0")?);
        Ok(())
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["10.42.0.0", "10.42.0.0/33", "x/16", "10.42.0.0/x"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
