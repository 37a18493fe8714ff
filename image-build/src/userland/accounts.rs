//! passwd, group, shadow and gshadow: Debian's base accounts, the packages' system accounts with fixed ids, and `rancher`.

use anyhow::{Result, bail};

use crate::tree::Tree;

/// Group of the D-Bus daemon.
pub const MESSAGEBUS_GID: u32 = 101;
const SHADOW_GID: u32 = 42;
const NOGROUP: u32 = 65534;

/// A group, and who is in it.
struct Group {
    name: &'static str,
    gid: u32,
    members: &'static str,
}

/// Groups that packages' scripts would make. The ids are fixed for ever: they are on users' disks.
const GROUPS: &[Group] = &[
    Group {
        name: "netdev",
        gid: 100 + 2,
        members: "",
    },
    Group {
        name: "messagebus",
        gid: MESSAGEBUS_GID,
        members: "",
    },
    Group {
        name: "input",
        gid: 103,
        members: "",
    },
    Group {
        name: "sgx",
        gid: 104,
        members: "",
    },
    Group {
        name: "clock",
        gid: 105,
        members: "",
    },
    Group {
        name: "kvm",
        gid: 106,
        members: "",
    },
    Group {
        name: "render",
        gid: 107,
        members: "",
    },
    Group {
        name: "rancher",
        gid: 1000,
        members: "",
    },
];

/// An account that can do nothing but own files and processes, or `rancher`.
struct User {
    name: &'static str,
    uid: u32,
    gid: u32,
    full_name: &'static str,
    home: &'static str,
    shell: &'static str,
}

const USERS: &[User] = &[
    User {
        name: "messagebus",
        uid: 101,
        gid: MESSAGEBUS_GID,
        full_name: "System Message Bus",
        home: "/nonexistent",
        shell: "/usr/sbin/nologin",
    },
    User {
        name: "sshd",
        uid: 102,
        gid: NOGROUP,
        full_name: "sshd user",
        home: "/run/sshd",
        shell: "/usr/sbin/nologin",
    },
    User {
        name: "rancher",
        uid: 1000,
        gid: 1000,
        full_name: "",
        home: "/home/rancher",
        shell: "/bin/bash",
    },
];

/// Members of Debian's own groups.
const MEMBERS: &[(&str, &str)] = &[("sudo", "rancher")];

/// Writes the four files. Fails when a package wants an account that is not in the lists above.
pub fn write(root: &mut Tree) -> Result<()> {
    let (passwd, group) = (
        passwd(&root.text("usr/share/base-passwd/passwd.master")?),
        group(&root.text("usr/share/base-passwd/group.master")?),
    );
    check_sysusers(root, &passwd, &group)?;
    root.file("etc/shadow", 0o640, locked(&passwd, "*:::::::"));
    root.file("etc/gshadow", 0o640, gshadow(&group));
    for path in ["etc/shadow", "etc/gshadow"] {
        if let Some(entry) = root.get_mut(path) {
            entry.gid = SHADOW_GID;
        }
    }
    root.file("etc/passwd", 0o644, passwd);
    root.file("etc/group", 0o644, group);
    Ok(())
}

fn passwd(master: &str) -> String {
    let base = master
        .lines()
        .filter(|line| !line.starts_with("_apt:"))
        .map(|line| line.replacen(":*:", ":x:", 1));
    let ours = USERS.iter().map(|user| {
        format!(
            "{}:x:{}:{}:{}:{}:{}",
            user.name, user.uid, user.gid, user.full_name, user.home, user.shell
        )
    });
    lines(base.chain(ours))
}

fn group(master: &str) -> String {
    let base = master.lines().map(|line| {
        let name = line.split(':').next().unwrap_or_default();
        let members = MEMBERS
            .iter()
            .find(|(group, _)| *group == name)
            .map_or("", |(_, members)| members);
        format!("{}{members}", line.replacen(":*:", ":x:", 1))
    });
    let ours = GROUPS
        .iter()
        .map(|group| format!("{}:x:{}:{}", group.name, group.gid, group.members));
    lines(base.chain(ours))
}

/// One line for each account: no password opens it. An empty day of the last change means that passwords do not age.
fn locked(accounts: &str, rest: &str) -> String {
    lines(
        accounts
            .lines()
            .map(|line| format!("{}:{rest}", line.split(':').next().unwrap_or_default())),
    )
}

fn gshadow(group: &str) -> String {
    lines(group.lines().map(|line| {
        let mut fields = line.split(':');
        format!(
            "{}:*::{}",
            fields.next().unwrap_or_default(),
            fields.nth(2).unwrap_or_default()
        )
    }))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

/// Packages say in sysusers.d which accounts they need; each must be in the lists above.
fn check_sysusers(root: &Tree, passwd: &str, group: &str) -> Result<()> {
    for (path, content) in root.files_below("usr/lib/sysusers.d") {
        let text = String::from_utf8_lossy(&content.read()?).into_owned();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (kind, name) = (
                words.next().unwrap_or_default(),
                words.next().unwrap_or_default(),
            );
            let known = match kind {
                "u" | "u!" => has(passwd, name),
                "g" => has(group, name),
                _ => true,
            };
            if !known {
                bail!(
                    "making accounts: {path} wants {name:?}: give it a fixed id in userland/accounts.rs"
                );
            }
        }
    }
    Ok(())
}

fn has(accounts: &str, name: &str) -> bool {
    accounts
        .lines()
        .any(|line| line.split(':').next() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Tree {
        let mut root = Tree::default();
        root.file(
            "usr/share/base-passwd/passwd.master",
            0o644,
            "root:*:0:0:root:/root:/bin/bash\n_apt:*:42:65534::/nonexistent:/usr/sbin/nologin\n",
        );
        root.file(
            "usr/share/base-passwd/group.master",
            0o644,
            "root:*:0:\nsudo:*:27:\n",
        );
        root
    }

    #[test]
    fn every_account_is_locked() {
        let mut root = root();
        write(&mut root).unwrap();
        assert_eq!(
            root.text("etc/shadow").unwrap(),
            "root:*:::::::\nmessagebus:*:::::::\nsshd:*:::::::\nrancher:*:::::::\n"
        );
        let shadow = root.get("etc/shadow").unwrap();
        assert_eq!((shadow.mode, shadow.gid), (0o640, SHADOW_GID));
    }

    #[test]
    fn rancher_is_in_the_group_sudo() {
        let mut root = root();
        write(&mut root).unwrap();
        assert!(
            root.text("etc/group")
                .unwrap()
                .contains("\nsudo:x:27:rancher\n")
        );
        assert!(
            root.text("etc/gshadow")
                .unwrap()
                .contains("\nsudo:*::rancher\n")
        );
    }

    #[test]
    fn ids_are_unique() {
        for ids in [
            GROUPS.iter().map(|group| group.gid).collect::<Vec<_>>(),
            USERS.iter().map(|user| user.uid).collect(),
        ] {
            let mut unique = ids.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), ids.len());
        }
    }

    #[test]
    fn an_account_that_nobody_planned_is_an_error() {
        let mut root = root();
        root.file(
            "usr/lib/sysusers.d/new.conf",
            0o644,
            "# a comment\nu newcomer - \"New\" /\n",
        );
        assert!(
            write(&mut root)
                .unwrap_err()
                .to_string()
                .contains("newcomer")
        );
    }
}
