//! Fetching Debian packages: resolved, verified and unpacked by mmdebstrap, without running any of their scripts.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::cache::Key;
use crate::context::Context;
use crate::packages::{Package, SUITE};
use crate::run::run;

/// Keys of Debian's archive, from the package debian-archive-keyring.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// What is written down about each package, for the bill of materials: `name version arch source sha256`.
pub const LIST: &str = "packages.tsv";
/// The unpacked packages, as one archive.
pub const ARCHIVE: &str = "root.tar";

/// Writes the list of packages while they are still there as files.
const LIST_HOOK: &str = r#"for deb in "$1"/var/cache/apt/archives/*.deb; do
  printf '%s\t%s\n' "$(dpkg-deb --show --showformat='${Package}\t${Version}\t${Architecture}\t${source:Package}' "$deb")" "$(sha256sum <"$deb" | cut -d' ' -f1)"
done >"$1/packages.tsv""#;

/// The packages with what they depend on: a folder with [`ARCHIVE`] and [`LIST`].
pub fn fetch(ctx: &Context, step: &str, packages: &[Package], arch: &str) -> Result<PathBuf> {
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    let include = names.join(",");
    let key = Key::new(step)
        .with(SUITE)
        .with(arch)
        .with(&include)
        .with(LIST_HOOK)
        .with(LIST)
        .with(std::env::var("K3OS_DEBIAN_MIRROR").unwrap_or_default());
    ctx.downloads.step(&ctx.progress, step, key, |folder| {
        ctx.progress.say(
            step,
            &format!(
                "fetching {} Debian packages and what they need",
                names.len()
            ),
        );
        let archive = folder.join(ARCHIVE);
        let mut command = Command::new("mmdebstrap");
        command.args([
            "--variant=extract",
            "--skip=check/qemu",
            "--format=tar",
            "--aptopt=Apt::Install-Recommends \"false\"",
        ]);
        command
            .arg(format!("--architectures={arch}"))
            .arg(format!("--include={include}"));
        command
            .arg(format!("--extract-hook={LIST_HOOK}"))
            .arg(format!(
                "--extract-hook=copy-out /{LIST} {}",
                folder.display()
            ));
        command
            .arg(SUITE)
            .arg(&archive)
            .args(source_lines()?)
            .env("SOURCE_DATE_EPOCH", "0");
        run(&ctx.progress, step, &mut command)?;
        anyhow::ensure!(
            folder.join(LIST).is_file(),
            "listing the fetched packages: mmdebstrap ran no hook"
        );
        Ok(())
    })
}

/// apt source lines of the release, its updates and its security updates.
fn source_lines() -> Result<Vec<String>> {
    let (main, security) = match std::env::var("K3OS_DEBIAN_MIRROR") {
        Ok(mirror) if !mirror.is_empty() => (
            mirror.clone(),
            format!("{}-security", mirror.trim_end_matches('/')),
        ),
        _ => mirrors_of_host()?,
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
