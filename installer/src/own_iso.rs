//! An ISO with one's own configuration, made of a released one without root and without any tool: two files of every released
//! ISO have room for more than they hold (see docs/decisions/0008-own-iso.md), and are filled in place in a copy.

mod iso9660;
mod menu;
mod slot;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use system::layout::RELEASES;

use crate::manifest::{CHUNK, NAME, Release, ReleaseFile, compare};
use crate::progress::Reporter;
use crate::size;
use iso9660::{Entry, Image};

const CONFIG: &str = "k3os/system/config.yaml";
const MENU: &str = "boot/grub/grub.cfg";
/// The name by which init finds the medium.
const VOLUME: &str = system::layout::MEDIUM_LABEL;

/// What to make.
#[derive(Debug, Clone)]
pub struct OwnIso {
    /// The released ISO.
    pub released: PathBuf,
    /// The new one.
    pub output: PathBuf,
    /// The text of its `config.yaml`, validated; `None` leaves the one that is there.
    pub config: Option<String>,
    /// Words for the kernel, as on its command line.
    pub cmdline: String,
    /// An output that is there already is replaced.
    pub force: bool,
}

/// Bytes that differ from the released image.
#[derive(Debug, PartialEq, Eq)]
struct Patch {
    at: u64,
    bytes: Vec<u8>,
}

/// Makes it. The output is there whole or not at all, readable by its owner alone: the configuration may hold secrets.
///
/// # Errors
/// When something speaks against it, the released ISO is damaged, or reading or writing fails.
pub fn make(wanted: &OwnIso, reporter: &mut dyn Reporter) -> Result<()> {
    check_output(wanted)?;
    let image = Image::open(&wanted.released)?;
    ensure!(
        image.volume == VOLUME,
        "{} is named {:?} and not {VOLUME}, so init would not find it; give a released ISO",
        image.path.display(),
        image.volume
    );
    let patches = patches(&image, wanted)?;
    reporter.step(1, 2, &format!("checking {}", image.path.display()));
    check(&image, reporter)?;
    let words = format!(
        "writing {} ({})",
        wanted.output.display(),
        size::show(image.length)
    );
    reporter.step(2, 2, &words);
    write(&image, &patches, wanted, reporter).with_context(|| words)
}

fn check_output(wanted: &OwnIso) -> Result<()> {
    let output = &wanted.output;
    if output.exists() && !wanted.force {
        bail!(
            "{} is there already; name another file, or add --force",
            output.display()
        );
    }
    let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
    ensure!(
        !same(output, &wanted.released),
        "{} is the released ISO itself; name another file for the new one",
        output.display()
    );
    Ok(())
}

fn patches(image: &Image, wanted: &OwnIso) -> Result<Vec<Patch>> {
    let mut patches = Vec::new();
    let mut fill = |name: &str, entry: &Entry, text: &str| -> Result<()> {
        image.whole(entry)?;
        patches.push(Patch {
            at: entry.start,
            bytes: slot::filled(name, text, entry.size)?,
        });
        Ok(())
    };
    if let Some(text) = &wanted.config {
        fill(CONFIG, &image.find(CONFIG)?, text)?;
    }
    let entry = image.find(MENU)?;
    let text = String::from_utf8_lossy(&image.bytes(&entry)?).into_owned();
    fill(MENU, &entry, &menu::with_words(&text, &wanted.cmdline)?)?;
    Ok(patches)
}

/// Compares every file of the release with the manifest on the same medium.
fn check(image: &Image, reporter: &mut dyn Reporter) -> Result<()> {
    let releases = image.list(&image.find(RELEASES)?)?;
    ensure!(
        !releases.is_empty(),
        "{} has no release in it",
        image.path.display()
    );
    for directory in releases {
        let directory = format!("{RELEASES}/{}", directory.name);
        let manifest = image.bytes(&image.find(&format!("{directory}/{NAME}"))?)?;
        let release = Release::parse(&String::from_utf8_lossy(&manifest), Path::new(&directory))
            .with_context(|| format!("reading /{directory}/{NAME} of {}", image.path.display()))?;
        let (mut done, total) = (0, release.size());
        for file in &release.files {
            let entry = image.find(&format!("{directory}/{}", file.name))?;
            check_file(image, &entry, file, &mut |count| {
                done += count;
                reporter.bytes(done, total);
            })?;
        }
    }
    Ok(())
}

fn check_file(
    image: &Image,
    entry: &Entry,
    expected: &ReleaseFile,
    read: &mut dyn FnMut(u64),
) -> Result<()> {
    image.whole(entry)?;
    let name = format!("{} in {}", expected.name, image.path.display());
    let mut part = Part {
        image,
        at: entry.start,
        left: entry.size,
    };
    compare(&mut part, &name, expected, &mut |piece| {
        read(piece.len() as u64);
        Ok(())
    })
}

/// A file's bytes in the image.
struct Part<'a> {
    image: &'a Image,
    at: u64,
    left: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self
            .image
            .file
            .read_at(buffer.get_mut(..most).unwrap_or_default(), self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

fn write(
    image: &Image,
    patches: &[Patch],
    wanted: &OwnIso,
    reporter: &mut dyn Reporter,
) -> Result<()> {
    let parent = wanted
        .output
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let directory = parent.unwrap_or(Path::new("."));
    let mut incoming = tempfile::Builder::new()
        .prefix(".k3os-iso-")
        .tempfile_in(directory)
        .with_context(|| format!("making a file in {}", directory.display()))?;
    copy(image, incoming.as_file_mut(), reporter)?;
    for patch in patches {
        incoming.as_file().write_all_at(&patch.bytes, patch.at)?;
    }
    incoming.as_file().sync_all()?;
    if wanted.force {
        incoming.persist(&wanted.output)?;
    } else {
        incoming.persist_noclobber(&wanted.output)?;
    }
    let directory = fs::File::open(directory)?;
    Ok(directory.sync_all()?)
}

fn copy(image: &Image, to: &mut fs::File, reporter: &mut dyn Reporter) -> Result<()> {
    let (mut buffer, mut done) = (vec![0; CHUNK], 0);
    loop {
        let count = image.file.read_at(&mut buffer, done)?;
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() {
            return Ok(());
        }
        to.write_all(piece)?;
        done += count as u64;
        reporter.bytes(done, image.length);
    }
}
