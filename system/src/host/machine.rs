//! The real machine.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result};

use super::{CommandLine, Content, Ended, Host, Switch};
use crate::modules::Loader;
use crate::{command, dbus, durable};

/// The machine that this process runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Host for Machine {
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>> {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(error).with_context(|| format!("reading {}", directory.display()));
            }
        };
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect::<Result<Vec<_>, _>>()
            .with_context(|| format!("reading {}", directory.display()))?;
        names.sort();
        Ok(names)
    }

    fn write(&self, content: &Content<'_>) -> Result<bool> {
        durable::write(content)
    }

    fn write_kernel(&self, path: &Path, value: &str) -> Result<()> {
        let file = OpenOptions::new().write(true).open(path);
        file.and_then(|mut file| file.write_all(value.as_bytes()))
            .with_context(|| format!("writing {value:?} to {}", path.display()))
    }

    fn restrict(&self, path: &Path) -> Result<bool> {
        restrict(path).with_context(|| format!("changing the mode of {}", path.display()))
    }

    fn remove(&self, path: &Path) -> Result<bool> {
        match fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("removing {}", path.display())),
        }
    }

    fn link(&self, link: &Path, target: &Path) -> Result<bool> {
        if fs::read_link(link).is_ok_and(|present| present == target) {
            return Ok(false);
        }
        if let Some(directory) = link.parent() {
            fs::create_dir_all(directory)
                .with_context(|| format!("making the directory {}", directory.display()))?;
        }
        self.remove(link)?;
        symlink(target, link)
            .with_context(|| format!("linking {} to {}", link.display(), target.display()))?;
        Ok(true)
    }

    fn append(&self, path: &Path, bytes: &[u8], limit: u64) -> Result<()> {
        append(path, bytes, limit).with_context(|| format!("writing {}", path.display()))
    }

    fn set_hostname(&self, name: &str) -> Result<()> {
        nix::unistd::sethostname(name).with_context(|| format!("setting the host name {name}"))
    }

    fn load_module(&self, name: &str, parameters: &str) -> Result<()> {
        Loader::for_running_kernel()?.load(name, parameters)
    }

    fn run(&self, line: &CommandLine) -> Result<Ended> {
        command::run(line)
    }

    fn switch(&self, switch: &Switch) -> Result<()> {
        dbus::set(switch, &dbus::PAUSES)
    }

    fn random(&self, buffer: &mut [u8]) -> Result<()> {
        let source = File::open("/dev/urandom");
        source
            .and_then(|mut source| source.read_exact(buffer))
            .context("reading /dev/urandom")
    }
}

fn restrict(path: &Path) -> std::io::Result<bool> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700))?;
    Ok(true)
}

fn append(path: &Path, bytes: &[u8], limit: u64) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    // Output may hold secrets: root's eyes only.
    let open = || {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
    };
    let mut file = open()?;
    let length = file.metadata()?.len();
    if length > 0 && length + bytes.len() as u64 > limit {
        let mut old = path.as_os_str().to_owned();
        old.push(".1");
        fs::rename(path, old)?;
        file = open()?;
    }
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log/commands.log");
        for _ in 0..5 {
            Machine.append(&path, b"0123456789", 25).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap().len(), 10);
        assert_eq!(
            fs::read(directory.path().join("log/commands.log.1"))
                .unwrap()
                .len(),
            20
        );
    }

    #[test]
    fn a_restricted_file_is_its_owner_s() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.yaml");
        fs::write(&path, "k3os: {token: x}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Machine.restrict(&path).unwrap());
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(!Machine.restrict(&path).unwrap());
    }

    #[test]
    fn what_is_not_there_is_no_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("absent");
        assert_eq!(Machine.read(&path).unwrap(), None);
        assert!(Machine.list(&path).unwrap().is_empty());
        assert!(!Machine.remove(&path).unwrap());
        assert!(Machine.write_kernel(&path, "1").is_err());
    }

    #[test]
    fn links_are_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("wants/k3s.service");
        assert!(Machine.link(&link, Path::new("../k3s.service")).unwrap());
        assert!(!Machine.link(&link, Path::new("../k3s.service")).unwrap());
        assert!(Machine.link(&link, Path::new("/other")).unwrap());
    }
}
