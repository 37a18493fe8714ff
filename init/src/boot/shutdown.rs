//! The end: everything written, nothing mounted writable. The supervisor has ended all processes by then.

use std::path::Path;

use system::console;
use system::mount::{self, MountInfo, remount_read_only, unmount};
use system::power::{PowerState, end_machine};

use crate::clock;
use crate::watchdog;

/// What unmounting and writing may take; then the watchdog ends the machine, where there is one.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(90);

/// Ends the machine. Whatever cannot be ended cleanly is told, and does not keep the machine from ending.
pub fn finish(state: PowerState) -> ! {
    watchdog::allow(LIMIT);
    if let Err(error) = clock::keep() {
        console::line(&format!("{error:#}"));
    }
    console::line("unmounting");
    release_mounts();
    if state != PowerState::Reboot {
        watchdog::disarm();
    }
    let Err(error) = end_machine(state);
    console::line(&format!("{error:#}; switch the machine off by hand"));
    loop {
        std::thread::park();
    }
}

/// Unmounts from the last to the first; what is still used (the squashfs that PID 1 runs from, and what holds it)
/// becomes read-only, which is as good for the disk.
fn release_mounts() {
    let Ok(mounts) = mount::list() else {
        console::line("cannot read the list of mounts; relying on sync alone");
        return;
    };
    for entry in mounts.iter().rev().filter(|entry| is_removable(entry)) {
        let _ = unmount(&entry.target);
    }
    for entry in mount::list().unwrap_or_default().iter().rev() {
        if holds_data(entry)
            && let Err(error) = remount_read_only(&entry.target, false)
        {
            console::line(&format!("{error:#}"));
        }
    }
}

fn is_removable(entry: &MountInfo) -> bool {
    let kept = ["/", "/usr", "/proc", "/sys", "/dev", "/run"].map(Path::new);
    !kept.contains(&entry.target.as_path())
}

/// A writable file system on a real device.
fn holds_data(entry: &MountInfo) -> bool {
    entry.writable && entry.source.starts_with("/dev/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_writable_devices_need_a_remount() {
        let entry = |source: &str, writable| MountInfo {
            target: "/x".into(),
            fstype: "ext4".into(),
            source: source.into(),
            writable,
        };
        assert!(holds_data(&entry("/dev/vda3", true)));
        assert!(!holds_data(&entry("/dev/vda3", false)));
        assert!(!holds_data(&entry("tmpfs", true)));
    }
}
