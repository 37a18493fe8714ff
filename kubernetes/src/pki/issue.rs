//! Making keys and certificates.

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, date_time_ymd,
};
use time::{Duration, OffsetDateTime};

use super::plan::{Ca, Leaf, Usage};

/// A certificate (PEM) and its key (PEM, PKCS #8).
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

/// How long a CA is valid.
const CA_LIFE: Duration = Duration::days(3650);
/// How long other certificates are valid.
const LEAF_LIFE: Duration = Duration::days(365);

/// Before this the clock is certainly wrong: this code did not exist.
fn earliest_true_time() -> OffsetDateTime {
    date_time_ymd(2026, 11, 1)
}

/// A new key.
///
/// # Errors
/// When the system gives no random numbers.
pub fn key() -> Result<KeyPair> {
    KeyPair::generate().context("making a key")
}

/// A key as it was kept.
///
/// # Errors
/// A text that is no key.
pub fn read_key(pem: &str) -> Result<KeyPair> {
    KeyPair::from_pem(pem).context("reading a key")
}

/// A new self-signed CA.
///
/// # Errors
/// When the key or the signature cannot be made.
pub fn ca(ca: Ca, now: OffsetDateTime) -> Result<Pair> {
    let key = key()?;
    let mut params = CertificateParams::default();
    params.distinguished_name =
        subject(&format!("k3s-{}@{}", ca.stem(), now.unix_timestamp()), None);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
    ];
    set_validity(&mut params, now, CA_LIFE);
    let certificate = params
        .self_signed(&key)
        .with_context(|| format!("signing {}", ca.stem()))?;
    Ok(Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

/// A new certificate for `key`, signed by `authority`.
///
/// # Errors
/// An authority that cannot be used, or a name that no certificate can hold.
pub fn leaf(leaf: &Leaf, key: &KeyPair, authority: &Pair, now: OffsetDateTime) -> Result<String> {
    let issuer = issuer(authority).with_context(|| format!("using {}", leaf.ca.stem()))?;
    let mut params = CertificateParams::new(leaf.names.clone())
        .with_context(|| format!("naming {}", leaf.stem))?;
    params.distinguished_name = subject(&leaf.common_name, leaf.organization);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![match leaf.usage {
        Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
        Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
    }];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, now, LEAF_LIFE);
    let certificate = params
        .signed_by(key, &issuer)
        .with_context(|| format!("signing {}", leaf.stem))?;
    Ok(certificate.pem())
}

/// Whether certificate and key of a CA belong together.
pub fn is_pair(pair: &Pair) -> bool {
    let certificate = x509_parser::pem::parse_x509_pem(pair.certificate.as_bytes());
    let (Ok((_, pem)), Ok(key)) = (certificate, read_key(&pair.key)) else {
        return false;
    };
    pem.parse_x509()
        .is_ok_and(|found| found.public_key().raw == key.subject_public_key_info())
}

fn issuer(authority: &Pair) -> Result<Issuer<'static, KeyPair>> {
    let key = KeyPair::from_pem(&authority.key)?;
    Ok(Issuer::from_ca_cert_pem(&authority.certificate, key)?)
}

fn subject(common_name: &str, organization: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name.push(DnType::CommonName, common_name);
    name
}

/// Valid from 2020, so that a machine whose clock is behind trusts it; and when the clock is certainly wrong, valid for
/// as long as a CA, so that setting the clock right does not end it.
fn set_validity(params: &mut CertificateParams, now: OffsetDateTime, life: Duration) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = if now < earliest_true_time() {
        earliest_true_time() + CA_LIFE
    } else {
        now + life
    };
}

/// A certificate that ends before this is made anew. When the clock is certainly wrong, nobody knows how much of a short
/// life is left.
pub fn must_last_until(now: OffsetDateTime, renew_before: Duration) -> OffsetDateTime {
    if now < earliest_true_time() {
        earliest_true_time() + CA_LIFE - renew_before
    } else {
        now + renew_before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_makes_certificates_that_outlive_its_correction() {
        let mut params = CertificateParams::default();
        set_validity(&mut params, date_time_ymd(1970, 1, 1), LEAF_LIFE);
        assert!(params.not_after > date_time_ymd(2036, 1, 1));
        set_validity(&mut params, date_time_ymd(2027, 1, 1), LEAF_LIFE);
        assert_eq!(params.not_after, date_time_ymd(2028, 1, 1));
        assert_eq!(params.not_before, date_time_ymd(2020, 1, 1));
    }

    #[test]
    fn a_wrong_clock_renews_what_lives_short_and_keeps_what_it_made() {
        let (wrong, right) = (date_time_ymd(1970, 1, 1), date_time_ymd(2027, 1, 1));
        let mut params = CertificateParams::default();
        let needed = must_last_until(wrong, Duration::days(90));
        set_validity(&mut params, right, LEAF_LIFE);
        assert!(params.not_after < needed);
        assert!(params.not_after > must_last_until(right, Duration::days(90)));
        set_validity(&mut params, wrong, LEAF_LIFE);
        assert!(params.not_after > needed);
    }
}
