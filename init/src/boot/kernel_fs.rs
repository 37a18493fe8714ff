//! The kernel's file systems that the services need, beyond those that the first stage brought along.

use std::path::Path;

use anyhow::Result;
use system::console;
use system::mount::{Flags, Mount, propagate};

/// Mounts them all. The ones without which nothing works fail the step; the others are told and left out.
///
/// # Errors
/// When a needed one cannot be mounted.
pub fn mount_all() -> Result<()> {
    propagate(Path::new("/"), Flags::MS_SHARED)?;
    needed().iter().try_for_each(Mount::perform)?;
    for mount in optional() {
        if let Err(error) = mount.perform() {
            console::log_to_kernel(&format!("{error:#}"));
        }
    }
    Ok(())
}

fn needed() -> Vec<Mount> {
    let terminals = "gid=5,mode=0620,ptmxmode=0666";
    vec![
        Mount::virtual_fs("devpts", "/dev/pts", terminals).with_flags(Flags::MS_NOSUID),
        Mount::virtual_fs("tmpfs", "/dev/shm", "mode=1777"),
        Mount::virtual_fs("tmpfs", "/tmp", "mode=1777,size=50%"),
        Mount::virtual_fs(
            "cgroup2",
            "/sys/fs/cgroup",
            "nsdelegate,memory_recursiveprot",
        ),
    ]
}

fn optional() -> Vec<Mount> {
    let mut mounts = vec![
        Mount::virtual_fs("mqueue", "/dev/mqueue", ""),
        Mount::virtual_fs("bpf", "/sys/fs/bpf", "mode=0700"),
        Mount::virtual_fs("securityfs", "/sys/kernel/security", ""),
        Mount::virtual_fs("debugfs", "/sys/kernel/debug", "mode=0700"),
        Mount::virtual_fs("tracefs", "/sys/kernel/tracing", "mode=0700"),
        Mount::virtual_fs("configfs", "/sys/kernel/config", ""),
        Mount::virtual_fs("pstore", "/sys/fs/pstore", ""),
        Mount::virtual_fs("hugetlbfs", "/dev/hugepages", ""),
    ];
    // Only on machines started by UEFI.
    mounts.push(Mount::virtual_fs(
        "efivarfs",
        "/sys/firmware/efi/efivars",
        "",
    ));
    mounts
        .into_iter()
        .filter(|mount| parent_exists(&mount.target))
        .collect()
}

/// In /sys only the kernel makes directories: a missing one means that it lacks the feature.
fn parent_exists(target: &Path) -> bool {
    !target.starts_with("/sys") || target.is_dir()
}
