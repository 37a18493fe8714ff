//! Debian's packages become the image's `/usr`: trimmed, with what maintainer scripts would have done, and with `/etc` and
//! `/var` lying under it as templates.

mod accounts;
mod links;
mod trim;

use anyhow::{Context as _, Result};
use system::layout::{HOST_KEYS, RELEASE_FILE};

use crate::tree::{Node, Tree};

/// What the release is called, for os-release.
pub struct Identity<'a> {
    /// e.g. `v0.30.0`.
    pub release: &'a str,
    /// e.g. `13.7`, Debian's own version.
    pub debian: &'a str,
}

/// From the unpacked packages to the contents of `/usr` (paths relative to it).
pub fn usr_of(mut root: Tree, release: &str) -> Result<Tree> {
    let debian = root.text("etc/debian_version").unwrap_or_default();
    accounts::write(&mut root)?;
    certificates(&mut root)?;
    trim::trim(&mut root)?;
    links::write(&mut root);
    launch_helper(&mut root);
    var_directories(&mut root);
    let identity = Identity {
        release,
        debian: debian.trim(),
    };
    root.file("usr/lib/os-release", 0o644, os_release(&identity));
    root.file(
        RELEASE_FILE.trim_start_matches('/'),
        0o644,
        format!("{release}\n"),
    );
    root.rename("etc", "usr/etc");
    root.rename("var", "usr/share/factory/var");
    root.remove("usr/local");
    root.link("usr/local", "../var/local");
    Ok(root.below("usr"))
}

/// The bundle that OpenSSL, GnuTLS, curl and Go look for: every certificate of the package, in the order of names.
fn certificates(root: &mut Tree) -> Result<()> {
    let mut bundle = Vec::new();
    for (path, content) in root.files_below("usr/share/ca-certificates/mozilla") {
        let mut certificate = content.read().with_context(|| format!("reading {path}"))?;
        bundle.append(&mut certificate);
        if bundle.last() != Some(&b'\n') {
            bundle.push(b'\n');
        }
    }
    anyhow::ensure!(
        !bundle.is_empty(),
        "collecting certificates: the package ca-certificates holds none"
    );
    root.remove("usr/share/ca-certificates");
    root.file("etc/ssl/certs/ca-certificates.crt", 0o644, bundle);
    Ok(())
}

/// D-Bus starts services on demand through this program, which needs to become root. Debian's postinst sets it so.
fn launch_helper(root: &mut Tree) {
    if let Some(entry) = root.get_mut("usr/lib/dbus-1.0/dbus-daemon-launch-helper") {
        (entry.mode, entry.gid) = (0o4754, accounts::MESSAGEBUS_GID);
    }
}

/// Directories that packages or services expect under /var.
fn var_directories(root: &mut Tree) {
    for link in ["var/run", "var/lock"] {
        root.remove(link);
    }
    root.link("var/run", "/run");
    root.link("var/lock", "/run/lock");
    for directory in [
        "local/bin",
        "local/sbin",
        "local/lib",
        "local/share",
        "lib/misc",
        "log/k3os",
        "cache",
        "spool",
        "empty",
    ] {
        root.dir(&format!("var/{directory}"), 0o755);
    }
    for private in ["var/lib/connman", "var/lib/iwd", HOST_KEYS] {
        root.dir(private, 0o700);
    }
    root.dir("var/tmp", 0o1777);
}

fn os_release(identity: &Identity) -> String {
    let Identity { release, debian } = identity;
    let version = release.trim_start_matches('v');
    format!(
        "ID=k3os\nID_LIKE=debian\nNAME=\"k3OS\"\nPRETTY_NAME=\"k3OS {release}\"\nVERSION=\"{release}\"\nVERSION_ID={version}\n\
         DEBIAN_VERSION_FULL={debian}\nHOME_URL=\"https://k3os.io/\"\n"
    )
}

/// Programs that keep their set-id bits, with why. Debian's others (chfn, chsh, gpasswd, newgrp, mount, ssh-keysign, …) are run by root
/// here, or not at all, and each is code that any user may run as root.
const SET_ID: &[(&str, &str)] = &[
    ("bin/passwd", "a user changes the own password"),
    ("bin/su", "becoming another user"),
    ("bin/sudo", "becoming root"),
    (
        "lib/dbus-1.0/dbus-daemon-launch-helper",
        "D-Bus starts iwd as root",
    ),
    ("sbin/unix_chkpwd", "PAM checks a password for a user"),
];

