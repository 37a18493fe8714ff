//! What every step needs to know: architecture, directories, the time that all files get.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::arch::Arch;
use crate::cache::Cache;
use crate::progress::Progress;

/// How hard to compress: seconds or bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Compression {
    /// For trying a change: the image is larger, and there in seconds.
    Fast,
    /// For a release.
    Best,
}

/// One build.
pub struct Context {
    pub arch: Arch,
    pub compression: Compression,
    /// Root of the repository.
    pub repo: PathBuf,
    /// Where the artefacts go.
    pub output: PathBuf,
    pub cache: Cache,
    /// Where fetched packages are kept: they are inputs of a build.
    pub downloads: Cache,
    /// Cargo's directory for the image's programs.
    pub target: PathBuf,
    pub progress: Progress,
    /// The time of every file in every artefact, seconds since 1970.
    pub epoch: u64,
    /// The Kubernetes programs, when they need not be built.
    pub kubernetes: Option<PathBuf>,
    /// `v` and the workspace's version.
    pub release: String,
}

impl Context {
    /// Gathers the facts about the repository around the current directory; `output` is relative to that directory.
    pub fn new(arch: Arch, compression: Compression, output: &Path) -> Result<Self> {
        let repo = repository()?;
        let epoch = source_date(&repo)?;
        Self::with_epoch(repo, arch, compression, output, epoch)
    }

    /// The same for the repository in `repo`, whose files get this time.
    pub fn with_epoch(
        repo: PathBuf,
        arch: Arch,
        compression: Compression,
        output: &Path,
        epoch: u64,
    ) -> Result<Self> {
        Ok(Self {
            arch,
            compression,
            output: std::path::absolute(output).context("finding the output directory")?,
            target: target_directory(&repo),
            repo,
            kubernetes: None,
            cache: Cache::open()?,
            downloads: Cache::open()?,
            progress: Progress::new(),
            epoch,
            release: concat!("v", env!("CARGO_PKG_VERSION")).to_owned(),
        })
    }
}

/// The directory with the workspace's Cargo.toml: upwards from the current one.
pub fn repository() -> Result<PathBuf> {
    let here = std::env::current_dir().context("finding the current directory")?;
    match here
        .ancestors()
        .find(|directory| directory.join("image-build/Cargo.toml").is_file())
    {
        Some(root) => Ok(root.to_owned()),
        None => bail!(
            "finding the repository: {} is not inside it",
            here.display()
        ),
    }
}

/// A directory of its own inside cargo's: flags differ from those of a developer's builds, cargo rebuilds when they change, and it
/// locks its directory while it builds.
fn target_directory(repo: &Path) -> PathBuf {
    let set = std::env::var_os("CARGO_TARGET_DIR").filter(|directory| !directory.is_empty());
    let directory = set.map_or_else(|| repo.join("target"), |directory| repo.join(directory));
    directory.join("image-build")
}

/// SOURCE_DATE_EPOCH, else the time of the last commit.
pub fn source_date(repo: &Path) -> Result<u64> {
    if let Ok(set) = std::env::var("SOURCE_DATE_EPOCH") {
        return set
            .parse()
            .context("reading SOURCE_DATE_EPOCH: seconds since 1970 are expected");
    }
    let output = Command::new("git")
        .args(["log", "-1", "--format=%ct"])
        .current_dir(repo)
        .output()
        .context("starting git")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().context(
        "reading the time of the last commit: set SOURCE_DATE_EPOCH where there is no git history",
    )
}
