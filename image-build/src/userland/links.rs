//! Links that update-alternatives and maintainer scripts would make. A link whose target's program is missing is not made.

use super::exists;
use crate::tree::Tree;

/// Link, target. Relative targets are relative to the link's directory.
const ALTERNATIVES: &[(&str, &str)] = &[
    ("usr/bin/awk", "mawk"),
    ("usr/bin/editor", "vim.tiny"),
    ("usr/bin/pager", "less"),
    ("usr/bin/vi", "vim.tiny"),
    ("usr/bin/vim", "vim.tiny"),
    ("usr/bin/view", "vim.tiny"),
    ("usr/bin/which", "which.debianutils"),
    ("usr/lib/firmware/regulatory.db", "regulatory.db-debian"),
    (
        "usr/lib/firmware/regulatory.db.p7s",
        "regulatory.db.p7s-debian",
    ),
    ("usr/sbin/iptables", "xtables-nft-multi"),
    ("usr/sbin/iptables-restore", "xtables-nft-multi"),
    ("usr/sbin/iptables-save", "xtables-nft-multi"),
    ("usr/sbin/ip6tables", "xtables-nft-multi"),
    ("usr/sbin/ip6tables-restore", "xtables-nft-multi"),
    ("usr/sbin/ip6tables-save", "xtables-nft-multi"),
];

/// Links to places that exist only on the running system.
const FIXED: &[(&str, &str)] = &[
    ("etc/mtab", "../proc/self/mounts"),
    ("etc/os-release", "../usr/lib/os-release"),
    ("etc/resolv.conf", "/run/connman/resolv.conf"),
    ("var/lib/dbus/machine-id", "/etc/machine-id"),
];

/// Makes the links.
pub fn write(root: &mut Tree) {
    // The boot phase makes it, after the commands of the configuration: `ln -s ZONE /etc/localtime` shall work in them.
    root.remove("etc/localtime");
    for (link, target) in ALTERNATIVES {
        let directory = link.rsplit_once('/').map_or("", |(directory, _)| directory);
        if exists(root, &format!("{directory}/{target}")) && !exists(root, link) {
            root.link(link, target);
        }
    }
    for (link, target) in FIXED {
        root.link(link, target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Node;

    #[test]
    fn links_are_made_to_what_is_there() {
        let mut root = Tree::default();
        root.file("usr/bin/mawk", 0o755, "");
        root.file("etc/resolv.conf", 0o644, "nameserver of the build machine");
        write(&mut root);
        assert!(exists(&root, "usr/bin/awk"));
        assert!(!exists(&root, "usr/bin/vi"));
        assert!(
            matches!(&root.get("etc/resolv.conf").unwrap().node, Node::Link(target) if target == "/run/connman/resolv.conf")
        );
    }
}
