//! Files that are whole or absent, also after a power cut.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};

/// Writes `content` to `path` with `mode`: a temporary file beside it, fsync, rename, fsync of the folder. Missing
/// folders are made, for root alone when the file is.
///
/// # Errors
/// Any of these steps, with the path.
pub fn write(path: &Path, content: impl AsRef<[u8]>, mode: u32) -> Result<()> {
    write_steps(path, content.as_ref(), mode).with_context(|| format!("writing {}", path.display()))
}

/// As [`write`], but leaves a file alone that has this content and mode already. Says whether it wrote.
///
/// # Errors
/// As [`write`].
pub fn write_if_changed(path: &Path, content: impl AsRef<[u8]>, mode: u32) -> Result<bool> {
    let same_mode = fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o777 == mode);
    if same_mode && fs::read(path).is_ok_and(|old| old == content.as_ref()) {
        return Ok(false);
    }
    write(path, content, mode).map(|()| true)
}

fn write_steps(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let folder_mode = if mode & 0o077 == 0 { 0o700 } else { 0o755 };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(folder_mode)
        .create(folder)?;
    let name = path
        .file_name()
        .context("it has no file name")?
        .to_string_lossy();
    let temporary = folder.join(format!(".{name}.tmp"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_mode_and_leave_nothing_beside() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("a/b.key");
        write(&path, "secret", 0o600)?;
        assert_eq!(fs::read_to_string(&path)?, "secret");
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::metadata(dir.path().join("a"))?.permissions().mode() & 0o777,
            0o700
        );
        assert_eq!(fs::read_dir(dir.path().join("a"))?.count(), 1);
        Ok(())
    }

    #[test]
    fn unchanged_files_stay() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("f");
        assert!(write_if_changed(&path, "x", 0o644)?);
        assert!(!write_if_changed(&path, "x", 0o644)?);
        assert!(write_if_changed(&path, "x", 0o600)?);
        assert!(write_if_changed(&path, "y", 0o600)?);
        Ok(())
    }
}
