//! The proof that two builds of one commit give the same bytes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::arch::Arch;
use crate::build::build;
use crate::cache::Cache;
use crate::context::{Compression, Context, repository, source_date};
use crate::release::sha256;

/// Builds the last commit in two directories of different lengths, each with empty caches and an empty cargo directory; only the
/// fetched Debian packages are common. Then compares.
pub fn verify(arch: Arch, compression: Compression) -> Result<()> {
    let repo = repository()?;
    let epoch = source_date(&repo)?;
    let scratch = tempfile::tempdir().context("making a scratch directory")?;
    let mut outputs = Vec::new();
    for name in ["one", "another-one"] {
        let directory = scratch.path().join(name);
        export(&repo, &directory)?;
        // The copy has no history to take the time from.
        let mut ctx = Context::with_epoch(
            directory.clone(),
            arch,
            compression,
            &directory.join("out"),
            epoch,
        )?;
        ctx.target = directory.join("target");
        ctx.cache = Cache::at(directory.join("cache"))?;
        ctx.progress
            .say("verify", &format!("building in {}", directory.display()));
        build(&ctx)?;
        outputs.push(ctx.output);
    }
    compare(&outputs[0], &outputs[1])
}

/// The files of the last commit.
fn export(repo: &Path, directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("creating {}", directory.display()))?;
    let archive = directory.join("commit.tar");
    let git = Command::new("git")
        .current_dir(repo)
        .args(["archive", "--format=tar", "-o"])
        .arg(&archive)
        .arg("HEAD")
        .status();
    let unpacked = || tar::Archive::new(std::fs::File::open(&archive)?).unpack(directory);
    if !git.context("starting git")?.success() {
        bail!("exporting the last commit: git archive failed");
    }
    unpacked().context("unpacking the last commit")
}

fn compare(one: &Path, other: &Path) -> Result<()> {
    let (names, others) = (names(one)?, names(other)?);
    if names != others {
        bail!("comparing the builds: one made {names:?}, the other {others:?}");
    }
    let mut different = Vec::new();
    for name in names {
        let (first, second) = (sha256(&one.join(&name))?, sha256(&other.join(&name))?);
        println!(
            "{} {first} {}",
            if first == second {
                "same     "
            } else {
                "different"
            },
            name.display()
        );
        if first != second {
            different.push(name.display().to_string());
        }
    }
    if !different.is_empty() {
        bail!("comparing the builds: {} differ", different.join(", "));
    }
    Ok(())
}

fn names(directory: &Path) -> Result<Vec<PathBuf>> {
    let items =
        std::fs::read_dir(directory).with_context(|| format!("listing {}", directory.display()))?;
    let mut names: Vec<PathBuf> = items
        .filter_map(Result::ok)
        .filter(|item| item.path().is_file())
        .map(|item| item.file_name().into())
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_other_byte_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| directory.path().join(name));
        for path in [&one, &other] {
            std::fs::create_dir(path).unwrap();
            std::fs::write(path.join("iso"), "same").unwrap();
        }
        compare(&one, &other).unwrap();
        std::fs::write(other.join("iso"), "sane").unwrap();
        assert!(
            compare(&one, &other)
                .unwrap_err()
                .to_string()
                .contains("iso differ")
        );
        std::fs::write(other.join("more"), "").unwrap();
        assert!(
            compare(&one, &other)
                .unwrap_err()
                .to_string()
                .contains("more")
        );
    }
}
