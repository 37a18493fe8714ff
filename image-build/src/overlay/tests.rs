//! Unpacks the archive with the host's tar over trees as Linux systems have them.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

const RELEASE: &str = "k3os/system/releases/v1/manifest.json";

/// An archive as the build writes it, with a small program.
fn archive(directory: &Path) -> PathBuf {
    let program = directory.join("program");
    fs::write(&program, board::MARK).unwrap();
    let mut tree = Tree::default();
    tree.file(&format!("k3os-v1/{RELEASE}"), 0o644, "{}");
    let path = directory.join("rootfs.tar");
    let out = fs::File::create(&path).unwrap();
    members(&tree, "k3os-v1", &program, 7, out).unwrap();
    path
}

fn unpack(archive: &Path, root: &Path) {
    let status = Command::new("tar")
        .args(["--strip-components=1", "-C"])
        .arg(root)
        .arg("-xf")
        .arg(archive)
        .status()
        .unwrap();
    assert!(status.success());
}

/// Debian and its kind: /sbin is a link, and init is a link to systemd.
fn usr_merged(root: &Path) {
    fs::create_dir_all(root.join("usr/sbin")).unwrap();
    fs::create_dir_all(root.join("usr/lib/systemd")).unwrap();
    fs::write(root.join("usr/lib/systemd/systemd"), "systemd").unwrap();
    fs::write(root.join("usr/sbin/agetty"), "agetty").unwrap();
    symlink("usr/sbin", root.join("sbin")).unwrap();
    symlink("usr/lib", root.join("lib")).unwrap();
    symlink("../lib/systemd/systemd", root.join("usr/sbin/init")).unwrap();
}

#[test]
fn over_a_usr_merged_system_the_links_stay_and_init_is_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("root");
    usr_merged(&root);
    unpack(&archive(scratch.path()), &root);
    assert_eq!(
        fs::read_link(root.join("sbin")).unwrap(),
        Path::new("usr/sbin")
    );
    assert_eq!(fs::read(root.join("usr/sbin/agetty")).unwrap(), b"agetty");
    assert_eq!(fs::read(root.join("usr/sbin/init")).unwrap(), board::MARK);
    assert_eq!(fs::read(root.join("usr/sbin/k3os")).unwrap(), board::MARK);
    assert!(root.join(RELEASE).is_file());
    // systemd itself was not written through the link.
    assert_eq!(
        fs::read(root.join("usr/lib/systemd/systemd")).unwrap(),
        b"systemd"
    );
    old_init::restore(&root).unwrap();
    let back = fs::read_link(root.join("sbin/init")).unwrap();
    assert_eq!(back, Path::new("../lib/systemd/systemd"));
    assert_eq!(fs::read(root.join("sbin/init")).unwrap(), b"systemd");
    assert_eq!(fs::read_dir(root.join("usr/sbin")).unwrap().count(), 2);
}

#[test]
fn over_a_system_with_an_init_of_its_own_that_program_is_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("root");
    fs::create_dir_all(root.join("sbin")).unwrap();
    fs::write(root.join("sbin/init"), "sysvinit").unwrap();
    unpack(&archive(scratch.path()), &root);
    assert_eq!(fs::read(root.join("sbin/init")).unwrap(), board::MARK);
    old_init::restore(&root).unwrap();
    assert_eq!(fs::read(root.join("sbin/init")).unwrap(), b"sysvinit");
}

#[test]
fn a_second_release_does_not_lose_the_board_s_init() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, archive) = (scratch.path().join("root"), archive(scratch.path()));
    fs::create_dir_all(root.join("sbin")).unwrap();
    fs::write(root.join("sbin/init"), "sysvinit").unwrap();
    unpack(&archive, &root);
    // The first boot between them.
    assert!(old_init::keep(&root).unwrap());
    unpack(&archive, &root);
    assert!(!old_init::keep(&root).unwrap());
    old_init::restore(&root).unwrap();
    assert_eq!(fs::read(root.join("sbin/init")).unwrap(), b"sysvinit");
    assert_eq!(fs::read_dir(root.join("sbin")).unwrap().count(), 1);
}
