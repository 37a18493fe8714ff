//! The directories themselves.

use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Makes a volume's directory. Any user of a container may write into it, but only root comes past the directory above.
pub fn make(storage: &Path, name: &str) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(storage)
        .with_context(|| format!("making {}", storage.display()))?;
    let path = storage.join(name);
    match fs::create_dir(&path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => fs::set_permissions(&path, Permissions::from_mode(0o777)),
    }
    .with_context(|| format!("making {}", path.display()))
}

/// Removes a volume's directory with all that is in it. A link that a container put there is removed, not followed
/// (`remove_dir_all` opens directory by directory without following).
pub fn remove(storage: &Path, name: &str) -> Result<()> {
    let path = storage.join(name);
    let doing = || format!("removing {}", path.display());
    match fs::symlink_metadata(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e).with_context(doing),
        Ok(found) => {
            ensure!(found.is_dir(), "{}: not a directory", doing());
            fs::remove_dir_all(&path).with_context(doing)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_made_and_removed_without_following_links() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let (storage, outside) = (dir.path().join("s"), dir.path().join("outside"));
        fs::create_dir(&outside)?;
        fs::write(outside.join("keep"), "x")?;
        make(&storage, "v")?;
        make(&storage, "v")?;
        assert_eq!(
            fs::metadata(storage.join("v"))?.permissions().mode() & 0o777,
            0o777
        );
        std::os::unix::fs::symlink(&outside, storage.join("v/link"))?;
        remove(&storage, "v")?;
        assert!(!storage.join("v").exists() && outside.join("keep").exists());
        remove(&storage, "v")?;
        std::os::unix::fs::symlink(&outside, storage.join("l"))?;
        assert!(remove(&storage, "l").is_err());
        assert!(outside.join("keep").exists());
        Ok(())
    }
}
