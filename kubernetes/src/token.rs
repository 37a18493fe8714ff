//! The cluster's secret and the token that holds it, in k3s's form `K10<sha256 of the CA>::server:<secret>`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use ring::rand::{SecureRandom, SystemRandom};
use system::durable;

use crate::paths::Paths;

/// Where the secret came from, for the log.
#[derive(Debug, PartialEq, Eq)]
pub enum Origin {
    /// Made now.
    Made,
    /// Read from the data directory, or given and the same.
    Kept,
    /// Given, and not the one that was kept: it replaces it.
    Changed,
}

/// Decides on the secret: the given one, else the kept one, else a new one; and keeps it.
///
/// # Errors
/// An empty or malformed token; reading or writing `server/token`.
pub fn ensure(paths: &Paths, given: Option<&str>) -> Result<(String, Origin)> {
    let file = paths.server("token");
    let kept = read_optional(&file)?;
    let (secret, origin) = decide(given.map(secret_of).transpose()?, kept, random_hex);
    durable::write_own(&file, format!("{secret}\n"), 0o600)?;
    Ok((secret, origin))
}

/// The whole token, which also lets an agent check the server's CA (PEM).
pub fn node_token(ca_pem: &str, secret: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, ca_pem.as_bytes());
    format!("K10{}::server:{secret}", hex(digest.as_ref()))
}

/// `k3s token`: prints the token of this server.
///
/// # Errors
/// A server that has not started yet, or arguments.
pub fn print(args: &[std::ffi::OsString]) -> Result<()> {
    ensure!(args.is_empty(), "usage: k3s token");
    let data = std::env::var_os("K3S_DATA_DIR").unwrap_or_else(|| "/var/lib/rancher/k3s".into());
    let file = Paths::new(Path::new(&data)).server("node-token");
    let token = std::fs::read_to_string(&file);
    print!(
        "{}",
        token.with_context(|| format!("reading {}: has the server started?", file.display()))?
    );
    Ok(())
}

/// The secret in a token of either form.
fn secret_of(token: &str) -> Result<String> {
    let token = token.trim();
    let secret = match token
        .strip_prefix("K10")
        .and_then(|rest| rest.split_once("::"))
    {
        Some((_, credentials)) => credentials
            .split_once(':')
            .map_or(credentials, |(_, secret)| secret),
        None => token,
    };
    ensure!(!secret.is_empty(), "reading the token: it is empty");
    ensure!(
        !secret.contains(char::is_whitespace),
        "reading the token: it contains white space"
    );
    Ok(secret.to_string())
}

fn decide(
    given: Option<String>,
    kept: Option<String>,
    make: impl Fn() -> String,
) -> (String, Origin) {
    match (given, kept) {
        (Some(given), Some(kept)) if given != kept => (given, Origin::Changed),
        (Some(given), None) => (given, Origin::Made),
        (_, Some(kept)) => (kept, Origin::Kept),
        (None, None) => (make(), Origin::Made),
    }
}

fn read_optional(file: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_string()).filter(|t| !t.is_empty())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("reading {}", file.display())),
    }
}

/// 32 random hexadecimal digits.
pub fn random_hex() -> String {
    let mut bytes = [0_u8; 16];
    // ring fails here only when the kernel has no random source at all; then no key could be made either.
    while SystemRandom::new().fill(&mut bytes).is_err() {}
    hex(&bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_give_the_secret() -> Result<()> {
        assert_eq!(secret_of("s3cret\n")?, "s3cret");
        assert_eq!(secret_of(&node_token("PEM", "s3cret"))?, "s3cret");
        assert!(secret_of(" ").is_err());
        assert!(secret_of("a b").is_err());
        Ok(())
    }

    #[test]
    fn the_token_names_the_ca() {
        let token = node_token("", "x");
        assert_eq!(
            token,
            "K10e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855::server:x"
        );
    }

    #[test]
    fn a_given_token_wins_and_a_change_is_seen() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let paths = Paths::new(dir.path());
        let (made, origin) = ensure(&paths, None)?;
        assert_eq!((made.len(), origin), (32, Origin::Made));
        assert_eq!(ensure(&paths, None)?, (made.clone(), Origin::Kept));
        assert_eq!(ensure(&paths, Some(&made))?.1, Origin::Kept);
        assert_eq!(
            ensure(&paths, Some("other"))?,
            ("other".into(), Origin::Changed)
        );
        assert_eq!(ensure(&paths, None)?, ("other".into(), Origin::Kept));
        Ok(())
    }
}
