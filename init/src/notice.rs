//! Notices above the login prompt, besides the machine's own text: agetty shows all files of a directory below `/etc/issue`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The directory, below `/run`.
const DIRECTORY: &str = "issue.d";

/// One notice, by the name of its file, by which they are ordered.
#[derive(Debug, Clone, Copy)]
pub struct Notice(pub &'static str);

impl Notice {
    fn file(self, run: &Path) -> PathBuf {
        run.join(DIRECTORY).join(self.0).with_extension("issue")
    }

    /// Shows it from the next prompt on. `run` is `/run`.
    ///
    /// # Errors
    /// When `/run` cannot be written.
    pub fn show(self, run: &Path, message: &str) -> Result<()> {
        let (directory, file) = (run.join(DIRECTORY), self.file(run));
        fs::create_dir_all(&directory)
            .with_context(|| format!("making {}", directory.display()))?;
        fs::write(&file, text(message)).with_context(|| format!("writing {}", file.display()))
    }

    /// Takes it away, if it is there.
    ///
    /// # Errors
    /// When `/run` cannot be written.
    pub fn remove(self, run: &Path) -> Result<()> {
        let file = self.file(run);
        match fs::remove_file(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            done => done.with_context(|| format!("removing {}", file.display())),
        }
    }
}

/// As agetty takes it: it reads a backslash as the beginning of an escape.
fn text(message: &str) -> String {
    format!("{}\n\n", message.replace('\\', "\\\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_comes_and_goes() {
        let run = tempfile::tempdir().unwrap();
        let notice = Notice("50-test");
        notice.remove(run.path()).unwrap();
        notice.show(run.path(), "the key \\n is odd").unwrap();
        let file = run.path().join("issue.d/50-test.issue");
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "the key \\\\n is odd\n\n"
        );
        notice.remove(run.path()).unwrap();
        assert!(!file.exists());
    }
}
