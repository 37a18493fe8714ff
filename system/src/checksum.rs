//! SHA-256 of files, and the lists of them that a release has beside it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// How much is read at a time, bytes.
const CHUNK: usize = 1 << 20;

/// The SHA-256 of a file as 64 hexadecimal digits.
///
/// # Errors
/// When it cannot be read.
pub fn of(path: &Path) -> Result<String> {
    let reading = || format!("reading {}", path.display());
    let mut file = File::open(path).with_context(reading)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        let count = file.read(&mut buffer).with_context(reading)?;
        match buffer.get(..count).unwrap_or_default() {
            [] => break,
            piece => hash.update(piece),
        }
    }
    let digits = |byte: &u8| format!("{byte:02x}");
    Ok(hash.finalize().iter().map(digits).collect())
}

/// The sum that a list in sha256sum's form (`SUM  NAME`) gives for a file.
pub fn listed<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = list.lines().filter_map(|line| line.split_once([' ', '\t']));
    let (sum, _) = lines.find(|(_, rest)| rest.trim_start_matches([' ', '\t', '*']) == name)?;
    let is_sum = sum.len() == 64 && sum.chars().all(|c| c.is_ascii_hexdigit());
    is_sum.then_some(sum)
}

/// The address of the list that a release has beside its files, and the file's name in it: for
/// `http://host/k3os-amd64.iso?x` that is `http://host/sha256sum-amd64.txt` and `k3os-amd64.iso`.
pub fn list_of(url: &str) -> Option<(String, &str)> {
    let plain = url.split(['?', '#']).next().unwrap_or(url);
    let (directory, name) = plain.rsplit_once('/')?;
    let is_file = directory.contains("://") && !directory.ends_with('/') && !name.is_empty();
    is_file.then(|| {
        (
            format!("{directory}/sha256sum-{}.txt", architecture()),
            name,
        )
    })
}

/// As in the names of a release's files.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_file_has_the_sum_that_its_list_says() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let list = format!(
            "{}  other\n{ABC}  abc\n{ABC} *binary\nnonsense\n",
            "0".repeat(64)
        );
        assert_eq!(listed(&list, "abc"), Some(of(&path).unwrap().as_str()));
        assert_eq!(listed(&list, "binary"), Some(ABC));
        assert_eq!(listed(&list, "bc"), None);
        assert_eq!(listed("tooshort  abc\n", "abc"), None);
    }

    #[test]
    fn the_list_lies_beside_the_file() {
        let (list, name) = list_of("http://h/d/k3os.iso?token=a/b").unwrap();
        assert!(list.starts_with("http://h/d/sha256sum-") && name == "k3os.iso");
        assert_eq!(list_of("http://h"), None);
        assert_eq!(list_of("http://h/d/"), None);
    }
}
