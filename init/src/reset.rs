//! A disk that becomes another machine's. Clones of an installed disk are the same machine to everybody: one machine id, one set
//! of host keys, one certificate authority. So the owner asks for a reset, the next boot does it, and a boot on other hardware
//! than the last one's is reported.
//!
//! It is done at a boot, before anything uses what goes: an image that is made of the disk meanwhile resets each of its copies.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use system::durable;
use system::layout::{HOST_KEYS, MACHINE};

/// It is there when the next boot is to reset the machine, below [`MACHINE`].
const MARK: &str = "reset-identity";
/// What the disk was started on last, below [`MACHINE`].
const HARDWARE: &str = "hardware";
/// Numbers of hardware, from the root: of PCs, and of boards.
const NUMBERS: [&str; 2] = [
    "sys/class/dmi/id/product_uuid",
    "sys/firmware/devicetree/base/serial-number",
];

/// What goes, from the root, with the names in it that stay.
const LOST: [(&str, &[&str]); 8] = [
    ("var/lib/rancher/k3os/machine-id", &[]),
    ("var/lib/rancher/k3os/hostname", &[]),
    ("var/lib/rancher/k3os/hardware", &[]),
    (HOST_KEYS, &[]),
    ("var/lib/rancher/k3os/node", &[]),
    // Certificate authority, token and database are one: none is of use without the others.
    ("var/lib/rancher/k3s/server", &["manifests", "static"]),
    ("var/lib/rancher/k3s/agent", &["images"]),
    ("var/lib/kubelet", &[]),
];

/// What a reset takes and leaves, for people.
pub const WORDS: &str = "The next boot makes this another machine: machine id, generated host name, ssh host keys, the node's \
    password, and the cluster on this disk with its certificates, token and database are deleted. Configuration, manifests, images \
    and volumes stay.";

/// Asks for a reset at the next boot, or takes that back.
///
/// # Errors
/// When the disk cannot be written.
pub fn ask(root: &Path, wanted: bool) -> Result<()> {
    let mark = root.join(MACHINE).join(MARK);
    if wanted {
        return write(&mark, "");
    }
    remove(&mark)
}

/// Does what was asked for; says whether it was. Cut off, it begins anew: the mark goes last.
///
/// # Errors
/// When something cannot be deleted; it is tried again at the next boot.
pub fn perform(root: &Path) -> Result<bool> {
    let mark = root.join(MACHINE).join(MARK);
    if !mark.exists() {
        return Ok(false);
    }
    for (path, stays) in LOST {
        let path = root.join(path);
        if stays.is_empty() {
            remove(&path)?;
        } else {
            empty(&path, stays)?;
        }
    }
    nix::unistd::sync();
    remove(&mark)?;
    Ok(true)
}

/// Compares the hardware with that of the last boot, and gives a report when it is another. The first boot notes it.
///
/// # Errors
/// When the note cannot be written.
pub fn look_at_hardware(root: &Path) -> Result<Option<String>> {
    let Some(now) = number(root) else {
        return Ok(None);
    };
    let note = root.join(MACHINE).join(HARDWARE);
    let before = fs::read_to_string(&note).unwrap_or_default();
    let before = before.trim();
    if before.is_empty() {
        write(&note, &now)?;
    }
    let differs = !before.is_empty() && before != now;
    Ok(differs.then(|| {
        format!(
            "This disk was started on other hardware before (then {before}, now {now}). If it is a clone, it is the same machine \
             as the first one to everybody: sudo k3os reset --identity. If it was moved: sudo k3os reset --keep-identity"
        )
    }))
}

/// Takes the hardware as this machine's.
///
/// # Errors
/// When the note cannot be written.
pub fn accept_hardware(root: &Path) -> Result<()> {
    let Some(now) = number(root) else {
        return Ok(());
    };
    write(&root.join(MACHINE).join(HARDWARE), &now)
}

/// The hardware's number, where it has one that is not the same everywhere.
fn number(root: &Path) -> Option<String> {
    let read = |path: &&str| fs::read_to_string(root.join(path)).ok();
    let texts = NUMBERS.iter().filter_map(read);
    texts
        .map(|text| text.trim_matches(['\0', '\n', ' ']).to_lowercase())
        .find(|text| is_own(text))
}

/// Makers who give no number write zeros, ones, or this one.
fn is_own(number: &str) -> bool {
    let mut digits = number.chars().filter(char::is_ascii_alphanumeric);
    let Some(first) = digits.next() else {
        return false;
    };
    digits.any(|digit| digit != first) && number != "03000200-0400-0500-0006-000700080009"
}

fn empty(directory: &Path, stays: &[&str]) -> Result<()> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| !stays.iter().any(|name| entry.file_name() == *name))
        .try_for_each(|entry| remove(&entry.path()))
}

/// A file or a directory; one that is not there is fine. Links are not followed.
fn remove(path: &Path) -> Result<()> {
    let removing = || format!("removing {}", path.display());
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(removing),
        Ok(found) if found.is_dir() => fs::remove_dir_all(path).with_context(removing),
        Ok(_) => fs::remove_file(path).with_context(removing),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    durable::write_own(path, text, 0o644).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_reset_takes_what_makes_a_machine_itself_and_leaves_what_is_the_owner_s() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let stays = [
            "var/lib/rancher/k3os/config.yaml",
            "var/lib/rancher/k3s/server/manifests/mine.yaml",
            "var/lib/rancher/k3s/agent/images/a.tar",
            "var/lib/rancher/k3s/storage/pvc/data",
        ];
        let goes = [
            "var/lib/rancher/k3os/machine-id",
            "var/lib/rancher/k3os/ssh/ssh_host_ed25519_key",
            "var/lib/rancher/k3s/server/tls/server-ca.key",
            "var/lib/rancher/k3s/server/db/state.db",
            "var/lib/rancher/k3s/agent/client-ca.crt",
        ];
        for path in stays.iter().chain(&goes) {
            put(root, path, "x");
        }
        assert!(!perform(root).unwrap());
        assert!(goes.iter().all(|path| root.join(path).exists()));
        ask(root, true).unwrap();
        ask(root, false).unwrap();
        assert!(!perform(root).unwrap(), "taken back");
        ask(root, true).unwrap();
        assert!(perform(root).unwrap());
        for path in goes {
            assert!(!root.join(path).exists(), "{path}");
        }
        for path in stays {
            assert!(root.join(path).exists(), "{path}");
        }
        assert!(!perform(root).unwrap(), "done once");
    }

    #[test]
    fn other_hardware_is_reported_until_somebody_decides() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let look = || look_at_hardware(root).unwrap();
        put(root, "var/lib/rancher/k3os/config.yaml", "");
        assert_eq!(look(), None);
        put(root, NUMBERS[0], "00000000-0000-0000-0000-000000000000\n");
        assert_eq!(look(), None);
        put(root, NUMBERS[0], "4C4C4544-0001\n");
        assert_eq!((look(), look()), (None, None));
        put(root, NUMBERS[0], "4C4C4544-0002\n");
        for _ in 0..2 {
            let report = look().unwrap();
            assert!(
                report.contains("then 4c4c4544-0001, now 4c4c4544-0002"),
                "{report}"
            );
        }
        accept_hardware(root).unwrap();
        assert_eq!(look(), None);
    }
}
