//! Repairing a state partition that was damaged: on an image file, as e2fsck treats it like a device.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use init::initrd::repair;
use system::ext4::has_errors;

fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An ext4 file system with one file in it.
fn image(directory: &Path) -> PathBuf {
    let (path, tree) = (directory.join("state"), directory.join("tree"));
    File::create(&path).unwrap().set_len(64 << 20).unwrap();
    fs::create_dir_all(tree.join("k3os/data")).unwrap();
    fs::write(tree.join("k3os/data/mine"), "kept").unwrap();
    let (tree, image) = (tree.display().to_string(), path.display().to_string());
    run("mkfs.ext4", &["-q", "-d", &tree, &image]);
    path
}

fn change(image: &Path, command: &str) {
    run(
        "debugfs",
        &["-w", "-R", command, &image.display().to_string()],
    );
}

#[test]
fn a_sound_file_system_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let image = image(directory.path());
    assert!(!has_errors(&image));
    change(&image, "set_super_value state 0");
    assert!(!has_errors(&image), "a power cut is no damage");
}

#[test]
fn damage_that_needs_answers_is_repaired_and_told() {
    let directory = tempfile::tempdir().unwrap();
    let image = image(directory.path());
    // A directory whose inode is gone: `e2fsck -p` gives up on it.
    change(&image, "clri k3os");
    change(&image, "set_super_value state 2");
    assert!(has_errors(&image));

    repair::repair(&image, directory.path()).unwrap();

    assert!(!has_errors(&image));
    run("e2fsck", &["-fn", &image.display().to_string()]);
    let log = fs::read_to_string(directory.path().join("k3os/e2fsck.log")).unwrap();
    assert!(
        log.contains("e2fsck -p: exited with status 4") && log.contains("e2fsck -f -y: exited"),
        "{log}"
    );
    let notice = fs::read_to_string(directory.path().join("issue.d/50-repair.issue")).unwrap();
    assert!(notice.contains("was repaired"), "{notice}");
    let files = run(
        "debugfs",
        &["-R", "ls -l /lost+found", &image.display().to_string()],
    );
    assert!(
        files.contains('#'),
        "the directory's content is kept: {files}"
    );
}

#[test]
fn what_cannot_be_repaired_is_an_error_that_names_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let nothing = directory.path().join("nothing");
    File::create(&nothing).unwrap().set_len(1 << 20).unwrap();
    let error = repair::repair(&nothing, directory.path()).unwrap_err();
    assert!(format!("{error:#}").contains("e2fsck.log"), "{error:#}");
    assert!(!directory.path().join("issue.d/50-repair.issue").exists());
}
