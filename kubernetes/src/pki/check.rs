//! Reading back a certificate: is it still the one that the plan wants?

use std::net::{Ipv4Addr, Ipv6Addr};

use rcgen::PublicKeyData as _;
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, parse_x509_pem};

use super::issue::{self, Pair};
use super::plan::Leaf;

/// Renewed when it ends within this time.
const RENEW_BEFORE: Duration = Duration::days(90);

/// Why a certificate (with its key) has to be made anew; `None` when it serves.
pub fn reason_to_renew(
    pair: &Pair,
    ca_pem: &str,
    leaf: &Leaf,
    now: OffsetDateTime,
) -> Option<&'static str> {
    const UNREADABLE: Option<&str> = Some("it cannot be read");
    let certificate_pem = parse_x509_pem(pair.certificate.as_bytes());
    let (Ok((_, pem)), Ok((_, ca))) = (certificate_pem, parse_x509_pem(ca_pem.as_bytes())) else {
        return UNREADABLE;
    };
    let certificate = X509Certificate::from_der(&pem.contents);
    let (Ok((_, certificate)), Ok((_, ca))) =
        (certificate, X509Certificate::from_der(&ca.contents))
    else {
        return UNREADABLE;
    };
    let Ok(key) = issue::read_key(&pair.key) else {
        return UNREADABLE;
    };
    if key.subject_public_key_info() != certificate.public_key().raw {
        return Some("its key is another");
    }
    if certificate.issuer() != ca.subject() {
        return Some("its CA is another");
    }
    let ends = certificate.validity().not_after.to_datetime();
    if ends < issue::must_last_until(now, RENEW_BEFORE) {
        return Some("it ends soon");
    }
    (!is_for(&certificate, leaf)).then_some("its names have changed")
}

fn is_for(certificate: &X509Certificate<'_>, leaf: &Leaf) -> bool {
    common_name(certificate) == Some(leaf.common_name.as_str())
        && organization(certificate) == leaf.organization
        && has_names(certificate, &leaf.names)
}

fn common_name<'a>(certificate: &'a X509Certificate<'_>) -> Option<&'a str> {
    certificate
        .subject()
        .iter_common_name()
        .next()?
        .as_str()
        .ok()
}

fn organization<'a>(certificate: &'a X509Certificate<'_>) -> Option<&'a str> {
    certificate
        .subject()
        .iter_organization()
        .next()?
        .as_str()
        .ok()
}

/// Names that are no longer wanted do no harm: an address that went away may come back.
fn has_names(certificate: &X509Certificate<'_>, wanted: &[String]) -> bool {
    let names = match certificate.subject_alternative_name() {
        Ok(Some(extension)) => extension
            .value
            .general_names
            .iter()
            .filter_map(name_text)
            .collect(),
        _ => Vec::new(),
    };
    wanted.iter().all(|name| names.contains(name))
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_string()),
        GeneralName::IPAddress(bytes) => address_text(bytes),
        _ => None,
    }
}

fn address_text(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).to_string());
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|v6| Ipv6Addr::from(v6).to_string())
}
