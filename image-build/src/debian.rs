//! Fetching Debian packages: resolved, verified and unpacked by mmdebstrap, without running any of their scripts.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cache::Key;
use crate::context::Context;
use crate::packages::{Package, SUITE};
use crate::run::run;
use crate::sources;

/// What is written down about each package, for the bill of materials: `name version arch source sha256`.
pub const LIST: &str = "packages.tsv";
/// The unpacked packages, as one archive.
pub const ARCHIVE: &str = "root.tar";

/// Writes the list of packages while they are still there as files.
const LIST_HOOK: &str = r#"for deb in "$1"/var/cache/apt/archives/*.deb; do
  printf '%s\t%s\n' "$(dpkg-deb --show --showformat='${Package}\t${Version}\t${Architecture}\t${source:Package}' "$deb")" "$(sha256sum <"$deb" | cut -d' ' -f1)"
done >"$1/packages.tsv""#;

/// The packages with what they depend on: a directory with [`ARCHIVE`] and [`LIST`].
pub fn fetch(ctx: &Context, step: &str, packages: &[Package], arch: &str) -> Result<PathBuf> {
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    let include = names.join(",");
    let key = Key::new(step)
        .with(SUITE)
        .with(arch)
        .with(&include)
        .with(LIST_HOOK)
        .with(LIST)
        .with(sources::chosen_mirror().unwrap_or_default());
    ctx.downloads.step(&ctx.progress, step, key, |directory| {
        ctx.progress.say(
            step,
            &format!(
                "fetching {} Debian packages and what they need",
                names.len()
            ),
        );
        let archive = directory.join(ARCHIVE);
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
                directory.display()
            ));
        command
            .arg(SUITE)
            .arg(&archive)
            .args(sources::lines()?)
            .env("SOURCE_DATE_EPOCH", "0");
        run(&ctx.progress, step, &mut command)?;
        anyhow::ensure!(
            directory.join(LIST).is_file(),
            "listing the fetched packages: mmdebstrap ran no hook"
        );
        Ok(())
    })
}
