//! Where things lie, in one place. Paths are relative to the root of the file system that has them, a disk, a medium or `/`.

use std::path::{Path, PathBuf};

/// The label of the state partition.
pub const STATE_LABEL: &str = "K3OS_STATE";
/// The label of the medium: the ISO's volume id.
pub const MEDIUM_LABEL: &str = "K3OS";
/// One line: the version of the running release. A root without it is not ours.
pub const RELEASE_FILE: &str = "/usr/lib/k3os/release";
/// One directory for each release on a disk or medium, named by its version.
pub const RELEASES: &str = "k3os/system/releases";
/// The squashfs in a release's directory.
pub const SQUASHFS: &str = "rootfs.squashfs";
/// The configuration on a disk or medium, below all others in precedence.
pub const SYSTEM_CONFIG: &str = "k3os/system/config.yaml";
/// What persists of the root of a running machine, on the state partition.
pub const DATA: &str = "k3os/data";
/// What makes this machine itself: configuration, names, host keys.
pub const MACHINE: &str = "var/lib/rancher/k3os";
/// The owner's configuration.
pub const CONFIG: &str = "var/lib/rancher/k3os/config.yaml";
/// Parts of the configuration, by name.
pub const CONFIG_DIRECTORY: &str = "var/lib/rancher/k3os/config.d";
/// The ssh host keys.
pub const HOST_KEYS: &str = "var/lib/rancher/k3os/ssh";

/// agetty shows the files of this directory after `/etc/issue`, in the order of their names.
pub const ISSUE_DIRECTORY: &str = "/run/issue.d";
/// Every agetty that waits for a name watches this file, and shows its text again when it is written.
pub const AGETTY_RELOAD: &str = "/run/agetty.reload";

/// A path of the running machine.
pub fn running(path: &str) -> PathBuf {
    Path::new("/").join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_where_the_whole_does() {
        for inside in [CONFIG, CONFIG_DIRECTORY, HOST_KEYS] {
            assert!(Path::new(inside).starts_with(MACHINE), "{inside}");
        }
        let all = [RELEASES, SYSTEM_CONFIG, DATA, MACHINE];
        assert!(all.iter().all(|path| Path::new(path).is_relative()));
    }
}
