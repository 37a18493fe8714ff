//! Whether the rescue shell asks who is there (docs/decisions/0012-the-rescue-shell-asks-for-the-password.md).

use std::path::Path;

use config::Secret;
use system::beneath::Beneath;
use system::host::Host;

use crate::initrd::STATE;

/// What was decided, for the program on the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// No password is configured: the shell is for whoever is at the console.
    Open,
    /// The password of user rancher opens it.
    Locked,
    /// A password is configured, and cannot be checked: why. The shell is given all the same, since nobody could enter else.
    Broken(String),
}

/// Decides by the machine's configuration, and makes /etc/shadow say the same. `root` is `/` but for tests.
pub fn door(root: &Path, cmdline: &str, host: &dyn Host, can_check: bool) -> Door {
    let Some(password) = configured(root, cmdline) else {
        return Door::Open;
    };
    if !can_check {
        return Door::Broken("the program that checks passwords is missing".into());
    }
    match phases::set_password(&password, host) {
        Ok(_) => Door::Locked,
        Err(error) => Door::Broken(format!("{error:#}")),
    }
}

/// The password of the configuration, if it has one. A machine that was started for rescue has its data in memory, and the
/// files of the disk's beside them.
fn configured(root: &Path, cmdline: &str) -> Option<Secret> {
    let data = Path::new(STATE.trim_start_matches('/')).join("k3os/data");
    let whole = root.join(&data);
    // The disk's own files win, as they do when the machine runs from it. Their absolute links may lead to others of them, or
    // to `/k3os/system`, which is mounted: no link shall open the door.
    let places = [
        Beneath::new(&whole),
        Beneath::at(root, &data),
        Beneath::new(root),
    ];
    places.into_iter().find_map(|place| {
        let password = phases::collect_beneath(place, cmdline)
            .load()
            .config
            .k3os
            .password;
        (!password.reveal().is_empty()).then_some(password)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use system::host::Recording;

    use super::*;

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn machine() -> Recording {
        Recording::with_files([("/etc/shadow", "root:*:1::::::\nrancher:*:1::::::\n")])
    }

    #[test]
    fn without_a_password_the_shell_is_open() {
        let root = tempfile::tempdir().unwrap();
        put(
            root.path(),
            "k3os/system/config.yaml",
            "ssh_authorized_keys: []\n",
        );
        assert_eq!(door(root.path(), "", &machine(), true), Door::Open);
    }

    #[test]
    fn a_password_on_the_disk_locks_it_and_is_what_shadow_says() {
        let root = tempfile::tempdir().unwrap();
        put(
            root.path(),
            "k3os/system/config.yaml",
            "k3os: {password: $6$a$installed}\n",
        );
        let changed = "run/k3os/state/k3os/data/var/lib/rancher/k3os/config.yaml";
        put(root.path(), changed, "k3os: {password: $6$a$changed}\n");
        let machine = machine();
        assert_eq!(door(root.path(), "", &machine, true), Door::Locked);
        let shadow = machine.read(Path::new("/etc/shadow")).unwrap().unwrap();
        let shadow = String::from_utf8(shadow).unwrap();
        assert!(shadow.contains("rancher:$6$a$changed:"), "{shadow}");
    }

    #[test]
    fn a_link_does_not_open_the_door() {
        for (target, at) in [
            ("/k3os/system/own.yaml", "k3os/system/own.yaml"),
            ("/var/own.yaml", "run/k3os/state/k3os/data/var/own.yaml"),
        ] {
            let root = tempfile::tempdir().unwrap();
            put(root.path(), at, "k3os: {password: $6$a$own}\n");
            let directory = root
                .path()
                .join("run/k3os/state/k3os/data/var/lib/rancher/k3os");
            fs::create_dir_all(&directory).unwrap();
            std::os::unix::fs::symlink(target, directory.join("config.yaml")).unwrap();
            assert_eq!(
                door(root.path(), "", &machine(), true),
                Door::Locked,
                "{target}"
            );
        }
    }

    #[test]
    fn what_cannot_be_checked_locks_nobody_out() {
        let root = tempfile::tempdir().unwrap();
        put(
            root.path(),
            "k3os/system/config.yaml",
            "k3os: {password: secret}\n",
        );
        let without = Recording::with_files([]);
        assert!(matches!(
            door(root.path(), "", &machine(), false),
            Door::Broken(_)
        ));
        assert!(matches!(
            door(root.path(), "", &without, true),
            Door::Broken(_)
        ));
    }
}
