//! What of Debian's packages the image does not need, each with the reason.

use anyhow::Result;

use crate::tree::{Content, Node, Tree, is_below};

/// Directories and files that go, with why. A trailing `*` stands for any ending of the name.
const UNWANTED: &[(&str, &str)] = &[
    ("boot", "the kernel lies beside the squashfs"),
    ("etc/adduser.conf", "no adduser"),
    ("etc/alternatives", "the links are made directly"),
    ("etc/apport", "no crash reporter"),
    ("etc/apt", "no package manager"),
    ("etc/cron*", "no cron"),
    ("etc/debconf.conf", "no package manager"),
    ("etc/deluser.conf", "no deluser"),
    ("etc/dpkg", "no package manager"),
    ("etc/fstab", "init mounts everything"),
    ("etc/hostname", "the build machine's"),
    ("etc/init.d", "services are unit files"),
    ("etc/issue*", "written at boot"),
    ("etc/logrotate.d", "our supervisor bounds its logs"),
    ("etc/network", "no ifupdown"),
    (
        "etc/nftables.conf",
        "kube-proxy owns the rules; users bring their own",
    ),
    ("etc/rc*.d", "services are unit files"),
    ("etc/rmt", "tapes of other machines"),
    ("etc/runit", "services are unit files"),
    ("etc/sv", "services are unit files"),
    (
        "etc/systemd",
        "no systemd; users' units come from the configuration",
    ),
    ("etc/ucf.conf", "no package manager"),
    ("etc/ufw", "no ufw"),
    ("etc/update-motd.d", "our own motd"),
    (
        "packages.tsv",
        "the list of packages is an artefact of its own",
    ),
    ("usr/bin/catchsegv", "debugging of C programs"),
    ("usr/bin/dpkg*", "no package manager"),
    ("usr/bin/perl*", "nothing in the image needs perl"),
    ("usr/games", "empty"),
    ("usr/include", "no compiler"),
    (
        "usr/lib/*-linux-gnu/e2fsprogs",
        "e2scrub needs LVM and cron",
    ),
    ("usr/lib/*-linux-gnu/gconv", "UTF-8 only"),
    (
        "usr/lib/*-linux-gnu/perl*",
        "nothing in the image needs perl",
    ),
    ("usr/lib/apt", "no package manager"),
    ("usr/lib/dpkg", "no package manager"),
    ("usr/lib/init", "services are unit files"),
    ("usr/lib/initcpio", "another distribution's initrd"),
    ("usr/lib/runit-helper", "services are unit files"),
    ("usr/lib/ssl/misc", "scripts of certificate authorities"),
    ("usr/lib/systemd/user", "no user services"),
    ("usr/lib/systemd/user-preset", "no user services"),
    ("usr/lib/udev/hwdb.d", "names of keyboards and mice"),
    ("usr/lib/valgrind", "debugging of C programs"),
    ("usr/sbin/dpkg*", "no package manager"),
    ("usr/share/applications", "no desktop"),
    ("usr/share/apport", "no crash reporter"),
    ("usr/share/base-files", "used by maintainer scripts only"),
    ("usr/share/base-passwd", "read already"),
    (
        "usr/share/bash-completion",
        "the package bash-completion is not there",
    ),
    ("usr/share/bug", "documentation"),
    (
        "usr/share/common-licenses",
        "the bill of materials and the sources of the release name them",
    ),
    ("usr/share/debconf", "no package manager"),
    ("usr/share/debianutils", "used by maintainer scripts only"),
    ("usr/share/dict", "documentation"),
    ("usr/share/doc", "documentation"),
    ("usr/share/doc-base", "documentation"),
    ("usr/share/dpkg", "no package manager"),
    ("usr/share/fish", "another shell"),
    ("usr/share/gcc", "debugging of C++ programs"),
    ("usr/share/gdb", "debugging of C programs"),
    ("usr/share/icons", "no desktop"),
    ("usr/share/info", "documentation"),
    ("usr/share/initramfs-tools", "the initrd is our own"),
    ("usr/share/lintian", "package checks"),
    ("usr/share/locale", "messages are English"),
    ("usr/share/man", "documentation"),
    ("usr/share/menu", "no desktop"),
    ("usr/share/metainfo", "no desktop"),
    ("usr/share/openssh", "read by maintainer scripts only"),
    ("usr/share/pam", "the common files are in the overlay"),
    (
        "usr/share/pam-configs",
        "the common files are in the overlay",
    ),
    ("usr/share/perl*", "nothing in the image needs perl"),
    ("usr/share/pixmaps", "no desktop"),
    ("usr/share/polkit-1", "no polkit"),
    ("usr/share/runit", "services are unit files"),
    ("usr/share/ucf", "no package manager"),
    ("usr/share/zoneinfo/posix", "the same files again"),
    ("usr/share/zoneinfo/right", "zones with leap seconds"),
    ("usr/share/zsh", "another shell"),
    ("usr/src", "empty"),
    ("var/backups", "used by maintainer scripts only"),
    ("var/cache/*", "filled at run time"),
    ("var/lib/apt", "no package manager"),
    ("var/lib/dpkg", "no package manager"),
    ("var/lib/pam", "the common files are in the overlay"),
    ("var/lib/systemd", "no systemd"),
    ("var/lib/ucf", "no package manager"),
    ("var/lib/vim", "used by maintainer scripts only"),
    ("var/log/*", "filled at run time"),
];

