//! Copying directories with what belongs to their files: mode, owner and links.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Copies everything below `from` into `to`, which is made when missing. What is in `to` already stays as it is, so a
/// template can be laid under a directory that is in use. Special files are left out.
///
/// # Errors
/// The first file that cannot be copied.
pub fn copy_missing(from: &Path, to: &Path) -> Result<()> {
    make_directory_like(from, to)?;
    let entries = fs::read_dir(from).with_context(|| format!("reading {}", from.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("reading {}", from.display()))?;
        let target = to.join(entry.file_name());
        copy_entry(&entry.path(), &target)?;
    }
    Ok(())
}

/// The same for a single file; missing directories above it are made.
///
/// # Errors
/// When it cannot be copied.
pub fn copy_missing_file(from: &Path, to: &Path) -> Result<()> {
    let directory = to.parent().unwrap_or(to);
    fs::create_dir_all(directory)
        .with_context(|| format!("making the directory {}", directory.display()))?;
    copy_entry(from, to)
}

fn copy_entry(from: &Path, to: &Path) -> Result<()> {
    let meta = fs::symlink_metadata(from).with_context(|| format!("reading {}", from.display()))?;
    let exists = fs::symlink_metadata(to).is_ok();
    if meta.is_dir() {
        // A link in place of a directory is the user's choice (say, /var/lib/x on another disk).
        return if exists && !to.is_dir() {
            Ok(())
        } else {
            copy_missing(from, to)
        };
    }
    if exists {
        return Ok(());
    }
    copy_leaf(from, to, &meta)
        .with_context(|| format!("copying {} to {}", from.display(), to.display()))
}

fn copy_leaf(from: &Path, to: &Path, meta: &fs::Metadata) -> Result<()> {
    if meta.is_symlink() {
        symlink(fs::read_link(from)?, to)?;
        lchown(to, Some(meta.uid()), Some(meta.gid()))?;
    } else if meta.is_file() {
        fs::copy(from, to)?;
        chown(to, Some(meta.uid()), Some(meta.gid()))?;
        // After chown, which takes set-id bits away.
        fs::set_permissions(to, fs::Permissions::from_mode(meta.mode()))?;
    }
    Ok(())
}

fn make_directory_like(from: &Path, to: &Path) -> Result<()> {
    let meta = fs::metadata(from).with_context(|| format!("reading {}", from.display()))?;
    if !meta.is_dir() {
        bail!("copying {}: it is not a directory", from.display());
    }
    if to.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to).with_context(|| format!("making the directory {}", to.display()))?;
    chown(to, Some(meta.uid()), Some(meta.gid()))
        .with_context(|| format!("setting the owner of {}", to.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(meta.mode()))
        .with_context(|| format!("setting the mode of {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_links_are_kept_and_existing_files_stay() {
        let scratch = tempfile::tempdir().unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::write(from.join("a/secret"), "template").unwrap();
        fs::set_permissions(from.join("a/secret"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("secret", from.join("a/link")).unwrap();
        fs::create_dir_all(&to).unwrap();
        fs::write(to.join("mine"), "kept").unwrap();
        fs::write(from.join("mine"), "template").unwrap();

        copy_missing(&from, &to).unwrap();

        let mode = fs::metadata(to.join("a/secret")).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o640);
        assert_eq!(
            fs::read_link(to.join("a/link")).unwrap(),
            Path::new("secret")
        );
        assert_eq!(fs::read_to_string(to.join("mine")).unwrap(), "kept");
        assert!(to.join("a/b").is_dir());
    }

    #[test]
    fn a_missing_template_is_named() {
        let error = copy_missing(Path::new("/nowhere/at/all"), Path::new("/tmp/x")).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/at/all"));
    }
}