/// Takes the set-id bits from every program that is not listed, so that a new package brings none unseen.
fn drop_set_id(usr: &mut Tree) {
    let paths: Vec<String> = usr
        .iter()
        .filter(|(path, entry)| {
            matches!(entry.node, Node::File(_)) && !SET_ID.iter().any(|(kept, _)| kept == path)
        })
        .map(|(path, _)| path.to_owned())
        .collect();
    for path in paths {
        if let Some(entry) = usr.get_mut(&path) {
            entry.mode &= !0o6000;
        }
    }
}

/// Sets modes that a directory of the repository cannot hold, after the overlay was laid on. `usr` has paths relative to /usr.
pub fn set_modes(usr: &mut Tree) {
    const MODES: &[(&str, u32)] = &[("etc/sudoers", 0o440), ("etc/ssh/sshd_config", 0o600)];
    for (path, mode) in MODES {
        if let Some(entry) = usr.get_mut(path) {
            entry.mode = *mode;
        }
    }
    drop_set_id(usr);
    let sudoers: Vec<String> = usr
        .files_below("etc/sudoers.d")
        .map(|(path, _)| path.to_owned())
        .collect();
    for path in sudoers {
        if let Some(entry) = usr.get_mut(&path) {
            entry.mode = 0o440;
        }
    }
}

/// Is this path a symbolic link or a file of the tree? (Follows nothing.)
fn exists(root: &Tree, path: &str) -> bool {
    root.get(path)
        .is_some_and(|entry| !matches!(entry.node, Node::Dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Tree {
        let mut root = Tree::default();
        root.file("etc/debian_version", 0o644, "13.7\n");
        root.file(
            "usr/share/base-passwd/passwd.master",
            0o644,
            "root:*:0:0:root:/root:/bin/bash\n",
        );
        root.file(
            "usr/share/base-passwd/group.master",
            0o644,
            "root:*:0:\nsudo:*:27:\nshadow:*:42:\nnogroup:*:65534:\n",
        );
        root.file("usr/share/ca-certificates/mozilla/B.crt", 0o644, "B");
        root.file("usr/share/ca-certificates/mozilla/A.crt", 0o644, "A\n");
        root.file("usr/local/share/x", 0o644, "");
        root.file("usr/lib/dbus-1.0/dbus-daemon-launch-helper", 0o755, "");
        root
    }

    #[test]
    fn etc_and_var_lie_below_usr() {
        let usr = usr_of(root(), "v1.2.3").unwrap();
        assert!(
            usr.text("etc/passwd")
                .unwrap()
                .contains("rancher:x:1000:1000")
        );
        assert!(
            usr.get("share/factory/var/tmp")
                .is_some_and(|entry| entry.mode == 0o1777)
        );
        assert!(
            matches!(&usr.get("local").unwrap().node, Node::Link(target) if target == "../var/local")
        );
        assert!(
            usr.text("lib/os-release")
                .unwrap()
                .contains("VERSION_ID=1.2.3\nDEBIAN_VERSION_FULL=13.7\n")
        );
    }

    #[test]
    fn certificates_are_bundled_in_order_and_separated() {
        assert_eq!(
            usr_of(root(), "v1")
                .unwrap()
                .text("etc/ssl/certs/ca-certificates.crt")
                .unwrap(),
            "A\nB\n"
        );
    }

    #[test]
    fn only_listed_programs_keep_set_id_bits() {
        let mut usr = Tree::default();
        for path in ["bin/sudo", "bin/chsh", "bin/chage", "lib/x/helper"] {
            usr.file(path, 0o6755, "");
        }
        set_modes(&mut usr);
        let mode = |path: &str| usr.get(path).map(|entry| entry.mode);
        assert_eq!(mode("bin/sudo"), Some(0o6755));
        assert_eq!(mode("bin/chsh"), Some(0o755));
        assert_eq!(mode("bin/chage"), Some(0o755));
        assert_eq!(mode("lib/x/helper"), Some(0o755));
    }

    #[test]
    fn programs_that_become_root_keep_doing_so() {
        let usr = usr_of(root(), "v1").unwrap();
        assert_eq!(
            usr.get("lib/dbus-1.0/dbus-daemon-launch-helper")
                .unwrap()
                .mode,
            0o4754
        );
    }
}
