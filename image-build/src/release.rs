//! What a release says about itself: manifest and checksums.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::cache::hex;

/// The oldest release that can be upgraded to this one.
const MINIMUM_VERSION: &str = "v0.30.0";

/// `manifest.json`.
#[derive(Serialize)]
pub struct Manifest {
    version: String,
    kernel: String,
    kubernetes: String,
    min_version: &'static str,
    files: BTreeMap<String, FileFacts>,
}

/// Of one file.
#[derive(Serialize)]
struct FileFacts {
    sha256: String,
    /// Bytes.
    size: u64,
}

impl Manifest {
    /// Reads the files of a release, by their names in its directory.
    pub fn of(
        version: &str,
        kernel: &str,
        kubernetes: &str,
        files: &[(String, PathBuf)],
    ) -> Result<Self> {
        let facts = |(name, path): &(String, PathBuf)| Ok((name.clone(), facts(path)?));
        let files = files.iter().map(facts).collect::<Result<_>>()?;
        Ok(Self {
            version: version.to_owned(),
            kernel: kernel.to_owned(),
            kubernetes: kubernetes.to_owned(),
            min_version: MINIMUM_VERSION,
            files,
        })
    }

    /// As it lies on the medium.
    pub fn text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self).context("writing the manifest")? + "\n")
    }
}

fn facts(path: &Path) -> Result<FileFacts> {
    Ok(FileFacts {
        sha256: sha256(path)?,
        size: path
            .metadata()
            .with_context(|| format!("reading {}", path.display()))?
            .len(),
    })
}

/// SHA-256 of a file as hexadecimal digits.
pub fn sha256(path: &Path) -> Result<String> {
    let reading = || format!("reading {}", path.display());
    let mut file = File::open(path).with_context(reading)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).with_context(reading)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

/// The text of `sha256sum-ARCH.txt`, as sha256sum writes and checks it, by name.
pub fn checksums(directory: &Path, names: &[String]) -> Result<String> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    sorted
        .into_iter()
        .map(|name| Ok(format!("{}  {name}\n", sha256(&directory.join(name))?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_has_the_agreed_shape() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("initrd");
        std::fs::write(&path, "abc").unwrap();
        let text = Manifest::of("v1", "6.12", "v1.36.3", &[("initrd".into(), path)])
            .unwrap()
            .text()
            .unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["files"]["initrd"]["size"], 3);
        assert_eq!(
            json["files"]["initrd"]["sha256"],
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            (&json["version"], &json["kernel"], &json["kubernetes"]),
            (&"v1".into(), &"6.12".into(), &"v1.36.3".into())
        );
        assert_eq!(json["min_version"], MINIMUM_VERSION);
    }

    #[test]
    fn checksums_are_sorted_and_in_the_tool_s_form() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b", "a"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(
            checksums(directory.path(), &["b".into(), "a".into()]).unwrap(),
            format!("{empty}  a\n{empty}  b\n")
        );
    }
}
