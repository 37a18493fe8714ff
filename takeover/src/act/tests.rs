//! A cut at every step, and at every step of what follows it: both ways end in the right tree.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use super::*;
use crate::keep::destination;
use crate::{OLD_ROOT, STATE_LABEL, save_loader};

/// A file system in a directory: what belongs to it as a whole is remembered.
struct Directory {
    directory: tempfile::TempDir,
    label: RefCell<String>,
}

impl Volume for Directory {
    fn label(&self) -> Result<String> {
        Ok(self.label.borrow().clone())
    }
    fn set_label(&self, label: &str) -> Result<()> {
        *self.label.borrow_mut() = label.to_owned();
        Ok(())
    }
    fn settle(&self) -> Result<()> {
        Ok(())
    }
}

const OLD_MENU: &str = "set default=0 # Debian's\n";
const OUR_MENU: &str = "# Written by the k3OS installer. For the takeover.\n";
const FINAL_MENU: &str = "# Written by the k3OS installer. Final.\n";

/// Another system with a release beside it, as the installer leaves them.
fn prepared(power_off: bool) -> Directory {
    let directory = memory();
    let root = directory.path();
    for (path, text) in [
        ("etc/passwd", "root"),
        ("etc/shadow", "secret"),
        ("usr/bin/sh", "elf"),
        ("home/alice/notes", "hers"),
        ("home/bob/notes", "his"),
        ("srv/db/table", "rows"),
        ("var/lib/thing", "state"),
        (".autorelabel", ""),
        ("boot/vmlinuz-6.1", "kernel"),
        ("boot/initrd.img-6.1", "initrd"),
        ("boot/grub/grub.cfg", OLD_MENU),
        ("boot/grub/grubenv", "old environment"),
        ("boot/grub/i386-pc/normal.mod", "module"),
        ("k3os/system/config.yaml", "hostname: x"),
    ] {
        write(root, path, text);
    }
    symlink("usr/bin", root.join("bin")).unwrap();
    fs::create_dir_all(root.join("lost+found")).unwrap();
    fs::create_dir_all(root.join("k3os/data/home")).unwrap();
    fs::set_permissions(root.join("srv"), fs::Permissions::from_mode(0o711)).unwrap();
    record(power_off).write(root).unwrap();
    save_loader(root, Path::new("boot/grub")).unwrap();
    write(root, crate::loader::FINAL, FINAL_MENU);
    write(root, "boot/grub/grubenv", "ours");
    write(root, "boot/grub/grub.cfg", OUR_MENU);
    Directory {
        directory,
        label: RefCell::new("cloudimg-rootfs".into()),
    }
}

/// A directory in memory: what is written there need not wait for a disk.
fn memory() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).unwrap()
}

