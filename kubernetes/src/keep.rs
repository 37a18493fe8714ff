//! Files that components read: better as they were than not at all.

use std::path::Path;

use anyhow::Result;
use system::durable;

/// Makes the file what it shall be. Where that fails (a full disk, usually) and there is an older one, that one stays, with
/// a warning, and the components go on with it: the next start or look tries again.
///
/// # Errors
/// When the file cannot be written and there is none.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>, mode: u32) -> Result<()> {
    match durable::write_own(path, bytes, mode) {
        Err(error) if path.is_file() => {
            println!("k3s: warning: {error:#}: the old one stays in use");
            Ok(())
        }
        outcome => outcome.map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_cannot_be_replaced_stays() -> Result<()> {
        let dir = tempfile::tempdir()?;
        // There is no room for the temporary file's longer name beside it: writing fails as on a full disk.
        let file = dir.path().join("x".repeat(250));
        assert!(write(&file, "new", 0o600).is_err());
        fs::write(&file, "old")?;
        write(&file, "new", 0o600)?;
        assert_eq!(fs::read(&file)?, b"old");
        let other = dir.path().join("other");
        write(&other, "old", 0o600)?;
        write(&other, "new", 0o600)?;
        assert_eq!(fs::read(&other)?, b"new");
        Ok(())
    }
}
