//! A release over the network, for machines whose loader brought the kernel and the initrd alone (PXE, iPXE, HTTP boot).
//!
//! Whatever the way there, what is run is what belongs to this initrd: it carries the SHA-256 of its release's squashfs.

mod addressing;
mod download;
mod network;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use config::BootSwitches;
use system::modules::Loader;
use system::mount::{Flags, Mount};
use system::{checksum, console, loopdev};

use super::{release, root::MEDIUM};
use addressing::{Wanted, hardware_address};
use network::Network;
pub use source::{Kind, Source};

/// The initrd's tools.
const BUSYBOX: &str = "/bin/busybox";
/// Memory for what is fetched; it stays for as long as the machine runs.
const STORE: &str = "/run/k3os/fetched";
/// Where an ISO is mounted of which only the squashfs is used.
const CARRIER: &str = "/run/k3os/carrier";
/// One line for the installer: where the medium that is mounted came from.
const MEDIUM_URL: &str = "/run/k3os/medium-url";
/// The SHA-256 of this release's squashfs.
const SUM: &str = "/usr/lib/k3os/rootfs.sha256";

/// What was fetched.
#[derive(Debug)]
pub struct Fetched {
    /// The release's squashfs.
    pub squashfs: PathBuf,
    /// Whether an ISO is mounted as the medium.
    pub medium: bool,
}

/// Fetches it into memory and checks it.
///
/// # Errors
/// The step that failed: the network, the download, the mount, or the check.
pub fn fetch(source: &Source, switches: &BootSwitches, loader: &mut Loader) -> Result<Fetched> {
    let wanted = Wanted::parse(switches.addressing.as_deref())?;
    let hardware = switches.boot_card.as_deref().and_then(hardware_address);
    let file = Path::new(STORE).join("file");
    Mount::virtual_fs("tmpfs", STORE, "mode=0700,size=80%").perform()?;
    let network = Network::open(&wanted, hardware.as_deref()).context("using the network")?;
    let fetched = download(source, &file);
    network.close();
    fetched?;
    match source.kind {
        Kind::Squashfs => {
            check(&file)?;
            Ok(Fetched {
                squashfs: file,
                medium: false,
            })
        }
        Kind::Iso => open_iso(source, &file, loader),
    }
}

fn download(source: &Source, file: &Path) -> Result<()> {
    download::get(BUSYBOX, &source.url, file, &download::PAUSES)?;
    if source.kind == Kind::Iso {
        check_listed(&source.url, file)?;
    }
    Ok(())
}

/// Compares an ISO with the list of checksums beside it, if there is one.
fn check_listed(url: &str, file: &Path) -> Result<()> {
    let Some((address, name)) = checksum::list_of(url) else {
        return Ok(());
    };
    let list = Path::new(STORE).join("sums");
    if let Err(error) = download::get(BUSYBOX, &address, &list, &[]) {
        console::line(&format!("  not compared with {address}: {error:#}"));
        return Ok(());
    }
    let text = fs::read_to_string(&list).unwrap_or_default();
    match checksum::listed(&text, name) {
        Some(sum) => compare(file, sum).with_context(|| format!("comparing with {address}")),
        None => {
            console::line(&format!("  {address} does not name {name}"));
            Ok(())
        }
    }
}

fn open_iso(source: &Source, file: &Path, loader: &mut Loader) -> Result<Fetched> {
    let medium = source.is_medium();
    let target = if medium { MEDIUM } else { CARRIER };
    super::tell_failure(loader.load("isofs", ""));
    let device = loopdev::attach_read_only(file)?;
    Mount::device(device.path(), target, "iso9660")
        .with_flags(Flags::MS_RDONLY | Flags::MS_NODEV)
        .perform()
        .context("what was fetched is no ISO")?;
    let version = release::own_version()?;
    let squashfs = release::find_squashfs(&version, &[Path::new(target)]).with_context(|| {
        format!("the ISO does not belong to this kernel and initrd; take all three from the release {version}")
    })?;
    check(&squashfs)?;
    if medium {
        fs::write(MEDIUM_URL, &source.url).with_context(|| format!("writing {MEDIUM_URL}"))?;
    } else {
        console::line(
            "  https is not checked here: of this ISO only the release is used, not its configuration",
        );
    }
    Ok(Fetched { squashfs, medium })
}

/// Compares a squashfs with this initrd's release.
fn check(squashfs: &Path) -> Result<()> {
    let sum = fs::read_to_string(SUM).with_context(|| format!("reading {SUM}"))?;
    compare(squashfs, sum.trim()).context(
        "the squashfs does not belong to this kernel and initrd; take all three from one release",
    )
}

fn compare(file: &Path, expected: &str) -> Result<()> {
    ensure!(expected.len() == 64, "{expected:?} is no SHA-256");
    let found = checksum::of(file)?;
    if !found.eq_ignore_ascii_case(expected) {
        bail!("the SHA-256 of what was fetched is {found} and should be {expected}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_than_the_expected_one_is_refused_with_both_sums() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x");
        fs::write(&file, "abc").unwrap();
        let right = checksum::of(&file).unwrap();
        compare(&file, &right.to_uppercase()).unwrap();
        let wrong = "0".repeat(64);
        let error = compare(&file, &wrong).unwrap_err().to_string();
        assert!(error.contains(&right) && error.contains(&wrong), "{error}");
        assert!(compare(&file, "").is_err());
    }
}
