//! Names of namespaces and control groups: they say which harness they are of, so that what a killed one left is found.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::tool;

const PREFIX: &str = "k3os-native";
const NAMESPACES: &str = "/run/netns";
const GROUPS: &str = "/sys/fs/cgroup";
/// How long the kernel may take to let a control group go after its last process.
const EMPTIED: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

/// A name that this process has not used yet.
pub fn fresh() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}-{}-{number}", std::process::id())
}

/// The process id in a name of ours.
fn owner(name: &str) -> Option<u32> {
    let rest = name.strip_prefix(PREFIX)?.strip_prefix('-')?;
    rest.split_once('-')?.0.parse().ok()
}

/// Removes what harnesses left that are no longer there. All of it is best effort: it only makes room.
pub fn sweep() {
    let is_left = |name: &str| {
        owner(name).is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists())
    };
    for name in entries(Path::new(NAMESPACES)).filter(|name| is_left(name)) {
        remove_namespace(&name);
    }
    let controllers = entries(Path::new(GROUPS)).map(|name| Path::new(GROUPS).join(name));
    for controller in controllers.collect::<Vec<_>>() {
        for name in entries(&controller).filter(|name| is_left(name)) {
            remove_group(&controller.join(name));
        }
    }
}

/// Removes a network namespace by its name.
pub fn remove_namespace(name: &str) {
    // Left over at worst, and swept by the next run.
    let _ = tool::run("ip", ["netns", "del", name]);
}

/// Removes the control groups of this name, whose processes are ending.
pub fn remove_groups(name: &str) {
    let deadline = Instant::now() + EMPTIED;
    for controller in entries(Path::new(GROUPS)) {
        let group = Path::new(GROUPS).join(controller).join(name);
        while group.exists() && !remove_group(&group) && Instant::now() < deadline {
            thread::sleep(LOOK);
        }
    }
}

/// A group goes after those inside it. True when it is gone.
fn remove_group(group: &Path) -> bool {
    for inner in entries(group).map(|name| group.join(name)) {
        if inner.is_dir() {
            remove_group(&inner);
        }
    }
    fs::remove_dir(group).is_ok()
}

fn entries(directory: &Path) -> impl Iterator<Item = String> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_it_is_and_is_used_once() {
        assert_eq!(owner(&fresh()), Some(std::process::id()));
        assert_ne!(fresh(), fresh());
    }

    #[test]
    fn names_of_others_have_no_owner_here() {
        for name in [
            "k3os-native",
            "k3os-native-x-1",
            "docker-1-2",
            "other-k3os-native-1-2",
        ] {
            assert_eq!(owner(name), None, "{name}");
        }
    }
}
