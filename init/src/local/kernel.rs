//! What a foreign kernel must be able to do, built in or by a module of its own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use system::command::{self, CommandLine};
use system::modules::Loader;

/// Where a kernel lists the file systems that it can mount now.
const FILE_SYSTEMS: &str = "/proc/filesystems";
/// A board's own modprobe reads compressed modules, which not every kernel does.
const MODPROBE: [&str; 2] = ["/sbin/modprobe", "/usr/sbin/modprobe"];
/// How long a module may take to load.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something that a kernel has or has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Feature {
    /// The module's name, which is the file system's, too, where it brings one.
    module: &'static str,
    /// The kernel's option.
    option: &'static str,
    /// What for.
    reason: &'static str,
}

/// Without these there is no /usr.
pub(super) const NEEDED: [Feature; 2] = [
    Feature {
        module: "loop",
        option: "CONFIG_BLK_DEV_LOOP",
        reason: "the release is mounted from a file",
    },
    Feature {
        module: "squashfs",
        option: "CONFIG_SQUASHFS",
        reason: "the release is a squashfs",
    },
];
/// Without these there is a login, but containers do not run as they should.
pub(super) const FOR_CONTAINERS: [Feature; 2] = [
    Feature {
        module: "overlay",
        option: "CONFIG_OVERLAY_FS",
        reason: "containerd lays file systems over one another",
    },
    // A module on Raspberry Pis, which nothing has asked for yet when the release's settings of it are made.
    Feature {
        module: "ipv6",
        option: "CONFIG_IPV6",
        reason: "services listen on IPv6, too",
    },
];

/// Loads the modules of those that the kernel does not have yet.
///
/// # Errors
/// All that are missing, by name, with what to do.
pub(super) fn load(features: &[Feature]) -> Result<()> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let missing: Vec<String> = features
        .iter()
        .filter_map(|feature| Some(feature.describe(&feature.load().err()?, release.trim())))
        .collect();
    ensure!(missing.is_empty(), "{}", missing.join("; "));
    Ok(())
}

impl Feature {
    fn load(&self) -> Result<()> {
        if self.is_there() {
            return Ok(());
        }
        let by_us = Loader::for_running_kernel()?.load(self.module, "");
        if self.is_there() {
            return Ok(());
        }
        modprobe(self.module)?;
        by_us.or_else(|error| if self.is_there() { Ok(()) } else { Err(error) })?;
        ensure!(self.is_there(), "the module brings no such thing");
        Ok(())
    }

    fn is_there(&self) -> bool {
        match self.module {
            "loop" => Path::new("/dev/loop-control").exists(),
            // Built in as well, and where it is switched off.
            "ipv6" => Path::new("/sys/module/ipv6").exists(),
            name => {
                let list = fs::read_to_string(FILE_SYSTEMS).unwrap_or_default();
                lists(&list, name)
            }
        }
    }

    fn describe(&self, error: &anyhow::Error, release: &str) -> String {
        let Self {
            module,
            option,
            reason,
        } = self;
        format!(
            "the board's kernel {release} has no {module} ({reason}): {error:#}; install the package with the rest of \
             its modules into /lib/modules/{release}, or a kernel with {option}"
        )
    }
}

/// `nodev\tname` or `\tname`, one a line.
fn lists(file_systems: &str, name: &str) -> bool {
    file_systems
        .lines()
        .any(|line| line.split_whitespace().last() == Some(name))
}

/// Asks the board's modprobe, where there is one. Its failure is told by what is missing afterwards.
fn modprobe(module: &str) -> Result<()> {
    let Some(program) = MODPROBE.into_iter().find(|path| Path::new(path).exists()) else {
        return Ok(());
    };
    let line = CommandLine {
        words: [program, module].map(str::to_owned).into(),
        environment: Default::default(),
        limit: Some(PATIENCE),
    };
    command::run(&line)
        .map(drop)
        .with_context(|| format!("running {program}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_told_by_their_whole_name() {
        let list = "nodev\tsysfs\n\text4\nnodev\toverlay\n\tsquashfs_x\n";
        assert!(lists(list, "ext4") && lists(list, "overlay"));
        assert!(!lists(list, "squashfs") && !lists(list, "nodev"));
    }

    #[test]
    fn what_is_missing_is_named_with_kernel_option_and_way_out() {
        let text = NEEDED[1].describe(&anyhow::anyhow!("none"), "6.6.1-v8");
        for part in ["6.6.1-v8", "squashfs", "CONFIG_SQUASHFS", "/lib/modules/"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
