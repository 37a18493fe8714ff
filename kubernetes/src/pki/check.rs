//! Reading back a certificate: is it still the one that the plan wants?

use std::net::{Ipv4Addr, Ipv6Addr};

use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, parse_x509_pem};

use super::plan::Leaf;

/// Renewed when it ends within this time.
const RENEW_BEFORE: Duration = Duration::days(90);

/// Why a certificate has to be made anew; `None` when it serves.
pub fn reason_to_renew(
    certificate_pem: &str,
    ca_pem: &str,
    leaf: &Leaf,
    now: OffsetDateTime,
) -> Option<&'static str> {
    let (Ok((_, pem)), Ok((_, ca))) = (
        parse_x509_pem(certificate_pem.as_bytes()),
        parse_x509_pem(ca_pem.as_bytes()),
    ) else {
        return Some("it cannot be read");
    };
    let (Ok((_, certificate)), Ok((_, ca))) = (
        X509Certificate::from_der(&pem.contents),
        X509Certificate::from_der(&ca.contents),
    ) else {
        return Some("it cannot be read");
    };
    if certificate.issuer() != ca.subject() {
        return Some("its CA is another");
    }
    if certificate.validity().not_after.to_datetime() - now < RENEW_BEFORE {
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
