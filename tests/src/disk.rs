//! State disks: made from a tree without root, and read again after the machine is off.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::release::Release;
use crate::tool::{self, text};

/// The directory of the persistent data on the state partition.
const DATA: &str = "k3os/data";

/// What a state disk holds before its first boot.
#[derive(Debug)]
pub struct StateTree {
    root: PathBuf,
}

impl StateTree {
    /// A tree at `root` with nothing in it.
    pub fn empty(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).with_context(|| format!("creating {}", root.display()))?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// A tree at `root` with one release in it.
    pub fn with_release(root: &Path, release: &Release) -> Result<Self> {
        let tree = Self::empty(root)?;
        let target = root.join("k3os/system/releases");
        fs::create_dir_all(&target).with_context(|| format!("creating {}", target.display()))?;
        tool::run("cp", ["-a".to_owned(), text(&release.dir()), text(&target)])?;
        Ok(tree)
    }

    /// Writes `/k3os/system/config.yaml`.
    pub fn system_config(self, content: &str) -> Result<Self> {
        self.write("k3os/system/config.yaml", content)
    }

    /// Writes a file of the running machine's `/var`; `path` is relative to it.
    pub fn var(self, path: &str, content: &str) -> Result<Self> {
        self.write(&format!("{DATA}/var/{path}"), content)
    }

    /// The release's squashfs, to be damaged.
    pub fn squashfs(&self, release: &Release) -> PathBuf {
        let name = format!("k3os/system/releases/{}/rootfs.squashfs", release.version);
        self.root.join(name)
    }

    /// Writes a file; `path` is relative to the disk's root.
    pub fn write(self, path: &str, content: &str) -> Result<Self> {
        let path = self.root.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
        }
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        Ok(self)
    }

    /// Makes the disk: a sparse file of `mib` MiB, and the tree is removed.
    pub fn into_disk(self, path: &Path, mib: u64) -> Result<StateDisk> {
        let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
        file.set_len(mib << 20)
            .with_context(|| format!("growing {}", path.display()))?;
        let (tree, disk) = (text(&self.root), text(path));
        tool::run(
            "mkfs.ext4",
            ["-q", "-F", "-L", "K3OS_STATE", "-d", &tree, &disk],
        )?;
        fs::remove_dir_all(&self.root).with_context(|| format!("removing {tree}"))?;
        Ok(StateDisk {
            path: path.to_owned(),
        })
    }
}

/// An ext4 file system with the label `K3OS_STATE` on a whole disk.
#[derive(Clone, Debug)]
pub struct StateDisk {
    /// The raw image.
    pub path: PathBuf,
}

impl StateDisk {
    /// Fails unless the file system was unmounted in order and has no errors.
    pub fn assert_clean(&self) -> Result<()> {
        let disk = text(&self.path);
        let header = tool::run("dumpe2fs", ["-h", &disk])?;
        if !unmounted_in_order(&header) {
            bail!("reading the state disk: it was not unmounted in order");
        }
        tool::run("e2fsck", ["-f", "-n", &disk]).map(drop)
    }

    /// The content of a file in the machine's persistent data, for example `var/lib/x`.
    pub fn read_data(&self, path: &str) -> Result<String> {
        let command = format!("cat /{DATA}/{path}");
        let disk = text(&self.path);
        let content = tool::run("debugfs", ["-R", &command, &disk])?;
        // debugfs reports a missing file on standard error and ends with 0.
        if content.is_empty() {
            bail!("reading /{DATA}/{path} on the state disk: not there or empty");
        }
        Ok(content)
    }
}

/// A journal that still must be replayed means that the machine was cut off.
fn unmounted_in_order(header: &str) -> bool {
    let value = |key: &str| {
        header
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .map(str::trim)
            .unwrap_or_default()
    };
    value("Filesystem state:") == "clean"
        && !value("Filesystem features:").contains("needs_recovery")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_to_replay_is_not_clean() {
        let clean =
            "Filesystem features:      has_journal extent\nFilesystem state:         clean\n";
        assert!(unmounted_in_order(clean));
        assert!(!unmounted_in_order(
            &clean.replace("extent", "extent needs_recovery")
        ));
        assert!(!unmounted_in_order(&clean.replace("clean", "not clean")));
        assert!(!unmounted_in_order(""));
    }

    #[test]
    fn a_disk_is_made_from_a_tree_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("tree");
        fs::create_dir(&root).unwrap();
        let tree = StateTree { root }.var("lib/x", "kept\n").unwrap();
        let disk = tree.into_disk(&dir.path().join("disk"), 16).unwrap();
        disk.assert_clean().unwrap();
        assert_eq!(disk.read_data("var/lib/x").unwrap(), "kept\n");
        assert!(disk.read_data("var/lib/y").is_err());
    }
}
