//! What is to be done with each mount at the end.

use std::path::{Path, PathBuf};

use system::mount::MountInfo;

/// The kernel's own file systems and PID 1's program stay until the machine is off.
const KEPT: [&str; 6] = ["/", "/usr", "/proc", "/sys", "/dev", "/run"];
/// File systems without a device that hold data all the same.
const REMOTE: [&str; 9] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "ceph",
    "9p",
    "virtiofs",
    "fuse",
    "glusterfs",
];

/// The mounts, by what happens to them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Where each file system with data is written, one place each.
    pub written: Vec<PathBuf>,
    /// The sources of those that did not answer to that.
    pub silent: Vec<String>,
    /// Targets of silent ones, last first: detached and forgotten.
    pub abandoned: Vec<PathBuf>,
    /// All other targets, last first.
    pub unmounted: Vec<PathBuf>,
    /// Sources and targets of writable disks: read-only if they are still there after that.
    pub read_only: Vec<(String, PathBuf)>,
}

impl Plan {
    /// Sorts the mounts, given in the order in which they were made. `silent`: targets of [`Plan::written`] that did not
    /// answer; everything on the same file system is silent too.
    pub fn of(mounts: &[MountInfo], silent: &[String]) -> Self {
        let mut plan = Self::default();
        let mut seen = Vec::new();
        for entry in mounts.iter().filter(|entry| holds_data(entry)) {
            if silent
                .iter()
                .any(|target| entry.target == Path::new(target))
            {
                plan.silent.push(entry.source.clone());
            }
            if !seen.contains(&&entry.source) {
                seen.push(&entry.source);
                plan.written.push(entry.target.clone());
            }
        }
        for entry in mounts.iter().rev() {
            plan.sort_in(entry);
        }
        plan
    }

    fn sort_in(&mut self, entry: &MountInfo) {
        if is_disk(entry) {
            self.read_only
                .push((entry.source.clone(), entry.target.clone()));
        }
        if KEPT.iter().any(|kept| entry.target == Path::new(kept)) {
            return;
        }
        let is_silent = holds_data(entry) && self.silent.contains(&entry.source);
        let list = if is_silent {
            &mut self.abandoned
        } else {
            &mut self.unmounted
        };
        list.push(entry.target.clone());
    }
}

/// A writable file system on a real device.
fn is_disk(entry: &MountInfo) -> bool {
    entry.writable && entry.source.starts_with("/dev/")
}

/// A writable one whose data outlive the machine.
fn holds_data(entry: &MountInfo) -> bool {
    let kind = entry.fstype.split('.').next().unwrap_or_default();
    is_disk(entry) || (entry.writable && REMOTE.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts() -> Vec<MountInfo> {
        let text = "1 0 0:1 / / rw - tmpfs sysroot rw\n\
            2 1 7:0 / /usr ro - squashfs /dev/loop0 ro\n\
            3 1 0:2 / /run rw - tmpfs run rw\n\
            4 3 254:3 / /run/k3os/state rw - ext4 /dev/vda3 rw\n\
            5 1 254:3 /k3os/data/var /var rw - ext4 /dev/vda3 rw\n\
            6 5 0:9 / /var/lib/kubelet/pods/a/volumes/n rw - nfs4 server:/x rw\n\
            7 5 0:10 / /var/lib/kubelet/pods/b/volumes/n rw - nfs4 server:/x rw\n\
            8 5 0:11 / /var/lib/kubelet/pods/a/volumes/t rw - tmpfs tmpfs rw\n\
            9 5 0:12 / /mnt/s rw - fuse.sshfs me@there: rw\n";
        system::mount::parse_mountinfo(text)
    }

    fn paths(list: &[PathBuf]) -> Vec<&str> {
        list.iter().filter_map(|path| path.to_str()).collect()
    }

    #[test]
    fn each_file_system_with_data_is_written_once_and_the_root_stays() {
        let plan = Plan::of(&mounts(), &[]);
        let nfs = "/var/lib/kubelet/pods/a/volumes/n";
        assert_eq!(paths(&plan.written), ["/run/k3os/state", nfs, "/mnt/s"]);
        assert_eq!(plan.unmounted.len(), 6);
        assert_eq!(plan.unmounted[5], Path::new("/run/k3os/state"));
        assert!(plan.abandoned.is_empty());
        assert_eq!(plan.read_only.len(), 2);
    }

    #[test]
    fn what_does_not_answer_is_abandoned_with_all_mounts_of_the_same_file_system() {
        let nfs = "/var/lib/kubelet/pods/a/volumes/n";
        let plan = Plan::of(&mounts(), &[nfs.into()]);
        assert_eq!(
            paths(&plan.abandoned),
            ["/var/lib/kubelet/pods/b/volumes/n", nfs]
        );
        assert_eq!(plan.unmounted.len(), 4);
        let disk = Plan::of(&mounts(), &["/run/k3os/state".into()]);
        assert_eq!(paths(&disk.abandoned), ["/var", "/run/k3os/state"]);
        assert_eq!(disk.silent, ["/dev/vda3"]);
    }
}
