//! Disks before, a request, disks after.

mod common;

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{
    At, DISK, Disk, check_release, install, plan, quiet, ready, release, release_for, request, run,
    text,
};
use installer::Processor;
use installer::grub::{Environment, UNFINISHED};
use system::{disk, gpt};

/// What is true of every freshly installed disk.
fn check_installed(disk: &Disk, sector: u64, version: &str) {
    let entries = gpt::read(&disk.device, sector).unwrap().expect("a table");
    let kinds: Vec<[u8; 16]> = entries.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [gpt::BIOS_BOOT, gpt::EFI_SYSTEM, gpt::LINUX_DATA]);
    assert!(entries[1].size >= 512 << 20 && entries.iter().all(|e| e.start % (1 << 20) == 0));
    run("e2fsck", &["-fn", text(&disk.partition(3))]);
    run("fsck.vfat", &["-n", text(&disk.partition(2))]);
    disk.mounted(3, |root| {
        check_release(&root.join("k3os/system/releases").join(version));
        let config = fs::metadata(root.join("k3os/system/config.yaml")).unwrap();
        assert_eq!(config.mode() & 0o777, 0o600);
        let environment = fs::read(root.join("boot/grub/grubenv")).unwrap();
        assert_eq!(
            Environment::parse(&environment).get("current"),
            Some(version)
        );
        assert!(root.join("boot/grub/grub.cfg").exists());
        assert!(root.join("k3os/system/growpart").exists());
    });
    let first = disk.head(512);
    assert_eq!(first[0x5c..0x64], (entries[0].start / 512).to_le_bytes());
    assert_eq!((first[450], first[511]), (0xee, 0xaa));
}

#[test]
fn an_empty_disk_becomes_a_system() {
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 512), release("v1.0.0"));
    install(&disk, release.path(), &mut quiet()).unwrap();
    check_installed(&disk, 512, "v1.0.0");
    if Path::new("/usr/sbin/sgdisk").exists() {
        let said = run("sgdisk", &["-v", text(&disk.file())]);
        assert!(said.contains("No problems found"), "{said}");
    }
}

#[test]
fn a_disk_with_sectors_of_4096_bytes_becomes_one_too() {
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 4096), release("v1.0.0"));
    install(&disk, release.path(), &mut quiet()).unwrap();
    check_installed(&disk, 4096, "v1.0.0");
}

#[test]
fn a_disk_for_arm_has_a_loader_for_uefi_alone() {
    if !ready() {
        return;
    }
    let release = release_for(Processor::Arm64, "v1.0.0");
    let disk = Disk::new(DISK, 512);
    install(&disk, release.path(), &mut quiet()).unwrap();
    let entries = gpt::read(&disk.device, 512).unwrap().expect("a table");
    let kinds: Vec<_> = entries.iter().map(|e| (e.number, e.kind)).collect();
    assert_eq!(kinds, [(2, gpt::EFI_SYSTEM), (3, gpt::LINUX_DATA)]);
    run("e2fsck", &["-fn", text(&disk.partition(3))]);
    run("fsck.vfat", &["-n", text(&disk.partition(2))]);
    let first = disk.head(512);
    assert!(first[..446].iter().all(|byte| *byte == 0));
    assert_eq!((first[450], first[511]), (0xee, 0xaa));
    let esp = fs::read(disk.partition(2)).unwrap();
    let name = b"BOOTAA64EFI";
    assert!(esp.windows(name.len()).any(|window| window == name));
}

#[test]
fn installing_again_leaves_nothing_of_the_first_time() {
    if !ready() {
        return;
    }
    let (disk, first) = (Disk::new(DISK, 512), release("v1.0.0"));
    install(&disk, first.path(), &mut quiet()).unwrap();
    disk.mounted(3, |root| {
        fs::write(root.join("k3os/data/old"), "x").unwrap()
    });
    let second = release("v2.0.0");
    install(&disk, second.path(), &mut quiet()).unwrap();
    check_installed(&disk, 512, "v2.0.0");
    disk.mounted(3, |root| {
        assert!(!root.join("k3os/data/old").exists());
        assert!(!root.join("k3os/system/releases/v1.0.0").exists());
    });
}

#[test]
fn a_damaged_release_is_found_before_the_first_write() {
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 512), release("v1.0.0"));
    fs::write(disk.device.as_path(), b"something of value").unwrap();
    let before = disk.state();
    let squashfs = release.path().join("rootfs.squashfs");
    fs::write(&squashfs, vec![0; 5_000_001]).unwrap();
    let error = install(&disk, release.path(), &mut quiet()).unwrap_err();
    assert!(
        format!("{error:#}").contains("rootfs.squashfs is damaged"),
        "{error:#}"
    );
    assert!(disk.state() == before);
}

