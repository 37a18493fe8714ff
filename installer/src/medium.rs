//! Another release than the one that runs: an ISO by its path or address, mounted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use system::checksum;
use system::layout::RELEASES;
use system::loopdev::{self, LoopDevice};
use system::mount::{self, Flags, Mount};

use crate::download::{Download, trust};
use crate::progress::Reporter;

/// Downloading an ISO may take so long.
const LIMIT: Duration = Duration::from_secs(4 * 3600);
/// No ISO of ours is larger, bytes.
const MOST: u64 = 16 << 30;
/// A list of checksums is not larger, bytes.
const MOST_SUMS: u64 = 1 << 20;

/// An ISO that is mounted; it goes when this goes.
#[derive(Debug)]
pub struct Medium {
    /// The directory of its release.
    pub release: PathBuf,
    _places: Places,
    _device: LoopDevice,
}

/// Where it is downloaded to and mounted.
#[derive(Debug)]
struct Places {
    fetched: PathBuf,
    mounted: PathBuf,
}

impl Medium {
    /// Fetches it into memory where it is an address, compares it with the list of checksums beside it, and mounts it. `scratch` is
    /// a directory of the installer's own.
    ///
    /// # Errors
    /// When it cannot be had, is not what the list says, or is no ISO with one release.
    pub fn open(
        source: &str,
        trusted_cas: &[String],
        scratch: &Path,
        reporter: &mut dyn Reporter,
    ) -> Result<Self> {
        let places = Places::cleared(scratch)?;
        let image = match local(source) {
            Some(path) => path,
            None => places
                .fetch(source, trusted_cas, scratch, reporter)
                .with_context(|| format!("fetching {source}"))?,
        };
        let device = loopdev::attach_read_only(&image)?;
        Mount::device(device.path(), &places.mounted, "iso9660")
            .with_flags(Flags::MS_RDONLY | Flags::MS_NODEV | Flags::MS_NOSUID)
            .perform()
            .with_context(|| format!("{source} is no ISO"))?;
        let release = the_release(&places.mounted).with_context(|| format!("using {source}"))?;
        Ok(Self {
            release,
            _places: places,
            _device: device,
        })
    }
}

/// Where the medium is mounted that this machine was started from.
const RUNNING: &str = "/run/k3os/medium";

/// A path, or an address of this machine's own files. What is not there by that path may be on the medium by it.
pub(crate) fn local(source: &str) -> Option<PathBuf> {
    let path = source.strip_prefix("file://").unwrap_or(source);
    (!path.contains("://")).then(|| here_or_below(Path::new(path), Path::new(RUNNING)))
}

fn here_or_below(path: &Path, medium: &Path) -> PathBuf {
    let on_medium = medium.join(path.strip_prefix("/").unwrap_or(path));
    if path.is_absolute() && !path.exists() && on_medium.exists() {
        on_medium
    } else {
        path.to_path_buf()
    }
}

/// The one release that a medium has.
fn the_release(medium: &Path) -> Result<PathBuf> {
    let directory = medium.join(RELEASES);
    let entries = fs::read_dir(&directory)
        .with_context(|| format!("it has no /{RELEASES} ({})", directory.display()))?;
    let mut releases: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    match (releases.pop(), releases.len()) {
        (Some(release), 0) => Ok(release),
        (None, _) => bail!("it has no release"),
        (Some(_), others) => bail!("it has {} releases, and one is expected", others + 1),
    }
}

impl Places {
    /// Both empty: an installation that was cut off may have left something there.
    fn cleared(scratch: &Path) -> Result<Self> {
        let places = Self {
            fetched: scratch.join("fetched"),
            mounted: scratch.join("medium"),
        };
        mount::unmount_patiently(&places.mounted)?;
        mount::unmount_patiently(&places.fetched)?;
        Ok(places)
    }

    fn fetch(
        &self,
        url: &str,
        trusted_cas: &[String],
        scratch: &Path,
        reporter: &mut dyn Reporter,
    ) -> Result<PathBuf> {
        Mount::virtual_fs("tmpfs", &self.fetched, "mode=0700,size=75%").perform()?;
        let target = self.fetched.join("iso");
        let download = Download {
            url,
            target: &target,
            most: MOST,
            limit: LIMIT,
            certificates: trust(trusted_cas, scratch)?,
        };
        reporter.note(&format!("fetching {url}"));
        let mut told = 0;
        download.perform(&mut |bytes| {
            if bytes >= told + (50 << 20) {
                told = bytes;
                reporter.note(&format!("{} so far", crate::size::show(bytes)));
            }
        })?;
        self.compare(&download, reporter)?;
        Ok(target)
    }

    /// Compares it with the list beside it; without one, the release's own manifest still tells about each of its files.
    fn compare(&self, download: &Download<'_>, reporter: &mut dyn Reporter) -> Result<()> {
        let Some((url, name)) = checksum::list_of(download.url) else {
            return Ok(());
        };
        let target = self.fetched.join("sums");
        let sums = Download {
            url: &url,
            target: &target,
            most: MOST_SUMS,
            ..download.clone()
        };
        if let Err(error) = sums.perform(&mut |_| ()) {
            reporter.note(&format!("not compared with {url}: {error:#}"));
            return Ok(());
        }
        let text = fs::read_to_string(&target).unwrap_or_default();
        match checksum::listed(&text, name) {
            None => reporter.note(&format!("{url} does not name {name}")),
            Some(expected) => {
                let found = checksum::of(download.target)?;
                ensure!(
                    found.eq_ignore_ascii_case(expected),
                    "its SHA-256 is {found}, and {url} says {expected}; it is damaged, or not the released one"
                );
                reporter.note(&format!("it is what {url} says"));
            }
        }
        Ok(())
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        // The next installation clears up as well.
        let _ = mount::unmount_lazily(&self.mounted);
        let _ = mount::unmount_lazily(&self.fetched);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_addresses_are_told_apart() {
        assert_eq!(local("/x/k.iso"), Some(PathBuf::from("/x/k.iso")));
        assert_eq!(local("file:///x/k.iso"), Some(PathBuf::from("/x/k.iso")));
        assert_eq!(local("http://x/k.iso"), None);
    }

    #[test]
    fn a_medium_has_exactly_one_release() {
        let directory = tempfile::tempdir().unwrap();
        let missing = format!("{:#}", the_release(directory.path()).unwrap_err());
        assert!(missing.contains("no /k3os/system/releases"), "{missing}");
        let releases = directory.path().join("k3os/system/releases");
        fs::create_dir_all(releases.join("v1")).unwrap();
        assert_eq!(the_release(directory.path()).unwrap(), releases.join("v1"));
        fs::create_dir_all(releases.join("v2")).unwrap();
        assert!(
            the_release(directory.path())
                .unwrap_err()
                .to_string()
                .contains("2 releases")
        );
    }

    #[test]
    fn a_path_that_is_not_here_may_be_on_the_medium() {
        let medium = tempfile::tempdir().unwrap();
        fs::write(medium.path().join("node.yaml"), "").unwrap();
        let found = |path: &str| here_or_below(Path::new(path), medium.path());
        assert_eq!(found("/node.yaml"), medium.path().join("node.yaml"));
        assert_eq!(found("/etc/passwd"), Path::new("/etc/passwd"));
        assert_eq!(found("/no/such"), Path::new("/no/such"));
    }
}
