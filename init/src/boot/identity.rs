//! What makes this machine itself, and stays so as long as its disk does: machine-id and a host name of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use system::durable;
use system::layout::MACHINE;

/// Makes the identity at the first boot, and lays it where programs look for it at every boot.
///
/// # Errors
/// When it cannot be read or kept; then programs would see another machine at the next boot.
pub fn establish(root: &Path) -> Result<()> {
    let machine_id = keep(root, "machine-id", new_machine_id)?;
    write(&root.join("etc/machine-id"), &machine_id)?;
    let host_name = keep(root, "hostname", || Ok(host_name_for(&machine_id)))?;
    write(&root.join("etc/hostname"), &host_name)?;
    write(&root.join("etc/hosts"), &hosts(host_name.trim()))?;
    nix::unistd::sethostname(host_name.trim()).context("setting the host name")
}

/// The kept text, or a new one, which is kept.
fn keep(root: &Path, name: &str, make: impl FnOnce() -> Result<String>) -> Result<String> {
    let path: PathBuf = root.join(MACHINE).join(name);
    // An empty file is what a power cut leaves of a file system that was not synced: as good as none.
    if let Ok(text) = fs::read_to_string(&path)
        && !text.trim().is_empty()
    {
        return Ok(text);
    }
    let text = make()?;
    write(&path, &text)?;
    Ok(text)
}

fn write(path: &Path, text: &str) -> Result<()> {
    let content = durable::Content {
        path,
        bytes: text.as_bytes(),
        mode: 0o644,
        owner: (None, None),
    };
    durable::write(&content).map(drop)
}

/// machine-id(5): 32 lower-case hexadecimal digits.
fn new_machine_id() -> Result<String> {
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid")
        .context("asking the kernel for a random machine id")?;
    let digits: String = uuid.chars().filter(char::is_ascii_hexdigit).collect();
    Ok(format!("{digits}\n"))
}

/// `k3os-` and eight digits of the machine id: the same after a lost file, and not one of a few thousand.
fn host_name_for(machine_id: &str) -> String {
    let digits: String = machine_id.trim().chars().take(8).collect();
    format!("k3os-{digits}\n")
}

fn hosts(host_name: &str) -> String {
    format!(
        "127.0.0.1\tlocalhost\n127.0.1.1\t{host_name} {host_name}.localdomain\n\
         ::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_made_once() {
        let root = tempfile::tempdir().unwrap();
        let first = keep(root.path(), "machine-id", new_machine_id).unwrap();
        let second = keep(root.path(), "machine-id", new_machine_id).unwrap();
        assert_eq!(first, second);
        assert_eq!(first.trim().len(), 32);
    }

    #[test]
    fn an_empty_file_is_made_anew() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join(MACHINE);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("hostname"), "\n").unwrap();
        let name = keep(root.path(), "hostname", || Ok("k3os-1\n".into())).unwrap();
        assert_eq!(name, "k3os-1\n");
    }

    #[test]
    fn the_host_name_follows_from_the_machine_id() {
        assert_eq!(host_name_for("0123456789abcdef\n"), "k3os-01234567\n");
    }
}
