//! What a phase may do to the machine, as a trait: the real machine below, and a recording one for tests.

mod machine;
#[cfg(any(test, feature = "recording"))]
mod recording;

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::Path;

use anyhow::{Context, Result};

use crate::beneath::Beneath;

pub use crate::command::{CommandLine, Ended};
pub use crate::dbus::Switch;
pub use crate::durable::Content;
pub use machine::Machine;
#[cfg(any(test, feature = "recording"))]
pub use recording::{Action, Recording};

/// What can only be looked at: every machine, and a directory that stands for one. Paths are absolute.
pub trait Look {
    /// See [`Host::read`].
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>>;

    /// See [`Host::list`].
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn list(&self, directory: &Path) -> Result<Vec<String>>;

    /// See [`Host::random`].
    ///
    /// # Errors
    /// When the kernel has none.
    fn random(&self, buffer: &mut [u8]) -> Result<()>;
}

impl<H: Host + ?Sized> Look for H {
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        Host::read(self, path)
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>> {
        Host::list(self, directory)
    }

    fn random(&self, buffer: &mut [u8]) -> Result<()> {
        Host::random(self, buffer)
    }
}

impl Look for Beneath<'_> {
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        present(Beneath::read(self, path, u64::MAX))
            .with_context(|| format!("reading {}", path.display()))
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>> {
        let names = present(Beneath::names(self, directory));
        let names = names.with_context(|| format!("reading {}", directory.display()))?;
        let text = |name: &OsString| name.to_string_lossy().into_owned();
        Ok(names.unwrap_or_default().iter().map(text).collect())
    }

    fn random(&self, buffer: &mut [u8]) -> Result<()> {
        Host::random(&Machine, buffer)
    }
}

fn present<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A machine to configure. Paths are absolute.
pub trait Host {
    /// A file's bytes; `None` when there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>>;

    /// The names in a directory, sorted; none when no such directory.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn list(&self, directory: &Path) -> Result<Vec<String>>;

    /// Makes a file what it shall be, see [`crate::durable::write`]. Returns whether that changed anything.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write(&self, content: &Content<'_>) -> Result<bool>;

    /// Writes into a file of the kernel, such as one below /proc/sys, in one piece.
    ///
    /// # Errors
    /// When there is no such file, or the kernel refuses the value.
    fn write_kernel(&self, path: &Path, value: &str) -> Result<()>;

    /// Takes a file's rights from everybody but its owner. Returns whether anybody had some.
    ///
    /// # Errors
    /// When there is no such file, or its mode cannot be changed.
    fn restrict(&self, path: &Path) -> Result<bool>;

    /// Removes a file. Returns whether there was one.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove(&self, path: &Path) -> Result<bool>;

    /// Makes a symbolic link in place of whatever is there. Returns whether that changed anything.
    ///
    /// # Errors
    /// When it cannot be made.
    fn link(&self, link: &Path, target: &Path) -> Result<bool>;

    /// Appends to a log. When it grows over `limit` bytes, it becomes `PATH.1` and a new one begins.
    ///
    /// # Errors
    /// When it cannot be written.
    fn append(&self, path: &Path, bytes: &[u8], limit: u64) -> Result<()>;

    /// Sets the kernel's host name.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn set_hostname(&self, name: &str) -> Result<()>;

    /// Loads a kernel module with its dependencies; one that is built in or loaded is fine.
    ///
    /// # Errors
    /// When there is no such module, or the kernel refuses it.
    fn load_module(&self, name: &str, parameters: &str) -> Result<()>;

    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be started. A status other than 0 is not an error.
    fn run(&self, line: &CommandLine) -> Result<Ended>;

    /// Switches something of a running service over D-Bus, see [`crate::dbus::set`].
    ///
    /// # Errors
    /// When the service is not there, or refuses.
    fn switch(&self, switch: &Switch) -> Result<()>;

    /// Fills a buffer with unpredictable bytes.
    ///
    /// # Errors
    /// When the kernel has none.
    fn random(&self, buffer: &mut [u8]) -> Result<()>;
}
