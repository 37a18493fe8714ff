//! Where Debian's packages come from.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::packages::SUITE;

/// Keys of Debian's archive, from the package debian-archive-keyring.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The mirror that `K3OS_DEBIAN_MIRROR` names.
pub fn chosen_mirror() -> Option<String> {
    let mirror = std::env::var("K3OS_DEBIAN_MIRROR").ok()?;
    (!mirror.is_empty()).then_some(mirror)
}

/// apt source lines of the release, its updates and its security updates: `deb [signed-by=…] URL SUITE main`.
pub fn lines() -> Result<Vec<String>> {
    let (main, security) = match chosen_mirror() {
        Some(mirror) => {
            let security = format!("{}-security", mirror.trim_end_matches('/'));
            (mirror, security)
        }
        None => mirrors_of_host()?,
    };
    if !Path::new(KEYRING).exists() {
        bail!("finding Debian's keys: {KEYRING} is missing: install debian-archive-keyring");
    }
    let line =
        |mirror: &str, suite: &str| format!("deb [signed-by={KEYRING}] {mirror} {suite} main");
    Ok(vec![
        line(&main, SUITE),
        line(&main, &format!("{SUITE}-updates")),
        line(&security, &format!("{SUITE}-security")),
    ])
}

/// The mirrors that the host's apt uses, whatever its release.
fn mirrors_of_host() -> Result<(String, String)> {
    let output = Command::new("apt-get")
        .args([
            "indextargets",
            "--format",
            "$(LABEL)|$(RELEASE)|$(REPO_URI)",
            "Created-By: Packages",
        ])
        .output()
        .context("asking apt for its mirrors")?;
    pick_mirrors(&String::from_utf8_lossy(&output.stdout))
        .context("finding a Debian mirror in the host's apt sources: run `apt-get update`, or set K3OS_DEBIAN_MIRROR to a mirror's URL")
}

/// From lines `label|suite|URI`: where Debian and its security updates come from.
fn pick_mirrors(lines: &str) -> Option<(String, String)> {
    let find = |wanted: &str| {
        lines.lines().find_map(|line| {
            let mut fields = line.split('|');
            let (label, _suite, uri) = (fields.next()?, fields.next()?, fields.next()?);
            (label == wanted).then(|| uri.to_owned())
        })
    };
    let main = find("Debian")?;
    let security = find("Debian-Security")
        .unwrap_or_else(|| format!("{}-security", main.trim_end_matches('/')));
    Some((main, security))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_found_among_other_sources() {
        let lines = "Google|cloud|http://other/\nDebian|bookworm|http://m/debian/\nDebian|bookworm-updates|http://m/debian/\nDebian-Security|bookworm-security|http://s/sec/\n";
        assert_eq!(
            pick_mirrors(lines),
            Some(("http://m/debian/".into(), "http://s/sec/".into()))
        );
        assert_eq!(
            pick_mirrors("Debian|trixie|http://m/debian/"),
            Some(("http://m/debian/".into(), "http://m/debian-security".into()))
        );
        assert_eq!(pick_mirrors("Ubuntu|noble|http://u/"), None);
    }
}
