//! The root on a board: the release's, with the board's modules and firmware, and with its data below `/k3os/data`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use system::layout::{DATA, MACHINE};
use system::loopdev;
use system::mount::{Flags, Mount};

use crate::initrd::release;
use crate::initrd::root::{self, Action, Parts, STATE, sysroot};

/// Directories of the board that are seen in the release's root: those of its kernel.
const OF_THE_KERNEL: [(&str, &str); 3] = [
    ("lib/modules", "usr/lib/modules"),
    ("lib/firmware", "usr/lib/firmware"),
    ("boot", "boot"),
];

/// What was found on the board.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Facts {
    /// The directories of [`OF_THE_KERNEL`] that it has, as it names them.
    directories: Vec<&'static str>,
    /// There is a configuration in the board's own /var, and none on the node yet.
    configuration: bool,
}

/// Mounts everything. The board's root is then also at [`STATE`], as a state partition is.
///
/// # Errors
/// When the release is not there or damaged, or the kernel refuses a mount.
pub(super) fn build(version: &str) -> Result<()> {
    let board = Mount::bind("/", STATE).with_flags(Flags::MS_BIND);
    board.perform()?;
    let squashfs = release::find_squashfs(version, &[Path::new(STATE)])?;
    let device = loopdev::attach_read_only(&squashfs)?;
    root::build(&plan(device.path(), &Facts::gather(Path::new(STATE)))).with_context(|| {
        format!(
            "mounting {} (its compression needs CONFIG_SQUASHFS_ZSTD)",
            squashfs.display()
        )
    })
}

impl Facts {
    fn gather(board: &Path) -> Self {
        let names = OF_THE_KERNEL.map(|(name, _)| name).into_iter();
        let kept = board.join(DATA).join(MACHINE);
        let has = |name: &str| {
            [&kept, &board.join(MACHINE)].map(|directory| directory.join(name).exists())
        };
        let on_node = |[node, _]: &[bool; 2]| *node;
        let on_board = |[_, board]: &[bool; 2]| *board;
        let found = ["config.yaml", "config.d"].map(has);
        Self {
            directories: names.filter(|name| board.join(name).is_dir()).collect(),
            configuration: found.iter().any(on_board) && !found.iter().any(on_node),
        }
    }
}

fn plan(usr: &Path, facts: &Facts) -> Vec<Action> {
    let parts = Parts {
        usr,
        persistent: true,
        system: Some(Path::new(STATE).join("k3os/system")),
    };
    let mut actions = root::plan(&parts);
    for (board, ours) in OF_THE_KERNEL {
        if facts.directories.contains(&board) {
            let seen = Mount::bind(PathBuf::from("/").join(board), sysroot(ours));
            actions.push(Action::Mount(seen));
        }
    }
    if facts.configuration {
        let given = Path::new(STATE).join(MACHINE);
        for name in ["config.yaml", "config.d"] {
            actions.push(Action::Fill(given.join(name), sysroot(MACHINE).join(name)));
        }
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn mounted(actions: &[Action]) -> Vec<(PathBuf, PathBuf)> {
        let mounts = actions.iter().filter_map(|action| match action {
            Action::Mount(mount) => Some((mount.source.clone(), mount.target.clone())),
            _ => None,
        });
        mounts.collect()
    }

    #[test]
    fn the_board_s_modules_lie_over_the_release_s() {
        let facts = Facts {
            directories: vec!["lib/modules"],
            configuration: false,
        };
        let mounts = mounted(&plan(Path::new("/dev/loop0"), &facts));
        let at = |target: &str| {
            let target = sysroot(target);
            mounts.iter().position(|(_, to)| *to == target)
        };
        assert!(at("usr") < at("usr/lib/modules"), "{mounts:?}");
        assert_eq!(at("usr/lib/firmware"), None);
        assert!(mounts.contains(&(Path::new(STATE).join("k3os/data/var"), sysroot("var"))));
    }

    #[test]
    fn a_configuration_in_the_board_s_var_counts_until_the_node_has_one() {
        let board = tempfile::tempdir().unwrap();
        let given = board.path().join(MACHINE);
        fs::create_dir_all(&given).unwrap();
        assert!(!Facts::gather(board.path()).configuration);
        fs::write(given.join("config.yaml"), "hostname: pi\n").unwrap();
        let facts = Facts::gather(board.path());
        assert!(facts.configuration);
        let last = plan(Path::new("/dev/loop0"), &facts).pop();
        assert!(matches!(last, Some(Action::Fill(..))), "{last:?}");
        let kept = board.path().join(DATA).join(MACHINE);
        fs::create_dir_all(kept.join("config.d")).unwrap();
        assert!(!Facts::gather(board.path()).configuration);
    }
}
