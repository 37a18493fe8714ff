//! Looking into the manifests directory, and being told when it changes.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::events::Events;

/// Time for a writer to finish.
const SETTLE: Duration = Duration::from_millis(150);

/// What the directory holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Manifests by their path below the directory.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Manifests that are to be left alone, because `NAME.skip` lies beside them.
    pub skipped: Vec<String>,
}

/// Reads all manifests, those in subdirectories included. A file that cannot be read is as if it were unchanged.
///
/// # Errors
/// A directory that cannot be read: nobody knows what is in it.
pub fn read(directory: &Path) -> Result<Contents> {
    let mut contents = Contents::default();
    for path in walk(directory)? {
        let Ok(name) = path.strip_prefix(directory) else {
            continue;
        };
        let name = name.display().to_string();
        if path
            .with_file_name(format!("{}.skip", file_name(&path)))
            .exists()
        {
            contents.skipped.push(name);
            continue;
        }
        match fs::read(&path) {
            Ok(bytes) => {
                contents.files.insert(name, bytes);
            }
            Err(error) => {
                println!("k3s: reading {}: {error}", path.display());
                contents.skipped.push(name);
            }
        }
    }
    Ok(contents)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn walk(directory: &Path) -> Result<Vec<PathBuf>> {
    let doing = || format!("reading {}", directory.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).with_context(doing)? {
        let entry = entry.with_context(doing)?;
        let path = entry.path();
        if entry.file_type().with_context(doing)?.is_dir() {
            found.extend(walk(&path)?);
        } else if is_manifest(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn is_manifest(path: &Path) -> bool {
    let hidden = file_name(path).starts_with('.');
    !hidden
        && path
            .extension()
            .is_some_and(|e| e == "yaml" || e == "yml" || e == "json")
}

/// Waits for changes in the directory.
pub struct Changes {
    inotify: Option<Events>,
}

impl Changes {
    /// Watches from now on. Without inotify the directory is looked at every few seconds.
    pub fn listen(directory: &Path) -> Self {
        Changes {
            inotify: watch(directory).ok(),
        }
    }

    /// Returns a moment after a change, or after `limit`.
    pub async fn next(&self, limit: Duration) {
        let Some(inotify) = &self.inotify else {
            return tokio::time::sleep(limit).await;
        };
        if tokio::time::timeout(limit, inotify.next()).await.is_ok() {
            tokio::time::sleep(SETTLE).await;
            inotify.drain();
        }
    }
}

fn watch(directory: &Path) -> Result<Events> {
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    let events = AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_MOVED_FROM
        | AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE;
    inotify.add_watch(directory, events)?;
    for entry in fs::read_dir(directory)?
        .flatten()
        .filter(|e| e.path().is_dir())
    {
        inotify.add_watch(&entry.path(), events)?;
    }
    Ok(Events::new(inotify.as_fd().try_clone_to_owned()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_found_and_skips_honoured() -> Result<()> {
        let dir = tempfile::tempdir()?;
        fs::create_dir(dir.path().join("sub"))?;
        for name in [
            "a.yaml",
            "b.yml",
            "sub/c.json",
            "d.txt",
            ".e.yaml",
            "f.yaml",
            "f.yaml.skip",
        ] {
            fs::write(dir.path().join(name), name)?;
        }
        let contents = read(dir.path())?;
        assert_eq!(
            contents.files.keys().collect::<Vec<_>>(),
            ["a.yaml", "b.yml", "sub/c.json"]
        );
        assert_eq!(contents.skipped, ["f.yaml"]);
        Ok(())
    }

    #[test]
    fn a_directory_that_cannot_be_read_is_not_an_empty_one() -> Result<()> {
        let dir = tempfile::tempdir()?;
        assert!(read(&dir.path().join("gone")).is_err());
        fs::write(dir.path().join("file"), "")?;
        assert!(read(&dir.path().join("file")).is_err());
        assert_eq!(read(dir.path())?, Contents::default());
        Ok(())
    }

    #[test]
    fn a_change_is_noticed_soon() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let changes = Changes::listen(dir.path());
            fs::write(dir.path().join("a.yaml"), "x")?;
            tokio::time::timeout(
                Duration::from_secs(3),
                changes.next(Duration::from_secs(60)),
            )
            .await?;
            Ok(())
        })
    }
}
