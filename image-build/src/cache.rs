//! Results of steps, kept by the hash of what they were made from.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::progress::Progress;

/// How many results of one step stay: the newest, and some for going back and forth between two states.
const KEPT: usize = 4;

/// The cache directory.
pub struct Cache {
    root: PathBuf,
}

/// Collects what a step's result depends on.
pub struct Key(Sha256);

impl Key {
    /// A key for this step.
    pub fn new(step: &str) -> Self {
        Self(Sha256::new()).with(step)
    }

    /// Adds one input. Lengths go in too, so that inputs cannot run into one another.
    pub fn with(mut self, input: impl AsRef<[u8]>) -> Self {
        let input = input.as_ref();
        self.0.update((input.len() as u64).to_le_bytes());
        self.0.update(input);
        self
    }

    /// Adds the names and contents of every file below a directory that exists.
    pub fn with_directory(mut self, directory: &Path) -> Result<Self> {
        for (path, entry) in crate::tree::from_directory(directory)?.iter() {
            self = self.with(path).with(entry.mode.to_le_bytes());
            match &entry.node {
                crate::tree::Node::File(content) => self = self.with(content.read()?),
                crate::tree::Node::Link(target) => self = self.with(target),
                crate::tree::Node::Dir => {}
            }
        }
        Ok(self)
    }

    /// 16 hexadecimal digits.
    pub fn text(self) -> String {
        hex(&self.0.finalize())[..16].to_owned()
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Cache {
    /// `$K3OS_CACHE/build`, else `$XDG_CACHE_HOME/k3os/build`, else `~/.cache/k3os/build`.
    pub fn open() -> Result<Self> {
        let set = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let root = set("K3OS_CACHE")
            .or_else(|| set("XDG_CACHE_HOME").map(|directory| directory.join("k3os")))
            .or_else(|| set("HOME").map(|directory| directory.join(".cache/k3os")))
            .context("finding a cache directory: set K3OS_CACHE")?;
        Self::at(root.join("build"))
    }

    /// A cache in this directory, which is made when it is missing.
    pub fn at(root: PathBuf) -> Result<Self> {
        fs::create_dir_all(&root).with_context(|| format!("creating {}", root.display()))?;
        Ok(Self { root })
    }

    /// The step's result directory: the kept one, or a new one that `build` fills. A build that fails leaves nothing.
    pub fn step(
        &self,
        progress: &Progress,
        step: &str,
        key: Key,
        build: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let directory = self.root.join(format!("{step}-{}", key.text()));
        if directory.is_dir() {
            touch(&directory)?;
            progress.say(step, "unchanged");
            return Ok(directory);
        }
        let scratch = tempfile::Builder::new()
            .prefix(&format!(".{step}-"))
            .tempdir_in(&self.root)
            .with_context(|| format!("making a directory in {}", self.root.display()))?;
        progress.timed(step, || build(scratch.path()))?;
        let made = scratch.keep();
        open_to_all(&made)?;
        fs::rename(&made, &directory)
            .with_context(|| format!("moving {} into place", directory.display()))?;
        self.prune(step, &directory)?;
        Ok(directory)
    }

    /// Removes all but the newest results of a step, and never the one that is in use.
    fn prune(&self, step: &str, used: &Path) -> Result<()> {
        let mut results = Vec::new();
        for item in fs::read_dir(&self.root).context("listing the build cache")? {
            let path = item.context("listing the build cache")?.path();
            if is_result_of(&path, step) && path != used {
                let time = path
                    .metadata()
                    .and_then(|meta| meta.modified())
                    .unwrap_or(SystemTime::UNIX_EPOCH);
                results.push((time, path));
            }
        }
        results.sort();
        let old = results.len().saturating_sub(KEPT - 1);
        for (_, path) in results.into_iter().take(old) {
            fs::remove_dir_all(&path)
                .with_context(|| format!("removing the old {}", path.display()))?;
        }
        Ok(())
    }
}

fn is_result_of(path: &Path, step: &str) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    name.strip_prefix(step)
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|key| key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn touch(directory: &Path) -> Result<()> {
    let file =
        fs::File::open(directory).with_context(|| format!("opening {}", directory.display()))?;
    file.set_modified(SystemTime::now())
        .with_context(|| format!("setting the time of {}", directory.display()))
}

/// tempdir makes directories 0700; tools that drop privileges must be able to enter.
fn open_to_all(directory: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("opening {} to all", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(cache: &Cache) -> usize {
        fs::read_dir(&cache.root).unwrap().count()
    }

    #[test]
    fn a_result_is_made_once_for_its_inputs() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::at(directory.path().join("build")).unwrap();
        let progress = Progress::quiet();
        let write = |dir: &Path| Ok(fs::write(dir.join("out"), "x")?);
        let first = cache
            .step(&progress, "s", Key::new("s").with("a"), write)
            .unwrap();
        let again = cache
            .step(&progress, "s", Key::new("s").with("a"), |_| {
                anyhow::bail!("built twice")
            })
            .unwrap();
        assert_eq!(first, again);
        assert_eq!(fs::read(first.join("out")).unwrap(), b"x");
        assert!(
            cache
                .step(&progress, "s", Key::new("s").with("b"), |_| anyhow::bail!(
                    "broken"
                ))
                .is_err()
        );
        assert_eq!(results(&cache), 1, "a failed step leaves nothing behind");
    }

    #[test]
    fn old_results_are_removed_and_other_steps_stay() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::at(directory.path().join("build")).unwrap();
        let progress = Progress::quiet();
        cache
            .step(&progress, "step-two", Key::new("other"), |_| Ok(()))
            .unwrap();
        for number in 0..KEPT + 3 {
            cache
                .step(
                    &progress,
                    "step",
                    Key::new("s").with(number.to_string()),
                    |_| Ok(()),
                )
                .unwrap();
        }
        assert_eq!(results(&cache), KEPT + 1);
    }

    #[test]
    fn inputs_do_not_run_into_one_another() {
        assert_ne!(
            Key::new("s").with("ab").with("c").text(),
            Key::new("s").with("a").with("bc").text()
        );
    }
}
