//! The release that is installed: its manifest, and whether its files are what that says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::processor::Processor;

/// The name of the manifest in a release's directory.
pub const NAME: &str = "manifest.json";
/// How much is read at a time.
pub const CHUNK: usize = 1 << 20;
/// A manifest larger than this is none.
const MOST: u64 = 1 << 20;

/// `manifest.json`, as far as it is needed here.
#[derive(Debug, Clone, Deserialize)]
struct Manifest {
    version: String,
    files: BTreeMap<String, FileFacts>,
}

#[derive(Debug, Clone, Deserialize)]
struct FileFacts {
    sha256: String,
    size: u64,
}

/// A file of the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseFile {
    /// Its path in the release's directory.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// A release in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its version, e.g. `v0.30.0`.
    pub version: String,
    /// What it runs on.
    pub processor: Processor,
    /// Where it lies.
    pub directory: PathBuf,
    /// The disk it lies on; `None` when it is not on one.
    pub disk: Option<PathBuf>,
    /// Its files, in order of name, without the manifest.
    pub files: Vec<ReleaseFile>,
}

impl Release {
    /// Reads a release's manifest.
    ///
    /// # Errors
    /// When it cannot be read, or names files outside its directory.
    pub fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(NAME);
        let reading = || format!("reading {}", path.display());
        let mut text = String::new();
        let file = File::open(&path).with_context(reading)?;
        file.take(MOST)
            .read_to_string(&mut text)
            .with_context(reading)?;
        Self::parse(&text, directory).with_context(reading)
    }

    /// The same from the manifest's text.
    ///
    /// # Errors
    /// When it is none, or names files outside its directory.
    pub fn parse(text: &str, directory: &Path) -> Result<Self> {
        let manifest: Manifest = serde_json::from_str(text)?;
        ensure!(
            is_plain(&manifest.version),
            "invalid version {:?}",
            manifest.version
        );
        let mut files = Vec::new();
        for (name, facts) in manifest.files {
            ensure!(name.split('/').all(is_plain), "invalid file name {name:?}");
            files.push(ReleaseFile {
                name,
                size: facts.size,
                sha256: facts.sha256.to_ascii_lowercase(),
            });
        }
        Ok(Self {
            version: manifest.version,
            processor: Processor::of(files.iter().map(|file| file.name.as_str())),
            directory: directory.to_path_buf(),
            disk: None,
            files,
        })
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Those of the needed files that the manifest does not name.
    pub fn missing(&self) -> Vec<&'static str> {
        let known = |name: &&str| self.files.iter().any(|file| file.name == *name);
        let needed = self.processor.needed().iter().copied();
        needed.filter(|name| !known(name)).collect()
    }

    /// Where a file lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

fn is_plain(part: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    !part.is_empty() && !part.starts_with('.') && part.chars().all(allowed)
}

/// Reads a file to its end and compares it with the manifest. `sink` gets each piece as it comes.
///
/// # Errors
/// When it cannot be read, `sink` fails, or it is not what the manifest says.
pub fn check(
    path: &Path,
    expected: &ReleaseFile,
    sink: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
    compare(&mut file, &path.display().to_string(), expected, sink)
}

/// The same for whatever is read; `name` is what messages call it.
///
/// # Errors
/// As for [`check`].
pub fn compare(
    source: &mut dyn Read,
    name: &str,
    expected: &ReleaseFile,
    sink: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let (mut hash, mut buffer, mut length) = (Sha256::new(), vec![0; CHUNK], 0);
    loop {
        let count = source
            .read(&mut buffer)
            .with_context(|| format!("reading {name}"))?;
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        hash.update(piece);
        length += piece.len() as u64;
        sink(piece)?;
    }
    let found = hex(&hash.finalize());
    if length != expected.size {
        bail!(
            "{name} is damaged: it has {length} bytes, the manifest says {}; write the medium again",
            expected.size
        );
    }
    if found != expected.sha256 {
        bail!(
            "{name} is damaged: its SHA-256 is {found}, the manifest says {}; write the medium again",
            expected.sha256
        );
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_manifest_of_image_build_is_read() {
        let text = format!(
            r#"{{"version":"v1.2.3","kernel":"6","kubernetes":"v1","min_version":"v0","files":{{
               "vmlinuz":{{"sha256":"{ABC}","size":3}},"grub/core.img":{{"sha256":"{ABC}","size":3}}}}}}"#
        );
        let release = Release::parse(&text, Path::new("/r")).unwrap();
        assert_eq!((release.version.as_str(), release.size()), ("v1.2.3", 6));
        assert_eq!(release.files[0].name, "grub/core.img");
        assert_eq!(
            release.missing(),
            [
                "initrd",
                "rootfs.squashfs",
                "grub/boot.img",
                "grub/grubx64.efi"
            ]
        );
    }

    #[test]
    fn a_release_for_arm_needs_nothing_for_a_bios() {
        let text = format!(
            r#"{{"version":"v1","files":{{"grub/grubaa64.efi":{{"sha256":"{ABC}","size":3}}}}}}"#
        );
        let release = Release::parse(&text, Path::new("/r")).unwrap();
        assert_eq!(release.processor, Processor::Arm64);
        assert_eq!(release.missing(), ["vmlinuz", "initrd", "rootfs.squashfs"]);
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let with = |name: &str| {
            format!(r#"{{"version":"v1","files":{{"{name}":{{"sha256":"","size":1}}}}}}"#)
        };
        for name in ["../x", "/etc/passwd", "a//b", ".hidden", ""] {
            assert!(
                Release::parse(&with(name), Path::new("/r")).is_err(),
                "{name}"
            );
        }
        assert!(Release::parse(r#"{"version":"../v","files":{}}"#, Path::new("/r")).is_err());
    }

    #[test]
    fn damaged_files_are_told_from_whole_ones() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        std::fs::write(&path, "abc").unwrap();
        let expect = |size, sha256: &str| ReleaseFile {
            name: "x".into(),
            size,
            sha256: sha256.into(),
        };
        let mut seen = Vec::new();
        check(&path, &expect(3, ABC), &mut |piece| {
            seen.extend_from_slice(piece);
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, b"abc");
        let ignore = &mut |_: &[u8]| Ok(());
        let cut = check(&path, &expect(4, ABC), ignore).unwrap_err();
        assert!(cut.to_string().contains("the manifest says 4"), "{cut}");
        let wrong = check(&path, &expect(3, "00"), ignore).unwrap_err();
        assert!(wrong.to_string().contains("SHA-256"), "{wrong}");
    }
}