fn record(power_off: bool) -> Record {
    let keep = ["/home/alice", "/srv/db", "/var/lib/removed"];
    Record {
        phase: Phase::Pending,
        version: "v1.0.0".into(),
        system: "Debian".into(),
        uuid: "0".into(),
        label: "cloudimg-rootfs".into(),
        loader: "boot/grub".into(),
        keep: keep.map(|p| destination(Path::new(p)).unwrap()).to_vec(),
        power_off,
    }
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Every file and link with what it holds, without the takeover's own directory.
fn files(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_path_buf();
            let meta = fs::symlink_metadata(&path).unwrap();
            if name.starts_with("k3os/takeover")
                && !name.starts_with(OLD_ROOT)
                && name != Path::new(OLD_ROOT)
            {
                if meta.is_dir() && Path::new(OLD_ROOT).starts_with(&name) {
                    directories.push(path);
                }
            } else if meta.is_dir() {
                directories.push(path);
            } else if meta.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                found.insert(name, format!("-> {}", target.display()));
            } else {
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

impl Directory {
    fn root(&self) -> &Path {
        self.directory.path()
    }

    fn record(&self) -> Record {
        Record::read(self.root()).unwrap().expect("a record")
    }

    fn steps(&self, undo: bool) -> Vec<Step> {
        let record = self.record();
        let tree = Tree::read(self.root(), &record, self).unwrap();
        if undo {
            give_back(&record, &tree)
        } else {
            take(&record, &tree).unwrap()
        }
    }

    /// Does so many of the steps; then the power is gone.
    fn cut(&self, undo: bool, after: usize) {
        let mut record = self.record();
        for step in self.steps(undo).iter().take(after) {
            perform(self.root(), &mut record, step, self).unwrap();
        }
    }

    fn boot(&self, undo: bool) -> Next {
        at_boot(self.root(), true, undo, self).unwrap()
    }

    fn assert_back(&self, before: &BTreeMap<PathBuf, String>, when: &str) {
        let mut wanted = before.clone();
        wanted.insert("boot/grub/grub.cfg".into(), OLD_MENU.into());
        wanted.insert("boot/grub/grubenv".into(), "old environment".into());
        assert_eq!(files(self.root()), wanted, "{when}");
        assert_eq!(*self.label.borrow(), "cloudimg-rootfs", "{when}");
        assert_eq!(self.record().phase, Phase::Undone, "{when}");
        assert!(!self.root().join(OLD_ROOT).exists(), "{when}");
    }

    fn assert_taken(&self, when: &str) {
        let found = files(self.root());
        let at = |path: &str| found.get(Path::new(path)).map(String::as_str);
        assert_eq!(
            at("k3os/takeover/old-root/etc/shadow"),
            Some("secret"),
            "{when}"
        );
        assert_eq!(
            at("k3os/takeover/old-root/bin"),
            Some("-> usr/bin"),
            "{when}"
        );
        assert_eq!(
            at("k3os/takeover/old-root/.autorelabel"),
            Some(""),
            "{when}"
        );
        assert_eq!(
            at("k3os/takeover/old-root/home/bob/notes"),
            Some("his"),
            "{when}"
        );
        assert_eq!(
            at("k3os/takeover/old-root/boot/vmlinuz-6.1"),
            Some("kernel"),
            "{when}"
        );
        assert_eq!(at("k3os/data/home/alice/notes"), Some("hers"), "{when}");
        assert_eq!(
            at("k3os/data/var/kept/srv/db/table"),
            Some("rows"),
            "{when}"
        );
        assert_eq!(at("boot/grub/i386-pc/normal.mod"), Some("module"), "{when}");
        assert_eq!(at("boot/grub/grub.cfg"), Some(OUR_MENU), "{when}");
        let stays = |path: &&PathBuf| !path.starts_with("k3os") && !path.starts_with("boot/grub");
        assert_eq!(found.keys().find(stays), None, "{when}");
        assert_eq!(*self.label.borrow(), STATE_LABEL, "{when}");
        assert_eq!(self.record().phase, Phase::Taken, "{when}");
    }
}

#[test]
fn a_cut_at_any_step_of_taking_goes_on_both_ways() {
    let before = files(prepared(false).root());
    let count = prepared(false).steps(false).len();
    assert!(count > 15, "{count}");
    for after in 0..=count {
        let disk = prepared(false);
        disk.cut(false, after);
        assert_eq!(disk.boot(false), Next::Boot);
        disk.assert_taken(&format!("cut after {after} steps"));

        let disk = prepared(false);
        disk.cut(false, after);
        assert_eq!(disk.boot(true), Next::Reboot);
        disk.assert_back(&before, &format!("cut after {after} steps, undone"));
    }
}

#[test]
fn a_cut_at_any_step_of_undoing_goes_on_undoing() {
    let before = files(prepared(false).root());
    let taking = prepared(false).steps(false).len();
    for taken in 0..=taking {
        let undoing = {
            let disk = prepared(false);
            disk.cut(false, taken);
            disk.steps(true).len()
        };
        for undone in 1..=undoing {
            let disk = prepared(false);
            disk.cut(false, taken);
            disk.cut(true, undone);
            // Nobody chooses anything at this boot; what was begun is ended.
            assert_eq!(disk.boot(false), Next::Reboot);
            let when = format!("cut after {taken} steps, undoing cut after {undone}");
            disk.assert_back(&before, &when);
            assert_eq!(disk.boot(false), Next::Reboot, "{when}");
        }
    }
}

#[test]
fn the_machine_is_switched_off_once() {
    let disk = prepared(true);
    assert_eq!(disk.boot(false), Next::PowerOff);
    assert_eq!(disk.boot(false), Next::Boot);
    disk.assert_taken("switched off");
}

#[test]
fn a_cut_at_any_step_of_deleting_goes_on_and_cannot_be_undone() {
    for after in 0..=remove(&record(false)).len() {
        let disk = prepared(false);
        disk.boot(false);
        let mut record = disk.record();
        for step in remove(&record).iter().take(after) {
            perform(disk.root(), &mut record, step, &disk).unwrap();
        }
        if after > 0 {
            assert!(undo(disk.root(), &disk).is_err());
        }
        assert_eq!(disk.boot(after > 0), Next::Boot, "{after}");
        finish(disk.root(), &disk).unwrap();
        let found = files(disk.root());
        assert_eq!(
            found[Path::new("boot/grub/grub.cfg")],
            FINAL_MENU,
            "{after}"
        );
        assert_eq!(
            found[Path::new("k3os/data/home/alice/notes")],
            "hers",
            "{after}"
        );
        assert!(
            !found.keys().any(|path| path.starts_with("k3os/takeover")),
            "{after}"
        );
        assert_eq!(Record::read(disk.root()).unwrap(), None, "{after}");
        assert_eq!(finish(disk.root(), &disk).unwrap(), None);
    }
}

#[test]
fn before_the_boot_undoing_only_gives_the_menu_back() {
    let disk = prepared(false);
    let before = files(disk.root());
    let record = undo(disk.root(), &disk).unwrap();
    assert_eq!(record.words(), "Debian is back; start the machine again");
    disk.assert_back(&before, "before the boot");
}

#[test]
fn a_menu_that_the_old_system_made_since_is_left_alone() {
    let disk = prepared(false);
    write(disk.root(), "boot/grub/grub.cfg", "newer");
    undo(disk.root(), &disk).unwrap();
    let menu = fs::read_to_string(disk.root().join("boot/grub/grub.cfg"));
    assert_eq!(menu.unwrap(), "newer");
}

#[test]
fn nothing_is_written_over_and_the_old_system_can_still_be_brought_back() {
    let disk = prepared(false);
    write(disk.root(), "k3os/data/home/alice/other", "ours");
    let before = files(disk.root());
    let error = at_boot(disk.root(), true, false, &disk).unwrap_err();
    assert!(error.to_string().contains("both there"), "{error}");
    assert_eq!(disk.boot(true), Next::Reboot);
    disk.assert_back(&before, "after a conflict");
}

#[test]
fn a_disk_without_a_takeover_just_boots() {
    let directory = Directory {
        directory: tempfile::tempdir().unwrap(),
        label: RefCell::default(),
    };
    assert_eq!(directory.boot(true), Next::Boot);
    assert!(undo(directory.root(), &directory).is_err());
}

#[test]
fn directories_above_what_is_kept_look_as_they_did() {
    let disk = prepared(false);
    disk.boot(false);
    let mode = |path: &str| {
        let meta = fs::metadata(disk.root().join(path)).unwrap();
        meta.permissions().mode() & 0o777
    };
    assert_eq!(mode("k3os/data/var/kept/srv"), 0o711);
    assert_eq!(mode("k3os/data/var/kept"), 0o755);
    assert_eq!(mode(OLD_ROOT), 0o700);
}
