//! What is written down about a takeover, and how far it has come.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use system::durable;

/// Where it lies, from the file system's root.
pub(crate) const PATH: &str = "k3os/takeover/record.json";

/// How far a takeover has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The next boot moves the other system's files aside. Some of them may be moved already.
    Pending,
    /// All are moved; our release boots.
    Taken,
    /// They are being moved back.
    Undoing,
    /// The other system is back, and its boot loader's menu with it.
    Undone,
    /// They are being deleted.
    Finishing,
}

/// A path that is carried over, from the file system's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Where the other system has it.
    pub from: PathBuf,
    /// Where the running k3OS will find it, among its data.
    pub to: PathBuf,
}

/// A takeover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// How far it has come.
    pub phase: Phase,
    /// Our release.
    pub version: String,
    /// The other system's name, for people.
    pub system: String,
    /// The file system's UUID, as `blkid` writes it.
    pub uuid: String,
    /// The file system's label before.
    pub label: String,
    /// The directory of GRUB's menu, from the file system's root: `boot/grub` or `boot/grub2`.
    pub loader: PathBuf,
    /// What is carried over.
    pub keep: Vec<Kept>,
    /// Switch the machine off when the files are moved, once: for images that are to be copied then.
    pub power_off: bool,
}

impl Record {
    /// Reads the one of a mounted file system; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(root: &Path) -> Result<Option<Self>> {
        let path = root.join(PATH);
        let reading = || format!("reading {}", path.display());
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .with_context(reading),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(reading),
        }
    }

    /// Writes it, durably.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, root: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).context("writing the record")?;
        text.push('\n');
        durable::write_own(&root.join(PATH), text, 0o600).map(drop)
    }

    /// How far it has come, for people.
    pub fn words(&self) -> String {
        let system = &self.system;
        match self.phase {
            Phase::Pending => {
                format!(
                    "the next boot moves {system} aside and starts {}",
                    self.version
                )
            }
            Phase::Taken => format!(
                "{system} is in /{} of the state partition; it is deleted when {} has booted well",
                crate::OLD_ROOT,
                self.version
            ),
            Phase::Undoing => format!("{system} is being brought back"),
            Phase::Undone => format!("{system} is back; start the machine again"),
            Phase::Finishing => format!("{system} is being deleted"),
        }
    }
}
