//! The machine's root: what is read-only, what persists, and how it is put together.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use system::mount::{Flags, Mount, remount_read_only};
use system::tree::{copy_missing, copy_missing_file};

/// Where the root is put together. On a board, this is a directory of its root: below our own, so that it leaves no trace.
pub const SYSROOT: &str = "/k3os/sysroot";
/// Where the state partition is mounted.
pub const STATE: &str = "/run/k3os/state";
/// Where the medium is mounted.
pub const MEDIUM: &str = "/run/k3os/medium";
/// Where what is written lives when there is no state partition.
const MEMORY: &str = "/run/k3os/data";

/// What persists (on disk) or lies in memory (live), by directory of the root, with its mode.
const DATA_DIRECTORIES: [(&str, u32); 4] = [
    ("var", 0o755),
    ("home", 0o755),
    ("opt", 0o755),
    ("root", 0o700),
];

/// One thing to do to build the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make a directory with this mode.
    Directory(PathBuf, u32),
    /// Make a link at the first path to the second.
    Link(PathBuf, &'static str),
    /// Mount something.
    Mount(Mount),
    /// Make a bind mount read-only.
    ReadOnly(PathBuf),
    /// Copy what is missing from a template, a directory or a file. One that is not there is no template.
    Fill(PathBuf, PathBuf),
}

/// What the root is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The loop device with the release's squashfs.
    pub usr: &'a Path,
    /// Whether data lie on the state partition, mounted at [`STATE`]; else in memory.
    pub persistent: bool,
    /// The directory shown as `/k3os/system`, if there is one.
    pub system: Option<PathBuf>,
}

/// The root of the design as a list of actions.
pub fn plan(parts: &Parts) -> Vec<Action> {
    let mut actions = vec![Action::Mount(memory(
        "sysroot",
        SYSROOT,
        "mode=0755,size=64m",
    ))];
    actions.extend(fixed_directories());
    let squashfs =
        Mount::device(parts.usr, sysroot("usr"), "squashfs").with_flags(Flags::MS_RDONLY);
    actions.push(Action::Mount(squashfs));
    actions.extend(data(parts.persistent));
    actions.extend(system_directory(parts.system.as_deref()));
    let etc = memory("etc", sysroot("etc"), "mode=0755,size=64m");
    actions.push(Action::Mount(etc));
    actions.push(Action::Fill(sysroot("usr/etc"), sysroot("etc")));
    actions
}

fn fixed_directories() -> Vec<Action> {
    let directories = [
        "usr",
        "proc",
        "sys",
        "dev",
        "run",
        "etc",
        "mnt",
        "k3os/system",
    ];
    let links = [
        ("bin", "usr/bin"),
        ("sbin", "usr/sbin"),
        ("lib", "usr/lib"),
        ("lib64", "usr/lib64"),
    ];
    let mut actions: Vec<Action> = directories
        .map(|name| Action::Directory(sysroot(name), 0o755))
        .into();
    actions.push(Action::Directory(sysroot("tmp"), 0o1777));
    actions.extend(links.map(|(name, to)| Action::Link(sysroot(name), to)));
    actions
}

fn data(persistent: bool) -> Vec<Action> {
    let store = if persistent {
        Path::new(STATE).join("k3os/data")
    } else {
        PathBuf::from(MEMORY)
    };
    let mut actions = Vec::new();
    if !persistent {
        actions.push(Action::Mount(memory("data", MEMORY, "mode=0755,size=80%")));
    }
    for (name, mode) in DATA_DIRECTORIES {
        actions.push(Action::Directory(store.join(name), mode));
        actions.push(Action::Directory(sysroot(name), mode));
        actions.push(Action::Mount(Mount::bind(store.join(name), sysroot(name))));
    }
    actions.push(Action::Fill(
        sysroot("usr/share/factory/var"),
        sysroot("var"),
    ));
    actions.push(Action::Directory(sysroot("var/local"), 0o755));
    actions
}

fn system_directory(system: Option<&Path>) -> Vec<Action> {
    let Some(system) = system else {
        return Vec::new();
    };
    let target = sysroot("k3os/system");
    vec![
        Action::Mount(Mount::bind(system, &target)),
        Action::ReadOnly(target),
    ]
}

/// A path of the root that is being put together.
pub(crate) fn sysroot(path: &str) -> PathBuf {
    Path::new(SYSROOT).join(path)
}

fn memory(name: &str, target: impl Into<PathBuf>, options: &str) -> Mount {
    Mount {
        source: name.into(),
        target: target.into(),
        fstype: "tmpfs",
        flags: Flags::empty(),
        options: options.into(),
    }
}

/// Does all actions in order.
///
/// # Errors
/// The first that fails.
pub fn build(actions: &[Action]) -> Result<()> {
    actions.iter().try_for_each(perform)
}

fn perform(action: &Action) -> Result<()> {
    match action {
        Action::Directory(path, mode) => make_directory(path, *mode),
        Action::Link(path, to) => {
            symlink(to, path).with_context(|| format!("making the link {}", path.display()))
        }
        Action::Mount(mount) => mount.perform(),
        Action::ReadOnly(path) => remount_read_only(path, true),
        Action::Fill(from, to) if from.is_dir() => copy_missing(from, to),
        Action::Fill(from, to) if from.is_file() => copy_missing_file(from, to),
        Action::Fill(..) => Ok(()),
    }
}

/// Makes a directory; one that is there keeps its mode, which may be the owner's choice.
fn make_directory(path: &Path, mode: u32) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).with_context(|| format!("making the directory {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("setting the mode of {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(actions: &[Action]) -> Vec<(PathBuf, PathBuf)> {
        let mounts = actions.iter().filter_map(|action| match action {
            Action::Mount(mount) => Some((mount.source.clone(), mount.target.clone())),
            _ => None,
        });
        mounts.collect()
    }

    #[test]
    fn on_disk_the_data_directories_come_from_the_state_partition() {
        let parts = Parts {
            usr: Path::new("/dev/loop0"),
            persistent: true,
            system: Some("/run/k3os/state/k3os/system".into()),
        };
        let mounts = sources(&plan(&parts));
        let expected = (
            PathBuf::from("/run/k3os/state/k3os/data/var"),
            sysroot("var"),
        );
        assert!(mounts.contains(&expected), "{mounts:?}");
        assert!(
            !mounts
                .iter()
                .any(|(_, target)| target.ends_with("k3os/data"))
        );
    }

    #[test]
    fn live_data_lie_in_memory_and_usr_is_mounted_before_it_is_read() {
        let parts = Parts {
            usr: Path::new("/dev/loop0"),
            persistent: false,
            system: None,
        };
        let actions = plan(&parts);
        let at = |wanted: &dyn Fn(&Action) -> bool| actions.iter().position(wanted).unwrap();
        let usr = at(&|a| matches!(a, Action::Mount(m) if m.fstype == "squashfs"));
        let fill = at(&|a| matches!(a, Action::Fill(..)));
        assert!(usr < fill);
        assert!(sources(&actions).contains(&("data".into(), MEMORY.into())));
    }

    #[test]
    fn usr_and_system_are_read_only() {
        let parts = Parts {
            usr: Path::new("/dev/loop0"),
            persistent: false,
            system: Some("/m".into()),
        };
        let actions = plan(&parts);
        assert!(actions.iter().any(|a| matches!(a, Action::Mount(m)
            if m.target.ends_with("usr") && m.flags.contains(Flags::MS_RDONLY))));
        assert!(actions.contains(&Action::ReadOnly(sysroot("k3os/system"))));
    }
}
