//! Checks of what concerns the network.

use super::{Complaint, error, meant, one_line, require, warning};
use std::net::{IpAddr, Ipv6Addr};

/// The data sources of k3OS that have a name.
pub const DATA_SOURCES: [&str; 9] = [
    "aws",
    "cdrom",
    "digitalocean",
    "gcp",
    "hetzner",
    "openstack",
    "packet",
    "scaleway",
    "vultr",
];

/// Other names that clouds and cloud-init have for them.
const OTHER_NAMES: [(&str, &str); 11] = [
    ("amazon", "aws"),
    ("ec2", "aws"),
    ("configdrive", "cdrom"),
    ("config-drive", "cdrom"),
    ("nocloud", "cdrom"),
    ("do", "digitalocean"),
    ("gce", "gcp"),
    ("google", "gcp"),
    ("equinix", "packet"),
    ("equinixmetal", "packet"),
    ("hcloud", "hetzner"),
];

/// What a name plainly means that is not one of ours.
fn other_name(value: &str) -> Option<&'static str> {
    let lower = value.to_ascii_lowercase();
    let ours = DATA_SOURCES.into_iter().find(|name| *name == lower);
    let other = OTHER_NAMES.iter().find(|(name, _)| *name == lower);
    ours.or(other.map(|(_, ours)| *ours))
}

/// The data sources of k3OS.
pub fn data_source(_: &str, value: &str) -> Result<(), Complaint> {
    let known = DATA_SOURCES.contains(&value) || value.starts_with("file=/");
    if let Some(name) = other_name(value).filter(|_| !known) {
        return Err(meant(value, name));
    }
    require(
        known,
        format!(
            "{value:?} is not a data source: {} or file=/PATH",
            DATA_SOURCES.join(", ")
        ),
    )
}

/// An IP address.
pub fn address(_: &str, value: &str) -> Result<(), Complaint> {
    require(
        value.parse::<IpAddr>().is_ok(),
        format!("{value:?} is not an IP address"),
    )
}

/// A host name or an IP address.
pub fn server(_: &str, value: &str) -> Result<(), Complaint> {
    let fits = value
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c));
    require(
        fits,
        format!("{value:?} is not the name or address of a server"),
    )
}

/// An https URL of a server.
pub fn server_url(_: &str, value: &str) -> Result<(), Complaint> {
    url("", value)?;
    let rest = value.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    require(
        is_authority(authority),
        format!(
            "{authority:?} is not a server's name or address and port; expected https://SERVER:6443"
        ),
    )?;
    if value.starts_with("https://") {
        return Ok(());
    }
    Err(warning(
        "is not an https URL",
        "expected https://SERVER:6443",
    ))
}

/// `NAME`, `NAME:PORT`, `1.2.3.4:PORT`, `[v6]:PORT`.
fn is_authority(text: &str) -> bool {
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    if let Some(rest) = text.strip_prefix('[') {
        let Some((inner, behind)) = rest.split_once(']') else {
            return false;
        };
        let port = behind.strip_prefix(':');
        return inner.parse::<Ipv6Addr>().is_ok()
            && (behind.is_empty() || port.is_some_and(is_port));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_fit = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    !host.is_empty() && host.chars().all(is_fit) && port.is_none_or(is_port)
}

/// A URL.
fn url(_: &str, value: &str) -> Result<(), Complaint> {
    one_line("", value)?;
    let fits = value
        .split_once("://")
        .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
    require(
        fits && !value.contains(' '),
        "is not a URL: expected SCHEME://…",
    )
}

/// Where a file comes from: a URL, or a path on this machine or its medium.
pub fn location(_: &str, value: &str) -> Result<(), Complaint> {
    one_line("", value)?;
    let is_path = value.starts_with('/') && !value.ends_with('/');
    require(
        is_path || url("", value).is_ok(),
        "is neither a URL (SCHEME://…) nor an absolute path (/k3os/system/… on the medium)",
    )
}

/// A certificate in PEM, or the path of a file with some.
pub fn certificate(_: &str, value: &str) -> Result<(), Complaint> {
    if value.contains("PRIVATE KEY-----") {
        return Err(error(
            "this is a private key; give the certificate that is to be trusted",
        ));
    }
    let is_path = value.starts_with('/') && one_line("", value).is_ok();
    require(
        is_path || value.contains("-----BEGIN CERTIFICATE-----"),
        "is neither a certificate in PEM (-----BEGIN CERTIFICATE-----) nor the absolute path of a file with one",
    )
}

/// A network's name: 1 to 32 bytes.
pub fn ssid(_: &str, value: &str) -> Result<(), Complaint> {
    one_line("", value)?;
    require(value.len() <= 32, "a network's name has at most 32 bytes")
}

/// A WPA passphrase: 8 to 63 characters, or 64 hexadecimal digits. Never shown.
pub fn passphrase(_: &str, value: &str) -> Result<(), Complaint> {
    one_line("", value)?;
    let key = value.len() == 64 && value.chars().all(|c| c.is_ascii_hexdigit());
    if key || (8..=63).contains(&value.len()) {
        return Ok(());
    }
    Err(warning("has not 8 to 63 characters", "WPA needs that many"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_from_a_url_or_a_path() {
        for good in [
            "/k3os/system/node.yaml",
            "/my files/x",
            "file:///x",
            "http://h/x",
        ] {
            assert!(location("", good).is_ok(), "{good}");
        }
        for bad in ["node.yaml", "/directory/", "http://", "h/x", "/a\n/b", ""] {
            assert!(location("", bad).is_err(), "{bad}");
        }
    }
}
