//! The release to boot: its squashfs, where it lies, and whether it is whole.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use system::layout::{RELEASE_FILE, RELEASES, SQUASHFS};

/// A squashfs that came inside the initramfs (a second cpio archive behind the initrd, for network boots).
pub const EMBEDDED: &str = "/rootfs.squashfs";

/// The version of this initrd's own release. Only that release's squashfs has the running kernel's modules.
///
/// # Errors
/// When the initrd was built without it.
pub fn own_version() -> Result<String> {
    let text =
        fs::read_to_string(RELEASE_FILE).with_context(|| format!("reading {RELEASE_FILE}"))?;
    Ok(text.trim().to_string())
}

/// Where a release's squashfs can be, in the order of preference.
pub fn candidates(version: &str, mounts: &[&Path]) -> Vec<PathBuf> {
    let on_mount = |mount: &&Path| mount.join(RELEASES).join(version).join(SQUASHFS);
    std::iter::once(PathBuf::from(EMBEDDED))
        .chain(mounts.iter().map(on_mount))
        .collect()
}

/// The first squashfs that is there, checked for being whole.
///
/// # Errors
/// When none is there (naming all places), or the one that is there is broken.
pub fn find_squashfs(version: &str, mounts: &[&Path]) -> Result<PathBuf> {
    let places = candidates(version, mounts);
    let Some(found) = places.iter().find(|place| place.exists()) else {
        let list: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
        bail!(
            "the release {version} is not there; looked for {}",
            list.join(", ")
        );
    };
    check_superblock(found)?;
    Ok(found.clone())
}

fn check_superblock(squashfs: &Path) -> Result<()> {
    let mut head = [0; 96];
    let mut file =
        File::open(squashfs).with_context(|| format!("opening {}", squashfs.display()))?;
    file.read_exact(&mut head)
        .with_context(|| format!("reading {}", squashfs.display()))?;
    let length = file
        .metadata()
        .with_context(|| format!("reading the size of {}", squashfs.display()))?
        .len();
    verify_superblock(&head, length)
        .with_context(|| format!("{} cannot be used", squashfs.display()))
}

/// Checks the magic, the version and that the file is as long as the superblock says (bytes_used at offset 40).
fn verify_superblock(head: &[u8; 96], length: u64) -> Result<()> {
    let [m0, m1, m2, m3, ..] = head;
    if [*m0, *m1, *m2, *m3] != *b"hsqs" {
        bail!("it is damaged: it does not begin as a squashfs does; write the medium again");
    }
    let used = head
        .get(40..48)
        .and_then(|bytes| <[u8; 8]>::try_from(bytes).ok())
        .map_or(0, u64::from_le_bytes);
    if used > length {
        bail!(
            "it is cut short: {length} bytes are there of {used}; write the medium (or install the release) again"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock(used: u64) -> [u8; 96] {
        let mut head = [0; 96];
        head[..4].copy_from_slice(b"hsqs");
        head[40..48].copy_from_slice(&used.to_le_bytes());
        head
    }

    #[test]
    fn a_whole_squashfs_passes_and_padding_does_no_harm() {
        verify_superblock(&superblock(4000), 4096).unwrap();
    }

    #[test]
    fn a_cut_or_foreign_file_is_told() {
        let cut = verify_superblock(&superblock(5000), 4096).unwrap_err();
        assert!(cut.to_string().contains("cut short"), "{cut}");
        let foreign = verify_superblock(&[0; 96], 4096).unwrap_err();
        assert!(foreign.to_string().contains("damaged"), "{foreign}");
    }

    #[test]
    fn the_initramfs_comes_before_the_state_partition() {
        let places = candidates("v1", &[Path::new("/s"), Path::new("/m")]);
        assert_eq!(places[0], Path::new(EMBEDDED));
        assert_eq!(
            places[1],
            Path::new("/s/k3os/system/releases/v1/rootfs.squashfs")
        );
    }

    #[test]
    fn a_missing_release_names_the_places() {
        let error = find_squashfs("v9", &[Path::new("/nowhere")]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("/nowhere/k3os/system/releases/v9")
        );
    }
}
