//! The cluster's certificates: planned ([`plan`]), made ([`issue`]), checked ([`check`]) and kept on disk (here).

mod check;
mod issue;
pub mod plan;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use system::durable;
use time::OffsetDateTime;

use crate::keep;
use crate::paths::Paths;
use issue::Pair;
use plan::{Ca, Leaf, Place};

pub use check::Reason;

/// A certificate that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Stem of its files.
    pub stem: &'static str,
    /// Why.
    pub reason: Reason,
}

impl std::fmt::Display for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.stem, self.reason)
    }
}

/// Makes what is missing, renews what ends within 90 days or whose names have changed. Returns the
/// certificates that were made.
///
/// # Errors
/// Reading, making or writing any of them. A CA of which only half is there is an error, too: making a new one would
/// lock out every node and user.
pub fn ensure(paths: &Paths, leaves: &[Leaf], now: OffsetDateTime) -> Result<Vec<Made>> {
    ensure_service_key(paths)?;
    let mut made = Vec::new();
    for ca in Ca::ALL {
        let authority = ensure_ca(paths, ca, now)?;
        for leaf in leaves.iter().filter(|l| l.ca == ca) {
            if let Some(reason) = ensure_leaf(paths, leaf, &authority, now)? {
                made.push(Made {
                    stem: leaf.stem,
                    reason,
                });
            }
        }
    }
    Ok(made)
}

/// The directory and stem of a leaf's files, without `.crt` or `.key`.
pub fn file(paths: &Paths, leaf: &Leaf, extension: &str) -> PathBuf {
    let name = format!("{}.{extension}", leaf.stem);
    match leaf.place {
        Place::Server => paths.tls(&name),
        Place::Agent => paths.agent(&name),
    }
}

/// The name under which this machine has last been a node, by the kubelet's certificate.
pub fn registered_node(paths: &Paths) -> Option<String> {
    let text = fs::read(paths.agent("client-kubelet.crt")).ok()?;
    let (_, pem) = x509_parser::pem::parse_x509_pem(&text).ok()?;
    let certificate = pem.parse_x509().ok()?;
    let user = certificate
        .subject()
        .iter_common_name()
        .next()?
        .as_str()
        .ok()?;
    user.strip_prefix(plan::NODE_USER).map(String::from)
}

/// The key that signs service account tokens, and its public half: the API server reads no EC key of this form for
/// checking.
fn ensure_service_key(paths: &Paths) -> Result<()> {
    let path = paths.tls("service.key");
    let key = if path.exists() {
        issue::read_key(&read(&path)?)?
    } else {
        issue::key()?
    };
    durable::write_own(&path, key.serialize_pem(), 0o600)?;
    keep::write(&paths.tls("service.pub"), key.public_key_pem(), 0o644)?;
    Ok(())
}

fn ensure_ca(paths: &Paths, ca: Ca, now: OffsetDateTime) -> Result<Pair> {
    let crt = paths.tls(&format!("{}.crt", ca.stem()));
    let key = paths.tls(&format!("{}.key", ca.stem()));
    if crt.exists() {
        let pair = Pair {
            certificate: read(&crt)?,
            key: read(&key)?,
        };
        let doing = || format!("using {} with {}", crt.display(), key.display());
        ensure!(
            issue::is_pair(&pair),
            "{}: they do not belong together; put back the two that do",
            doing()
        );
        return Ok(pair);
    }
    let pair = issue::ca(ca, now)?;
    // The key first: a certificate on disk means that its key is there, too.
    durable::write_own(&key, &pair.key, 0o600)?;
    durable::write_own(&crt, &pair.certificate, 0o644)?;
    Ok(pair)
}

fn ensure_leaf(
    paths: &Paths,
    leaf: &Leaf,
    authority: &Pair,
    now: OffsetDateTime,
) -> Result<Option<Reason>> {
    let (crt, key) = (file(paths, leaf, "crt"), file(paths, leaf, "key"));
    let reason = if crt.exists() && key.exists() {
        let pair = Pair {
            certificate: read(&crt)?,
            key: read(&key)?,
        };
        check::reason_to_renew(&pair, &authority.certificate, leaf, now)
    } else {
        Some(Reason::New)
    };
    let Some(reason) = reason else {
        return Ok(None);
    };
    match make_leaf(&crt, &key, leaf, authority, now, reason) {
        // It serves still, or for most of its names; the next look tries again.
        Err(error) if matches!(reason, Reason::EndsSoon | Reason::OtherNames) => {
            println!("k3s: warning: {error:#}: the old certificate stays in use ({reason})");
            Ok(None)
        }
        outcome => outcome.map(|()| Some(reason)),
    }
}

