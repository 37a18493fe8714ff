//! The artefacts under test, and the release inside the ISO.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use installer::own_iso::{OwnIso, make};
use installer::progress::Lines;

use crate::machine::Boot;
use crate::processor::Processor;
use crate::tool::{self, text};

/// The directory that `make image` fills.
#[derive(Clone, Debug)]
pub struct Artifacts {
    dir: PathBuf,
    /// The processor that they are for.
    pub processor: Processor,
}

impl Artifacts {
    /// The artefacts in `dir`, which must hold the bootable ones.
    pub fn open(dir: &Path) -> Result<Self> {
        let dir = dir
            .canonicalize()
            .with_context(|| format!("opening {} (`make image` makes it)", dir.display()))?;
        let processor = Processor::of(&dir);
        let artifacts = Self { dir, processor };
        for file in [artifacts.iso(), artifacts.kernel(), artifacts.initrd()] {
            if !file.exists() {
                bail!(
                    "reading {}: not there; `make image` makes it",
                    file.display()
                );
            }
        }
        Ok(artifacts)
    }

    fn named(&self, before: &str, behind: &str) -> PathBuf {
        let processor = self.processor.name();
        self.dir.join(format!("{before}{processor}{behind}"))
    }

    /// The live ISO.
    pub fn iso(&self) -> PathBuf {
        self.named("k3os-", ".iso")
    }

    /// The release's `/usr` as its own file.
    pub fn squashfs(&self) -> PathBuf {
        self.named("k3os-", ".squashfs")
    }

    /// The kernel as its own file.
    pub fn kernel(&self) -> PathBuf {
        self.named("k3os-vmlinuz-", "")
    }

    /// The initrd as its own file.
    pub fn initrd(&self) -> PathBuf {
        self.named("k3os-initrd-", "")
    }

    /// The archive that is unpacked over another Linux.
    pub fn rootfs(&self) -> PathBuf {
        self.named("k3os-rootfs-", ".tar.gz")
    }

    /// The program for any Linux.
    pub fn program(&self) -> PathBuf {
        self.named("k3os-", "")
    }

    /// A boot of kernel and initrd without a loader.
    pub fn direct(&self) -> Boot {
        Boot::Direct {
            kernel: self.kernel(),
            initrd: self.initrd(),
        }
    }

    /// Unpacks the ISO's `/k3os` tree to `to/k3os`.
    pub fn unpack(&self, to: &Path) -> Result<Release> {
        let tree = to.join("k3os");
        let (iso, target) = (text(&self.iso()), text(&tree));
        tool::run(
            "xorriso",
            [
                "-osirrox", "on", "-indev", &iso, "-extract", "/k3os", &target,
            ],
        )?;
        // The ISO's files are read-only, and a directory like that could not be removed again.
        tool::run("chmod", ["-R", "u+w", &target])?;
        Release::find(&tree)
    }

    /// A copy of the ISO at `to` with `config` as its `/k3os/system/config.yaml`, as `k3os iso` makes it.
    pub fn remaster(&self, config: &str, to: &Path) -> Result<()> {
        let wanted = OwnIso {
            released: self.iso(),
            output: to.to_owned(),
            config: Some(config.to_owned()),
            cmdline: String::new(),
            force: true,
        };
        make(&wanted, &mut Lines::new(std::io::sink(), false))
    }
}

/// One release's files, unpacked.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its name, for example `v0.30.0`.
    pub version: String,
    tree: PathBuf,
}

impl Release {
    fn find(tree: &Path) -> Result<Self> {
        let releases = tree.join("system/releases");
        let mut names = Vec::new();
        for entry in releases
            .read_dir()
            .with_context(|| format!("reading {}", releases.display()))?
        {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        match names.as_slice() {
            [version] => Ok(Self {
                version: version.clone(),
                tree: tree.to_owned(),
            }),
            _ => bail!(
                "reading {}: one release expected, found {names:?}",
                releases.display()
            ),
        }
    }

    /// The directory with the release's files.
    pub fn dir(&self) -> PathBuf {
        self.tree.join("system/releases").join(&self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_with_one_release_gives_its_version() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("system/releases/v1")).unwrap();
        let release = Release::find(dir.path()).unwrap();
        assert_eq!(release.version, "v1");
        assert!(release.dir().is_dir());
        std::fs::create_dir(dir.path().join("system/releases/v2")).unwrap();
        assert!(Release::find(dir.path()).is_err());
    }

    #[test]
    fn missing_artefacts_say_how_to_make_them() {
        let dir = tempfile::tempdir().unwrap();
        let error = Artifacts::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("k3os-amd64.iso") && error.contains("make image"));
    }
}