#[test]
fn a_failure_half_way_leaves_a_disk_that_does_not_boot_and_can_be_installed_again() {
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 512), release("v1.0.0"));
    let squashfs = release.path().join("rootfs.squashfs");
    let whole = fs::read(&squashfs).unwrap();
    let mut breaking = At("copying", || {
        fs::write(&squashfs, vec![1; 5_000_001]).unwrap()
    });
    let error = install(&disk, release.path(), &mut breaking).unwrap_err();
    assert!(
        format!("{error:#}")
            .starts_with("reading 6.2 MB back from the disk: the disk or the medium is broken"),
        "{error:#}"
    );

    assert_eq!(gpt::read(&disk.device, 512).unwrap(), None);
    assert!(disk.head(512).starts_with(UNFINISHED));
    assert_eq!(disk::open(&disk.device).unwrap().partitions, []);
    fs::write(&squashfs, whole).unwrap();
    install(&disk, release.path(), &mut quiet()).unwrap();
    check_installed(&disk, 512, "v1.0.0");
}

#[test]
fn the_table_is_the_last_thing_written() {
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 512), release("v1.0.0"));
    let mut seen = Vec::new();
    let device = disk.device.clone();
    let look = || seen.push(gpt::read(&device, 512).unwrap().is_some());
    install(&disk, release.path(), &mut At("", look)).unwrap();
    assert!(
        seen.len() == 12 && seen.iter().all(|table| !table),
        "{seen:?}"
    );
    assert!(gpt::read(&disk.device, 512).unwrap().is_some());
}

#[test]
fn a_file_system_that_is_kept_keeps_its_files() {
    if !ready() {
        return;
    }
    let (disk, first) = (Disk::new(DISK, 512), release("v1.0.0"));
    install(&disk, first.path(), &mut quiet()).unwrap();
    disk.mounted(3, |root| {
        fs::write(root.join("k3os/data/mine"), "kept").unwrap();
        fs::write(root.join("k3os/system/config.yaml"), "hostname: mine\n").unwrap();
        fs::remove_file(root.join("k3os/system/growpart")).unwrap();
    });
    let loader = fs::read(disk.partition(1)).unwrap();
    let second = release("v2.0.0");
    let mut request = request(&disk);
    request.no_format = true;
    let plan = plan(&request, &disk, second.path()).expect("a plan");
    installer::execute(&plan, &disk.directory.path().join("scratch"), &mut quiet()).unwrap();

    assert_eq!(fs::read(disk.partition(1)).unwrap(), loader);
    disk.mounted(3, |root| {
        assert_eq!(
            fs::read_to_string(root.join("k3os/data/mine")).unwrap(),
            "kept"
        );
        let config = fs::read_to_string(root.join("k3os/system/config.yaml")).unwrap();
        assert_eq!(config, "hostname: mine\n");
        for version in ["v1.0.0", "v2.0.0"] {
            check_release(&root.join("k3os/system/releases").join(version));
        }
        let environment = fs::read(root.join("boot/grub/grubenv")).unwrap();
        let environment = Environment::parse(&environment);
        assert_eq!(environment.get("current"), Some("v2.0.0"));
        assert_eq!(environment.get("previous"), Some("v1.0.0"));
        assert!(!root.join("k3os/system/growpart").exists());
    });
}

#[test]
fn a_bare_ext4_is_labelled_and_filled() {
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 512), release("v1.0.0"));
    run("mkfs.ext4", &["-q", "-F", text(&disk.device)]);
    let mut request = request(&disk);
    request.no_format = true;
    let plan = plan(&request, &disk, release.path()).expect("a plan");
    installer::execute(&plan, &disk.directory.path().join("scratch"), &mut quiet()).unwrap();
    let label = run("e2label", &[text(&disk.device)]);
    assert_eq!(label.trim(), "K3OS_STATE");
}

#[test]
fn a_mounted_disk_is_refused_and_unchanged() {
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 512), release("v1.0.0"));
    install(&disk, release.path(), &mut quiet()).unwrap();
    let refusals = disk.mounted(3, |_| {
        plan(&request(&disk), &disk, release.path()).unwrap_err()
    });
    let words = refusals[0].to_string();
    assert!(
        words.contains("p3 is mounted on") && words.contains("umount"),
        "{words}"
    );
}

