//! The directories themselves.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

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

/// Begins the name of a volume's directory that is being removed.
const REMOVED: &str = ".removed-";

/// Takes a volume's directory away by another name, which takes no time, whatever is in it. None if there is none. A link
/// that lies at its place is refused.
pub fn set_aside(storage: &Path, name: &str) -> Result<Option<PathBuf>> {
    let path = storage.join(name);
    let doing = || format!("removing {}", path.display());
    match fs::symlink_metadata(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(doing),
        Ok(found) => ensure!(found.is_dir(), "{}: it is no directory", doing()),
    }
    // Each volume's name is its own, so only a removal that was cut off has left one.
    let unused = (0..1000)
        .map(|n| storage.join(format!("{REMOVED}{n}-{name}")))
        .find(|aside| fs::symlink_metadata(aside).is_err());
    let aside = unused.with_context(doing)?;
    fs::rename(&path, &aside).with_context(doing)?;
    Ok(Some(aside))
}

/// Removes directories in a thread of its own, one after the other: some hold millions of files.
pub struct Remover(mpsc::Sender<PathBuf>);

impl Remover {
    /// Begins with what an earlier run did not finish.
    pub fn start(storage: &Path) -> Result<Self> {
        let (sender, paths) = mpsc::channel();
        for left in leftovers(storage) {
            let _ = sender.send(left);
        }
        thread::Builder::new()
            .name("volumes".into())
            .spawn(move || paths.into_iter().for_each(|path| remove(&path)))
            .context("starting the removal of volumes")?;
        Ok(Remover(sender))
    }

    /// Removes `path` when its turn comes. A failure is reported, and tried again at the next start.
    pub fn remove(&self, path: PathBuf) {
        // The thread ends with this sender only.
        let _ = self.0.send(path);
    }
}

fn leftovers(storage: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(storage).into_iter().flatten().flatten();
    let removed = |name: &OsStr| name.to_string_lossy().starts_with(REMOVED);
    entries
        .filter(|entry| removed(&entry.file_name()))
        .map(|entry| entry.path())
        .collect()
}

/// A link that a container put into it is removed, not followed (`remove_dir_all` opens directory by directory without
/// following).
fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        println!("k3s: local-path: removing {}: {error}", path.display());
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
        let aside = set_aside(&storage, "v")?.context("it was there")?;
        assert_eq!(leftovers(&storage), std::slice::from_ref(&aside));
        remove(&aside);
        assert!(fs::read_dir(&storage)?.next().is_none() && outside.join("keep").exists());
        assert_eq!(set_aside(&storage, "v")?, None);
        std::os::unix::fs::symlink(&outside, storage.join("l"))?;
        assert!(set_aside(&storage, "l").is_err());
        assert!(outside.join("keep").exists());
        Ok(())
    }

    /// The caller goes on at once, however much there is to remove, and what was left is removed by the next start.
    #[test]
    fn removal_holds_nobody_up() -> Result<()> {
        let dir = tempfile::tempdir()?;
        make(dir.path(), "v")?;
        for n in 0..2000 {
            fs::write(dir.path().join(format!("v/{n}")), "")?;
        }
        let aside = set_aside(dir.path(), "v")?.context("it was there")?;
        assert_eq!(fs::read_dir(&aside)?.count(), 2000, "all is there still");
        make(dir.path(), "v")?;
        let again = set_aside(dir.path(), "v")?.context("it was there")?;
        assert_ne!(aside, again);
        let remover = Remover::start(dir.path())?;
        let begun = std::time::Instant::now();
        while fs::read_dir(dir.path())?.next().is_some() {
            assert!(begun.elapsed().as_secs() < 30, "it is still there");
            thread::yield_now();
        }
        drop(remover);
        Ok(())
    }
}
