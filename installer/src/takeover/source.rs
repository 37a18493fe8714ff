//! The release that is put beside the running system: in an ISO, on a mounted medium, or in a directory.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use system::layout::RELEASES;
use system::loopdev;
use system::mount::{self, Flags, Mount};

use crate::manifest;

/// Where the release is; what was mounted for it is unmounted with this.
#[derive(Debug)]
pub struct Medium {
    /// The release's directory.
    pub release: PathBuf,
    mounted: Option<PathBuf>,
}

impl Drop for Medium {
    fn drop(&mut self) {
        if let Some(directory) = &self.mounted {
            // The next takeover would unmount it as well.
            let _ = mount::unmount_patiently(directory);
        }
    }
}

/// Opens what was named: an ISO file, the device of a CD or stick, a mounted medium, or the directory of a release. `scratch` is a
/// directory in memory.
///
/// # Errors
/// When it is none of these, or holds no release or several.
pub fn open(named: &str, scratch: &Path) -> Result<Medium> {
    if named.contains("://") && !named.starts_with("file://") {
        bail!("{named} must be fetched first: name a file, a directory or a device");
    }
    let path = Path::new(named.trim_start_matches("file://"));
    let meta = fs::metadata(path).with_context(|| format!("looking for {}", path.display()))?;
    let mut medium = Medium {
        release: path.to_path_buf(),
        mounted: None,
    };
    if !meta.is_dir() {
        let at = scratch.join("medium");
        mount::unmount_patiently(&at)?;
        if meta.file_type().is_block_device() {
            mount_iso(path, &at)?;
        } else {
            let device = loopdev::attach_read_only(path)?;
            mount_iso(device.path(), &at)?;
        }
        medium.mounted = Some(at.clone());
        medium.release = at;
    }
    medium.release = release_in(&medium.release)?;
    Ok(medium)
}

fn mount_iso(device: &Path, at: &Path) -> Result<()> {
    Mount::device(device, at, "iso9660")
        .with_flags(Flags::MS_RDONLY | Flags::MS_NODEV | Flags::MS_NOSUID)
        .perform()
}

fn release_in(directory: &Path) -> Result<PathBuf> {
    if directory.join(manifest::NAME).exists() {
        return Ok(directory.to_path_buf());
    }
    let releases = directory.join(RELEASES);
    let entries = fs::read_dir(&releases)
        .with_context(|| format!("looking for a release in {}", directory.display()))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.join(manifest::NAME).exists());
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!("there is no release in {}", releases.display()),
        _ => bail!(
            "there are several releases in {}; name the directory of one",
            releases.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_medium_has_one_release_and_a_directory_may_be_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display().to_string();
        let error = open(&path, directory.path()).unwrap_err();
        assert!(
            error.to_string().contains("looking for a release"),
            "{error}"
        );
        let release = directory.path().join(RELEASES).join("v1");
        fs::create_dir_all(&release).unwrap();
        assert!(open(&path, directory.path()).is_err());
        fs::write(release.join(manifest::NAME), "{}").unwrap();
        assert_eq!(open(&path, directory.path()).unwrap().release, release);
        let direct = release.display().to_string();
        assert_eq!(open(&direct, directory.path()).unwrap().release, release);
    }

    #[test]
    fn what_is_not_there_or_far_away_is_told() {
        let scratch = tempfile::tempdir().unwrap();
        let refused = |named: &str| format!("{:#}", open(named, scratch.path()).unwrap_err());
        assert!(refused("/no/such.iso").contains("looking for /no/such.iso"));
        assert!(refused("http://x/k3os.iso").contains("must be fetched first"));
    }
}
