//! Growth at first boot, on a loop device: a disk before, a larger disk, the disk after. Needs root.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use system::disk::{Partition, partition_device};
use system::gpt::{self, Entry};
use system::mount::{self, Mount};
use system::partition;

const MIB: u64 = 1 << 20;

/// A file as a disk; both vanish with it.
struct Disk {
    directory: tempfile::TempDir,
    device: PathBuf,
}

impl Disk {
    fn new(size: u64) -> Self {
        let directory = memory();
        let file = directory.path().join("disk");
        File::create(&file).unwrap().set_len(size).unwrap();
        let device = run("losetup", &["-f", "--show", &file.display().to_string()]);
        Self {
            directory,
            device: device.trim().into(),
        }
    }

    fn enlarge(&self, size: u64) {
        let file = File::options()
            .write(true)
            .open(self.directory.path().join("disk"));
        file.unwrap().set_len(size).unwrap();
        run("losetup", &["-c", &self.device.display().to_string()]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = mount::unmount(&self.directory.path().join("mnt"));
        let _ = partition::remove(&self.device, 1);
        let _ = Command::new("losetup").arg("-d").arg(&self.device).status();
    }
}

/// A directory in memory: what is written there need not wait for a disk.
fn memory() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).unwrap()
}

fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn size_of_file_system(at: &Path) -> u64 {
    let words = ["-f", "-c", "%S %b", &at.display().to_string()].map(String::from);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let text = run("stat", &words);
    text.split_whitespace()
        .map(|n| n.parse::<u64>().unwrap())
        .product()
}

#[test]
fn partition_and_file_system_grow_mounted_and_files_stay() {
    if !nix::unistd::geteuid().is_root() || !Path::new("/dev/loop-control").exists() {
        eprintln!("SKIPPED: loop devices need root");
        return;
    }
    let disk = Disk::new(128 * MIB);
    let slice = Partition {
        device: partition_device(&disk.device, 1),
        number: 1,
        start: MIB,
        size: 126 * MIB,
    };
    let entry = Entry {
        number: 1,
        kind: gpt::LINUX_DATA,
        id: [1; 16],
        name: "K3OS_STATE".into(),
        start: slice.start,
        size: slice.size,
    };
    gpt::write(&disk.device, 512, [7; 16], &[entry]).unwrap();
    gpt::protect(&disk.device, 512, b"").unwrap();
    partition::add(&disk.device, &slice).unwrap();
    run("mkfs.ext4", &["-q", &slice.device.display().to_string()]);
    disk.enlarge(1024 * MIB);

    let mnt = disk.directory.path().join("mnt");
    Mount::device(&slice.device, &mnt, "ext4")
        .perform()
        .unwrap();
    fs::create_dir_all(mnt.join("k3os/system")).unwrap();
    fs::write(mnt.join("k3os/system/growpart"), "/dev/vda 1\n").unwrap();
    fs::write(mnt.join("mine"), "kept").unwrap();
    assert!(init::initrd::grow::is_wanted(&mnt));
    let grown = init::initrd::grow::grow(&slice.device, &mnt);

    let table = gpt::read(&disk.device, 512).unwrap().unwrap();
    assert!(table[0].size > 1020 * MIB, "{table:?}");
    let known = system::disk::open(&disk.device).unwrap().partitions;
    assert_eq!(known[0].size, table[0].size);
    assert_eq!(fs::read_to_string(mnt.join("mine")).unwrap(), "kept");
    if may_use_resources() {
        grown.unwrap();
        assert!(size_of_file_system(&mnt) > 900 * MIB);
        assert!(!init::initrd::grow::is_wanted(&mnt));
    } else {
        eprintln!("SKIPPED in part: the kernel grows file systems only with CAP_SYS_RESOURCE");
        let error = format!("{:#}", grown.unwrap_err());
        assert!(error.starts_with("growing the file system of "), "{error}");
        assert!(init::initrd::grow::is_wanted(&mnt));
    }
    mount::unmount(&mnt).unwrap();
    run("e2fsck", &["-fn", &slice.device.display().to_string()]);
}

/// A container's root may lack the capability.
fn may_use_resources() -> bool {
    const CAP_SYS_RESOURCE: u32 = 24;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    effective.is_some_and(|set| set >> CAP_SYS_RESOURCE & 1 == 1)
}