fn make_leaf(
    crt: &Path,
    key: &Path,
    leaf: &Leaf,
    authority: &Pair,
    now: OffsetDateTime,
    reason: Reason,
) -> Result<()> {
    // The key stays where it serves: then one file is replaced, at once, and components that watch both never find two
    // that do not match, whatever fails in between.
    let pair = match reason {
        Reason::New | Reason::Unreadable | Reason::OtherKey => issue::key()?,
        _ => issue::read_key(&read(key)?)?,
    };
    durable::write_own(key, pair.serialize_pem(), 0o600)?;
    let certificate = issue::leaf(leaf, &pair, authority, now)?;
    durable::write_own(crt, certificate, 0o644).map(|_| ())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rcgen::date_time_ymd;

    use super::*;
    use plan::Facts;

    fn facts() -> Facts {
        Facts {
            node_name: "n1".into(),
            node_addresses: Vec::new(),
            api_service: std::net::IpAddr::from([10, 43, 0, 1]),
            domain: "cluster.local".into(),
            api_names: vec!["::1".into()],
        }
    }

    fn words(made: &[Made]) -> Vec<String> {
        made.iter().map(ToString::to_string).collect()
    }

    /// A CA of the old name and another key: what the old one signed is refused by everybody who trusts the new one.
    #[test]
    fn what_another_ca_of_the_same_name_signed_is_made_anew() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let paths = Paths::new(dir.path());
        let leaves = plan::leaves(&facts());
        let now = date_time_ymd(2027, 1, 1);
        ensure(&paths, &leaves, now)?;
        // The name has the time in it: the same time makes the same name.
        for extension in ["crt", "key"] {
            fs::remove_file(paths.tls(&format!("client-ca.{extension}")))?;
        }
        let made = ensure(&paths, &leaves, now)?;
        let clients = leaves.iter().filter(|leaf| leaf.ca == Ca::Client).count();
        assert_eq!(made.len(), clients);
        assert!(made.iter().all(|made| made.reason == Reason::OtherCa));
        assert!(ensure(&paths, &leaves, now)?.is_empty());
        Ok(())
    }

    #[test]
    fn a_renewal_replaces_one_file_only() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let paths = Paths::new(dir.path());
        let leaves = plan::leaves(&facts());
        ensure(&paths, &leaves, date_time_ymd(2027, 1, 1))?;
        let key = fs::read(paths.tls("client-admin.key"))?;
        let certificate = fs::read(paths.tls("client-admin.crt"))?;
        ensure(&paths, &leaves, date_time_ymd(2027, 11, 1))?;
        assert_eq!(fs::read(paths.tls("client-admin.key"))?, key);
        assert_ne!(fs::read(paths.tls("client-admin.crt"))?, certificate);
        Ok(())
    }

    #[test]
    fn a_ca_with_another_key_is_an_error() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let paths = Paths::new(dir.path());
        let now = date_time_ymd(2027, 1, 1);
        ensure(&paths, &[], now)?;
        fs::copy(paths.tls("server-ca.key"), paths.tls("client-ca.key"))?;
        assert!(ensure(&paths, &[], now).is_err());
        Ok(())
    }

    #[test]
    fn the_registered_name_is_read_back() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let paths = Paths::new(dir.path());
        assert_eq!(registered_node(&paths), None);
        ensure(&paths, &plan::leaves(&facts()), date_time_ymd(2027, 1, 1))?;
        assert_eq!(registered_node(&paths).as_deref(), Some("n1"));
        Ok(())
    }

    #[test]
    fn certificates_are_made_once_and_renewed_in_time() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let paths = Paths::new(dir.path());
        let leaves = plan::leaves(&facts());
        let start = date_time_ymd(2027, 1, 1);
        assert_eq!(ensure(&paths, &leaves, start)?.len(), leaves.len());
        assert!(ensure(&paths, &leaves, start)?.is_empty());
        assert!(ensure(&paths, &leaves, date_time_ymd(2027, 9, 1))?.is_empty());
        let renewed = ensure(&paths, &leaves, date_time_ymd(2027, 11, 1))?;
        assert_eq!(renewed.len(), leaves.len());
        assert!(
            renewed.iter().all(|made| made.reason == Reason::EndsSoon),
            "{renewed:?}"
        );
        let late = ensure(&paths, &leaves, date_time_ymd(2029, 1, 1))?;
        assert!(late.iter().all(|made| made.reason == Reason::Ended));
        assert_eq!(late.len(), leaves.len());
        Ok(())
    }

    /// A board without a clock: what it makes before the network tells the time is valid afterwards, however far the guess was off.
    #[test]
    fn what_was_made_by_a_wrong_clock_is_valid_by_the_right_one() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let paths = Paths::new(dir.path());
        let leaves = plan::leaves(&facts());
        ensure(&paths, &leaves, OffsetDateTime::UNIX_EPOCH)?;
        for right in [date_time_ymd(2026, 11, 21), date_time_ymd(2035, 1, 1)] {
            assert!(ensure(&paths, &leaves, right)?.is_empty(), "{right}");
        }
        for name in ["server-ca.crt", "serving-kube-apiserver.crt"] {
            let text = fs::read(paths.tls(name))?;
            let (_, pem) = x509_parser::pem::parse_x509_pem(&text)?;
            let certificate = pem.parse_x509()?;
            let begins = certificate.validity().not_before.to_datetime();
            assert!(begins <= date_time_ymd(2020, 1, 1), "{name}: {begins}");
        }
        Ok(())
    }

    #[test]
    fn a_new_address_renews_only_what_names_it() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let paths = Paths::new(dir.path());
        let now = date_time_ymd(2027, 1, 1);
        ensure(&paths, &plan::leaves(&facts()), now)?;
        let more = Facts {
            node_addresses: vec![std::net::IpAddr::from([10, 0, 2, 15])],
            ..facts()
        };
        let mut made = ensure(&paths, &plan::leaves(&more), now)?;
        made.sort_by_key(|made| made.stem);
        assert_eq!(
            words(&made),
            [
                "serving-kube-apiserver: its names have changed",
                "serving-kubelet: its names have changed"
            ]
        );
        assert!(ensure(&paths, &plan::leaves(&facts()), now)?.is_empty());
        Ok(())
    }

    #[test]
    fn half_a_pair_is_made_anew_and_keys_are_private() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let paths = Paths::new(dir.path());
        let leaves = plan::leaves(&facts());
        let now = date_time_ymd(2027, 1, 1);
        ensure(&paths, &leaves, now)?;
        fs::remove_file(paths.tls("client-admin.key"))?;
        assert_eq!(
            words(&ensure(&paths, &leaves, now)?),
            ["client-admin: it is new"]
        );
        for entry in fs::read_dir(paths.server("tls"))? {
            let entry = entry?;
            let private = entry.path().extension().is_some_and(|e| e == "key");
            let mode = entry.metadata()?.permissions().mode() & 0o777;
            assert_eq!(
                mode,
                if private { 0o600 } else { 0o644 },
                "{:?}",
                entry.path()
            );
        }
        Ok(())
    }

    #[test]
    fn a_pair_that_does_not_match_is_made_anew() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let paths = Paths::new(dir.path());
        let leaves = plan::leaves(&facts());
        let now = date_time_ymd(2027, 1, 1);
        ensure(&paths, &leaves, now)?;
        fs::copy(
            paths.tls("client-scheduler.key"),
            paths.tls("client-admin.key"),
        )?;
        assert_eq!(
            words(&ensure(&paths, &leaves, now)?),
            ["client-admin: its key is another"]
        );
        assert!(ensure(&paths, &leaves, now)?.is_empty());
        Ok(())
    }

    #[test]
    fn a_ca_without_its_key_is_an_error() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let paths = Paths::new(dir.path());
        let now = date_time_ymd(2027, 1, 1);
        ensure(&paths, &[], now)?;
        fs::remove_file(paths.tls("server-ca.key"))?;
        assert!(ensure(&paths, &[], now).is_err());
        Ok(())
    }
}
