//! How large the artefacts are, and what is largest in `/usr`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::subject::Subject;
use crate::machine::Boot;
use crate::release::Release;
use crate::tool::{self, text};

/// How many of the largest files are told.
const LARGEST: usize = 15;

/// Sizes in bytes, largest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sizes {
    /// The files that `make image` made.
    pub artifacts: Vec<Size>,
    /// The release's own files.
    pub release: Vec<Size>,
    /// The largest files in the squashfs, before compression.
    pub largest: Vec<Size>,
    /// What our machine's disk holds before its first boot, in bytes.
    pub disk: u64,
    /// What the reference's disk holds then.
    pub reference_disk: u64,
    /// The reference's initrd.
    pub reference_initrd: u64,
}

/// A file's size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Size {
    /// Its name.
    pub name: String,
    /// In bytes.
    pub bytes: u64,
}

impl Sizes {
    /// The size of an artefact.
    pub fn artifact(&self, name: &str) -> Option<u64> {
        let found = self.artifacts.iter().find(|size| size.name == name)?;
        Some(found.bytes)
    }
}

/// Looks at the artefacts in `dir`, into the release, and at what both machines boot from.
pub fn measure(
    dir: &Path,
    release: &Release,
    ours: &Subject,
    reference: &Subject,
) -> Result<Sizes> {
    let squashfs = text(&release.dir().join("rootfs.squashfs"));
    let listing = tool::run("unsquashfs", ["-lln", &squashfs])?;
    Ok(Sizes {
        artifacts: directory(dir)?,
        release: directory(&release.dir())?,
        largest: largest(&listing),
        disk: used(&ours.disk)?,
        reference_disk: used(&reference.disk)?,
        reference_initrd: initrd(reference)?,
    })
}

fn initrd(subject: &Subject) -> Result<u64> {
    let Boot::Direct { initrd, .. } = &subject.boot else {
        bail!("measuring {}: it boots without an initrd", subject.name);
    };
    let data = fs::metadata(initrd).with_context(|| format!("reading {}", initrd.display()))?;
    Ok(data.len())
}

/// How much of an ext4 file system is taken, with its own tables and journal.
fn used(disk: &Path) -> Result<u64> {
    let header = tool::run("dumpe2fs", ["-h", &text(disk)])?;
    used_of(&header).with_context(|| format!("reading the header of {}", disk.display()))
}

fn used_of(header: &str) -> Option<u64> {
    let field = |name: &str| -> Option<u64> {
        let value = header.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().parse().ok()
    };
    let blocks = field("Block count:")? - field("Free blocks:")?;
    Some(blocks * field("Block size:")?)
}

fn directory(dir: &Path) -> Result<Vec<Size>> {
    let mut sizes = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let entry = entry?;
        let data = entry.metadata()?;
        if data.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            sizes.push(Size {
                name,
                bytes: data.len(),
            });
        }
    }
    Ok(sorted(sizes))
}

fn largest(listing: &str) -> Vec<Size> {
    let mut sizes = sorted(listing.lines().filter_map(listed).collect());
    sizes.truncate(LARGEST);
    sizes
}

/// `-rwxr-xr-x 0/0   185000000 2026-11-21 08:00 squashfs-root/libexec/…`
fn listed(line: &str) -> Option<Size> {
    let mut columns = line.split_whitespace();
    columns.next().filter(|mode| mode.starts_with('-'))?;
    let bytes = columns.nth(1)?.parse().ok()?;
    let name = columns
        .nth(2)?
        .trim_start_matches("squashfs-root/")
        .to_owned();
    Some(Size { name, bytes })
}

fn sorted(mut sizes: Vec<Size>) -> Vec<Size> {
    sizes.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_count_and_the_largest_come_first() {
        let listing = "drwxr-xr-x 0/0 300 2026-11-21 08:00 squashfs-root/lib\n\
            -rw-r--r-- 0/0 10 2026-11-21 08:00 squashfs-root/lib/small\n\
            -rwxr-xr-x 0/0 200 2026-11-21 08:00 squashfs-root/bin/large\n\
            lrwxrwxrwx 0/0 5 2026-11-21 08:00 squashfs-root/x -> y\n";
        let names: Vec<String> = largest(listing).into_iter().map(|size| size.name).collect();
        assert_eq!(names, ["bin/large", "lib/small"]);
    }

    #[test]
    fn a_disk_holds_what_is_not_free() {
        let header = "Block count:              1000\nFree blocks:              250\nBlock size:               4096\n";
        assert_eq!(used_of(header), Some(750 * 4096));
        assert_eq!(used_of("Block count: 1\n"), None);
    }
}
