//! Reading back a certificate: is it still the one that the plan wants?

use std::net::{Ipv4Addr, Ipv6Addr};

use rcgen::PublicKeyData as _;
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, parse_x509_pem};

use super::issue::{self, Pair};
use super::plan::Leaf;

/// Renewed when it ends within this time.
const RENEW_BEFORE: Duration = Duration::days(90);

/// Why a certificate is made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// There was none, or no key for it.
    #[error("it is new")]
    New,
    /// It or its key is damaged.
    #[error("it cannot be read")]
    Unreadable,
    /// Certificate and key do not belong together.
    #[error("its key is another")]
    OtherKey,
    /// The CA that is there has not signed it.
    #[error("its CA is another")]
    OtherCa,
    /// Its time is over.
    #[error("it has ended")]
    Ended,
    /// Its time is over soon.
    #[error("it ends soon")]
    EndsSoon,
    /// It is for another name, address, user or group.
    #[error("its names have changed")]
    OtherNames,
}

/// Why a certificate (with its key) has to be made anew; `None` when it serves.
pub fn reason_to_renew(
    pair: &Pair,
    ca_pem: &str,
    leaf: &Leaf,
    now: OffsetDateTime,
) -> Option<Reason> {
    const UNREADABLE: Option<Reason> = Some(Reason::Unreadable);
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
        return Some(Reason::OtherKey);
    }
    // By its signature: a CA that was made anew may have the name of the old one.
    let is_signed = certificate.verify_signature(Some(ca.public_key())).is_ok();
    if !is_signed || certificate.issuer() != ca.subject() {
        return Some(Reason::OtherCa);
    }
    let ends = certificate.validity().not_after.to_datetime();
    if ends < now {
        return Some(Reason::Ended);
    }
    if ends < issue::must_last_until(now, RENEW_BEFORE) {
        return Some(Reason::EndsSoon);
    }
    (!is_for(&certificate, leaf)).then_some(Reason::OtherNames)
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
