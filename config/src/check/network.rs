//! Checks of what concerns the network.

use super::{Complaint, error, one_line, require, warning};
use std::net::IpAddr;

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

/// The data sources of k3OS.
pub fn data_source(_: &str, value: &str) -> Result<(), Complaint> {
    let known = DATA_SOURCES.contains(&value) || value.starts_with("file=/");
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
        value.trim().parse::<IpAddr>().is_ok(),
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
    if value.starts_with("https://") {
        return Ok(());
    }
    Err(warning(
        "is not an https URL",
        "expected https://SERVER:6443",
    ))
}

/// A URL.
pub fn url(_: &str, value: &str) -> Result<(), Complaint> {
    one_line("", value)?;
    let fits = value
        .split_once("://")
        .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
    require(
        fits && !value.contains(' '),
        "is not a URL: expected SCHEME://…",
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