/// Debian's units that the supervisor starts or a user may enable; all others (sockets, timers, targets and what belongs to
/// systemd itself) go.
const UNITS: &[&str] = &[
    "connman.service",
    "dbus.service",
    "iwd.service",
    "nftables.service",
    "ssh.service",
    "systemd-udevd.service",
];

/// Interpreters that are not in the image.
const NO_INTERPRETER: &[&str] = &["perl", "python", "python3"];

/// Removes all of it.
pub fn trim(root: &mut Tree) -> Result<()> {
    root.remove_if(|path| UNWANTED.iter().any(|(pattern, _)| matches(pattern, path)));
    root.remove_if(unwanted_unit);
    let scripts = scripts_without_interpreter(root)?;
    root.remove_if(|path| scripts.iter().any(|script| script == path));
    let dangling = dangling_links(root);
    root.remove_if(|path| dangling.iter().any(|link| link == path));
    Ok(())
}

/// Compares directory by directory; each may have one star.
fn matches(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut names) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), names.next()) {
            (None, None) => return true,
            (Some(pattern), Some(name)) if name_matches(pattern, name) => {}
            _ => return false,
        }
    }
}

fn name_matches(pattern: &str, name: &str) -> bool {
    let Some((start, end)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let rest = name.strip_prefix(start);
    rest.is_some_and(|rest| rest.ends_with(end))
}

fn unwanted_unit(path: &str) -> bool {
    path.strip_prefix("usr/lib/systemd/system/")
        .is_some_and(|name| !UNITS.contains(&name))
}

fn scripts_without_interpreter(root: &Tree) -> Result<Vec<String>> {
    let mut scripts = Vec::new();
    for (path, content) in root.files_below("usr") {
        let executable = root.get(path).is_some_and(|entry| entry.mode & 0o111 != 0);
        if executable
            && interpreter(content)?.is_some_and(|name| NO_INTERPRETER.contains(&name.as_str()))
        {
            scripts.push(path.to_owned());
        }
    }
    Ok(scripts)
}

/// `#!/usr/bin/perl -w` and `#!/usr/bin/env perl` → `perl`.
fn interpreter(content: &Content) -> Result<Option<String>> {
    use std::io::Read;
    let mut head = Vec::new();
    content.open()?.take(128).read_to_end(&mut head)?;
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(command) = line.strip_prefix(b"#!") else {
        return Ok(None);
    };
    let command = String::from_utf8_lossy(command).into_owned();
    let name = command
        .split_whitespace()
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .find(|name| *name != "env");
    Ok(name.map(str::to_owned))
}

/// Links in the program directories whose target went.
fn dangling_links(root: &Tree) -> Vec<String> {
    let directories = ["usr/bin", "usr/sbin"];
    let in_programs = |path: &str| {
        directories
            .iter()
            .any(|directory| is_below(path, directory))
    };
    root.iter()
        .filter(|(path, entry)| match &entry.node {
            Node::Link(target) => {
                in_programs(path)
                    && !target.contains('/')
                    && root.get(&sibling(path, target)).is_none()
            }
            _ => false,
        })
        .map(|(path, _)| path.to_owned())
        .collect()
}

fn sibling(path: &str, name: &str) -> String {
    path.rsplit_once('/').map_or_else(
        || name.to_owned(),
        |(directory, _)| format!("{directory}/{name}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_without_doubles() {
        assert!(UNWANTED.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_star_stays_in_its_directory() {
        assert!(matches("etc/rc*.d", "etc/rc2.d"));
        assert!(matches("var/log/*", "var/log/x"));
        assert!(!matches("var/log/*", "var/log/x/y"));
        assert!(!matches("usr/bin/perl*", "usr/bin/perlbug/x"));
        assert!(!matches("boot", "boots"));
        let perl = "usr/lib/*-linux-gnu/perl*";
        assert!(matches(perl, "usr/lib/aarch64-linux-gnu/perl5"));
        assert!(!matches(perl, "usr/lib/x86_64-linux-gnu/libperl.so"));
    }

    #[test]
    fn scripts_and_links_that_cannot_work_go() {
        let mut root = Tree::default();
        root.file("usr/bin/tool", 0o755, "#!/usr/bin/env perl\n");
        root.link("usr/bin/alias", "tool");
        root.file("usr/bin/shell", 0o755, "#!/bin/sh -e\n");
        root.file("usr/share/example", 0o644, "#!/usr/bin/perl\n");
        trim(&mut root).unwrap();
        let left: Vec<&str> = root.iter().map(|(path, _)| path).collect();
        assert_eq!(
            left,
            [
                "usr",
                "usr/bin",
                "usr/bin/shell",
                "usr/share",
                "usr/share/example"
            ]
        );
    }

    #[test]
    fn only_chosen_units_stay() {
        assert!(unwanted_unit("usr/lib/systemd/system/ssh.socket"));
        assert!(unwanted_unit(
            "usr/lib/systemd/system/multi-user.target.wants"
        ));
        assert!(!unwanted_unit("usr/lib/systemd/system/dbus.service"));
        assert!(!unwanted_unit("usr/lib/systemd/system"));
    }
}
