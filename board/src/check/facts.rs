//! What is true of the board. Everything that can be read is; what cannot is absent, and told as such.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use system::memory;
use system::modules::Index;
use system::mount::{self, MountInfo};
use system::space::space;

use super::place;
use crate::old_init;
use crate::old_init::Seen;

/// Modules that are asked for by name, by us or by programs in pods.
pub const MODULES: [&str; 18] = [
    "loop",
    "squashfs",
    "overlay",
    "ipv6",
    "br_netfilter",
    "bridge",
    "veth",
    "nf_conntrack",
    "nf_conntrack_netlink",
    "nf_tables",
    "nft_chain_nat",
    "nft_ct",
    "nft_fib_inet",
    "nft_hash",
    "nft_masq",
    "nft_nat",
    "nft_numgen",
    "nft_reject_inet",
];

/// A board.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// What it calls itself; empty when it does not.
    pub model: String,
    /// `uname -r`.
    pub kernel: String,
    /// The kernel's configuration.
    pub config: Option<String>,
    /// Those of [`MODULES`] that are neither built in nor a file; none when there are no lists of modules at all.
    pub missing_modules: Option<Vec<&'static str>>,
    /// What the kernel can mount now: the text of /proc/filesystems.
    pub file_systems: String,
    /// cgroup controllers that the kernel offers.
    pub controllers: Option<Vec<String>>,
    /// The kernel's command line.
    pub cmdline: String,
    /// The machine's memory, KiB.
    pub memory_kib: Option<u64>,
    /// Free on the root, bytes.
    pub free: Option<u64>,
    /// How the root is mounted.
    pub root: Option<MountInfo>,
    /// /usr is a file system of its own.
    pub separate_usr: bool,
    /// A release is unpacked.
    pub unpacked: bool,
    /// What `/sbin/init` is.
    pub init: Option<Seen>,
    /// Those of the loaders' files that exist.
    pub loader_files: Vec<&'static str>,
    /// The initrd is made by dracut.
    pub dracut: bool,
}

impl Facts {
    /// Looks at the running machine, whose root is at `root` (`/`, or where a running node shows the board's).
    pub fn gather(root: &Path) -> Self {
        let kernel = text("/proc/sys/kernel/osrelease").trim().to_owned();
        let mounts = mount::list().unwrap_or_default();
        let mounted = |target: &Path| mounts.iter().rfind(|mount| mount.target == target);
        Self {
            config: config(root, &kernel),
            missing_modules: missing_modules(&root.join("lib/modules").join(&kernel)),
            file_systems: text("/proc/filesystems"),
            memory_kib: memory::total_kib().ok(),
            free: space(root).ok().map(|space| space.free),
            root: mounted(root).cloned(),
            separate_usr: mounted(&root.join("usr")).is_some(),
            unpacked: root.join(system::layout::RELEASES).is_dir(),
            init: old_init::Facts::gather(root).ok().map(|facts| facts.init),
            dracut: root.join("usr/bin/dracut").exists(),
            kernel,
            ..Self::of_cgroups(root)
        }
    }

    /// Only what the finding about cgroups is made of, which costs a boot nothing.
    pub fn of_cgroups(root: &Path) -> Self {
        Self {
            model: text("/proc/device-tree/model")
                .trim_end_matches('\0')
                .to_owned(),
            controllers: controllers(),
            cmdline: text("/proc/cmdline").trim().to_owned(),
            loader_files: place::files(root),
            ..Self::default()
        }
    }
}

/// What a file of the kernel says; empty when there is none.
fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Where kernels show or keep their configuration.
fn config(root: &Path, kernel: &str) -> Option<String> {
    let shown = File::open("/proc/config.gz").ok().and_then(|file| {
        let mut text = String::new();
        GzDecoder::new(file).read_to_string(&mut text).ok()?;
        Some(text)
    });
    let kept = [
        format!("boot/config-{kernel}"),
        format!("lib/modules/{kernel}/config"),
    ];
    shown.or_else(|| {
        kept.iter()
            .find_map(|path| fs::read_to_string(root.join(path)).ok())
    })
}

fn missing_modules(directory: &Path) -> Option<Vec<&'static str>> {
    let read = |name: &str| fs::read_to_string(directory.join(name)).ok();
    let (files, builtin) = (read("modules.dep"), read("modules.builtin"));
    if files.is_none() && builtin.is_none() {
        return None;
    }
    let index = Index::parse(
        "",
        &files.unwrap_or_default(),
        "",
        &builtin.unwrap_or_default(),
    );
    let missing = MODULES.into_iter().filter(|name| !index.knows(name));
    Some(missing.collect())
}

/// Those of cgroup v2, else those that are not switched off, whatever the present system uses them for.
fn controllers() -> Option<Vec<String>> {
    let unified = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").ok();
    if let Some(text) = unified.filter(|text| text.contains("cpu")) {
        return Some(text.split_whitespace().map(str::to_owned).collect());
    }
    let table = fs::read_to_string("/proc/cgroups").ok()?;
    Some(enabled_controllers(&table))
}

/// Lines of /proc/cgroups: name, hierarchy, number of cgroups, 1 for enabled. blkio is cgroup v2's io.
fn enabled_controllers(table: &str) -> Vec<String> {
    let name = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        (words.next_back() == Some("1") && !name.starts_with('#')).then(|| match name {
            "blkio" => "io".to_owned(),
            other => other.to_owned(),
        })
    };
    table.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_that_is_switched_off_does_not_count() {
        let table = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t60\t1\nblkio\t0\t60\t1\nmemory\t0\t1\t0\n";
        assert_eq!(enabled_controllers(table), ["cpu", "io"]);
    }

    #[test]
    fn modules_are_files_or_built_in() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(missing_modules(directory.path()), None);
        let files: String = MODULES[2..]
            .iter()
            .map(|name| format!("kernel/{name}.ko.xz:\n"))
            .collect();
        fs::write(directory.path().join("modules.dep"), files).unwrap();
        let builtin = directory.path().join("modules.builtin");
        fs::write(builtin, "kernel/drivers/block/loop.ko\n").unwrap();
        assert_eq!(missing_modules(directory.path()), Some(vec!["squashfs"]));
    }

    #[test]
    fn this_machine_has_facts() {
        let facts = Facts::gather(Path::new("/"));
        assert!(!facts.kernel.is_empty() && facts.memory_kib > Some(0));
    }
}