#[test]
fn a_read_only_disk_is_refused() {
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 512), release("v1.0.0"));
    run("blockdev", &["--setro", text(&disk.device)]);
    let refusals = plan(&request(&disk), &disk, release.path()).unwrap_err();
    assert!(refusals[0].what.contains("is read-only"), "{refusals:?}");
}

/// Another program that has locked the disk.
fn hold(disk: &Disk, how: &str, seconds: u32) -> Child {
    let script = format!("echo locked; sleep {seconds}");
    let mut holder = Command::new("flock")
        .args([how, text(&disk.device), "-c", &script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0; 6];
    holder
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut said)
        .unwrap();
    holder
}

#[test]
fn a_reader_of_the_disk_is_waited_for() {
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 512), release("v1.0.0"));
    let mut reader = hold(&disk, "-s", 1);
    install(&disk, release.path(), &mut quiet()).unwrap();
    assert!(reader.wait().unwrap().success());
    check_installed(&disk, 512, "v1.0.0");
}

#[test]
fn a_locked_disk_is_left_alone() {
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 512), release("v1.0.0"));
    let mut holder = hold(&disk, "-x", 30);
    let error = install(&disk, release.path(), &mut quiet()).unwrap_err();
    let _ = holder.kill();
    let _ = holder.wait();
    assert!(
        format!("{error:#}").contains("another program works on this disk"),
        "{error:#}"
    );
}

#[test]
fn a_disk_that_the_kernel_has_claimed_since_the_question_is_left_alone() {
    use std::os::unix::fs::OpenOptionsExt;
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 512), release("v1.0.0"));
    let plan = plan(&request(&disk), &disk, release.path()).expect("a plan");
    let before = disk.state();
    // What a file system of several disks, RAID and swap do.
    let mut options = fs::OpenOptions::new();
    let claim = options.read(true).custom_flags(nix::libc::O_EXCL);
    let claim = claim.open(&disk.device).unwrap();
    let scratch = disk.directory.path().join("scratch");
    let error = installer::execute(&plan, &scratch, &mut quiet()).unwrap_err();
    assert!(error.to_string().contains("is in use"), "{error:#}");
    let refusals = common::plan(&request(&disk), &disk, release.path()).unwrap_err();
    assert!(
        refusals[0].what.contains("used by the kernel"),
        "{}",
        refusals[0]
    );
    drop(claim);
    assert_eq!(disk.state(), before);
    installer::execute(&plan, &scratch, &mut quiet()).unwrap();
}

#[test]
fn another_disk_that_got_the_name_since_the_question_is_left_alone() {
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 512), release("v1.0.0"));
    let plan = plan(&request(&disk), &disk, release.path()).expect("a plan");
    let other = disk.directory.path().join("other");
    fs::File::create(&other).unwrap().set_len(DISK).unwrap();
    run("losetup", &["-d", text(&disk.device)]);
    run("losetup", &[text(&disk.device), text(&other)]);
    let scratch = disk.directory.path().join("scratch");
    let error = installer::execute(&plan, &scratch, &mut quiet()).unwrap_err();
    assert!(
        error.to_string().contains("is not the disk that was shown"),
        "{error:#}"
    );
    assert_eq!(fs::metadata(&other).unwrap().blocks(), 0);
}

#[test]
fn superblocks_of_raids_at_the_ends_are_named_and_gone_afterwards() {
    use std::os::unix::fs::FileExt;
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 512), release("v1.0.0"));
    install(&disk, release.path(), &mut quiet()).unwrap();
    let mark = |device: &Path, bytes: &[u8], before: u64| {
        let size = fs::File::open(device).and_then(|mut file| {
            use std::io::Seek;
            file.seek(std::io::SeekFrom::End(0))
        });
        let file = fs::File::options().write(true).open(device).unwrap();
        file.write_all_at(bytes, size.unwrap() - before).unwrap();
        file.sync_all().unwrap();
        system::partition::drop_cache(device).unwrap();
    };
    let state = disk.partition(3);
    mark(&state, b"\xfc\x4e\x2b\xa9", 8192);
    mark(&disk.device, b"Intel Raid ISM Cfg Sig. ", 1024);
    let plan = plan(&request(&disk), &disk, release.path()).expect("a plan");
    for kind in ["RAID (md)", "RAID (Intel)"] {
        assert!(plan.target.contains(kind), "{kind}: {}", plan.target);
    }
    installer::execute(&plan, &disk.directory.path().join("scratch"), &mut quiet()).unwrap();
    assert_eq!(system::content::read(&state).kind, "ext4");
    assert_eq!(system::content::read(&disk.device).kind, "");
    check_installed(&disk, 512, "v1.0.0");
}
