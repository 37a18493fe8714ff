//! A file of the released ISO that has room for another content of the same length: what is written in place moves nothing, so
//! both ways of booting and all checksums stay as they were released.

use anyhow::{Result, ensure};

/// Separates the content from what only fills the file. A comment at the beginning of a line ends whatever was before it, in YAML
/// as in GRUB's language.
const FILLING: &[u8] = b"# (filled up to the size that this file has on every ISO)\n";

/// The content for a file of `size` bytes.
///
/// # Errors
/// When there is no room for it: `name` is the file, for the message.
pub(super) fn filled(name: &str, text: &str, size: u64) -> Result<Vec<u8>> {
    let size = usize::try_from(size)?;
    let mut bytes = text.trim_end_matches('\0').as_bytes().to_vec();
    if !bytes.ends_with(b"\n") && bytes.len() < size {
        bytes.push(b'\n');
    }
    if bytes.len() + FILLING.len() <= size {
        bytes.extend(FILLING);
    }
    ensure!(
        bytes.len() <= size,
        "/{name} has {} bytes, and this ISO has room for {size}: shorten it, or make the ISO anew with xorriso or grub-mkrescue \
         (docs/install.md says how)",
        bytes.len()
    );
    bytes.resize(size, b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filling_changes_no_value() {
        let text = "write_files:\n- path: /x\n  content: |+\n    kept\n\n";
        let bytes = filled("c", text, 4096).unwrap();
        assert_eq!(bytes.len(), 4096);
        let source = |bytes: &[u8]| config::Source {
            name: "c".into(),
            kind: config::SourceKind::File,
            bytes: bytes.to_vec(),
        };
        let (own, filled) = (
            config::load(&[source(text.as_bytes())]),
            config::load(&[source(&bytes)]),
        );
        assert_eq!(own.config, filled.config);
        assert!(filled.problems.is_empty(), "{:?}", filled.problems);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_both_sizes() {
        assert_eq!(filled("c", "ab", 3).unwrap(), b"ab\n");
        let error = filled("k3os/c", "abcd", 3).unwrap_err().to_string();
        assert!(
            error.starts_with("/k3os/c has 4 bytes, and this ISO has room for 3"),
            "{error}"
        );
    }
}
