//! ISOs as xorriso makes them, before and after `k3os iso`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use installer::own_iso::{OwnIso, make};
use installer::progress::Lines;
use sha2::{Digest, Sha256};

const MENU: &str = "menuentry \"live\" {\n  linux /vmlinuz k3os.mode=live quiet\n}\n";
const CONFIG_ROOM: usize = 8192;
const MENU_ROOM: usize = 4096;

/// An ISO in a directory of its own, with the tree and the options of image-build's.
struct Lab {
    directory: tempfile::TempDir,
}

impl Lab {
    /// `None`, and a message, where xorriso is not installed.
    fn new() -> Option<Self> {
        if Command::new("xorriso").arg("-version").output().is_err() {
            eprintln!("SKIPPED: xorriso is not installed");
            return None;
        }
        let lab = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let release = lab.path("tree/k3os/system/releases/v1.0.0");
        fs::create_dir_all(&release).unwrap();
        fs::create_dir_all(lab.path("tree/boot/grub")).unwrap();
        let room = |text: &str, size| format!("{text}{}", "\n".repeat(size - text.len()));
        fs::write(lab.path("tree/boot/grub/grub.cfg"), room(MENU, MENU_ROOM)).unwrap();
        fs::write(
            lab.path("tree/k3os/system/config.yaml"),
            room("# empty\n", CONFIG_ROOM),
        )
        .unwrap();
        fs::write(release.join("rootfs.squashfs"), vec![7; 100_000]).unwrap();
        let sum: String = Sha256::digest(vec![7; 100_000])
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let files = serde_json::json!({"rootfs.squashfs": {"sha256": sum, "size": 100_000}});
        let manifest = serde_json::json!({"version": "v1.0.0", "files": files});
        fs::write(release.join("manifest.json"), manifest.to_string()).unwrap();
        lab.xorriso("K3OS", &["-r", "-J", "-joliet-long"]);
        Some(lab)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn xorriso(&self, volume: &str, options: &[&str]) {
        let output = Command::new("xorriso")
            .args(["-as", "mkisofs", "-quiet", "-V", volume])
            .args(options)
            .arg("-o")
            .args([self.path("released.iso"), self.path("tree")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn wanted(&self, config: &str) -> OwnIso {
        OwnIso {
            released: self.path("released.iso"),
            output: self.path("my.iso"),
            config: Some(config.to_owned()),
            cmdline: "k3os.mode=install".into(),
            force: false,
        }
    }

    fn refusal(&self, wanted: &OwnIso) -> String {
        let error = make(wanted, &mut Lines::new(Vec::new(), false)).unwrap_err();
        format!("{error:#}")
    }

    /// A file of an ISO, as another program reads it.
    fn extracted(&self, iso: &Path, inside: &str) -> Vec<u8> {
        let target = self.path("extracted");
        let _ = fs::remove_file(&target);
        let output = Command::new("xorriso")
            .args(["-osirrox", "on", "-indev"])
            .arg(iso)
            .args(["-extract", inside])
            .arg(&target)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::read(target).unwrap()
    }
}

fn done(wanted: &OwnIso) {
    make(wanted, &mut Lines::new(Vec::new(), false)).unwrap();
}

#[test]
fn two_files_differ_and_nothing_else_and_a_second_time_gives_the_same() {
    let Some(lab) = Lab::new() else { return };
    let wanted = lab.wanted("hostname: mine\n");
    done(&wanted);
    let config = lab.extracted(&wanted.output, "/k3os/system/config.yaml");
    assert!(config.starts_with(b"hostname: mine\n") && config.len() == CONFIG_ROOM);
    let menu = lab.extracted(&wanted.output, "/boot/grub/grub.cfg");
    let menu = String::from_utf8(menu).unwrap();
    assert!(menu.contains("linux /vmlinuz k3os.mode=live quiet 'k3os.mode=install'\n"));
    let squashfs = "/k3os/system/releases/v1.0.0/rootfs.squashfs";
    assert_eq!(lab.extracted(&wanted.output, squashfs), vec![7; 100_000]);

    let (released, own) = (fs::read(&wanted.released), fs::read(&wanted.output));
    let (released, own) = (released.unwrap(), own.unwrap());
    let differing = released.iter().zip(&own).filter(|(a, b)| a != b).count();
    assert_eq!(released.len(), own.len());
    assert!(differing <= CONFIG_ROOM + MENU_ROOM, "{differing}");
    let mode = fs::metadata(&wanted.output).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it may hold secrets");
    let again = OwnIso {
        force: true,
        ..wanted
    };
    done(&again);
    assert!(fs::read(&again.output).unwrap() == own);
}

#[test]
fn an_iso_without_joliet_does_as_well() {
    let Some(lab) = Lab::new() else { return };
    lab.xorriso("K3OS", &["-r"]);
    let wanted = lab.wanted("hostname: mine\n");
    done(&wanted);
    let config = lab.extracted(&wanted.output, "/k3os/system/config.yaml");
    assert!(config.starts_with(b"hostname: mine\n"));
}

#[test]
fn what_speaks_against_it_is_told_and_leaves_no_output() {
    let Some(lab) = Lab::new() else { return };
    let wanted = lab.wanted(&"# long\n".repeat(2000));
    assert!(
        lab.refusal(&wanted)
            .contains("has 14000 bytes, and this ISO has room for 8192")
    );
    let wanted = lab.wanted("hostname: mine\n");
    let itself = OwnIso {
        output: wanted.released.clone(),
        force: true,
        ..wanted.clone()
    };
    assert!(lab.refusal(&itself).contains("is the released ISO itself"));
    assert!(!wanted.output.exists());
    fs::write(&wanted.output, "precious").unwrap();
    assert!(lab.refusal(&wanted).contains("is there already"));
    assert_eq!(fs::read(&wanted.output).unwrap(), b"precious");
    lab.xorriso("OTHER", &["-r"]);
    let forced = OwnIso {
        force: true,
        ..wanted
    };
    assert!(
        lab.refusal(&forced)
            .contains("named \"OTHER\" and not K3OS")
    );
}

#[test]
fn a_damaged_or_cut_iso_is_found_before_anything_is_written() {
    let Some(lab) = Lab::new() else { return };
    let wanted = lab.wanted("hostname: mine\n");
    let whole = fs::read(&wanted.released).unwrap();
    let at = whole
        .windows(1000)
        .position(|part| part == [7; 1000])
        .unwrap();
    let mut damaged = whole.clone();
    damaged[at + 500] = 8;
    fs::write(&wanted.released, &damaged).unwrap();
    let error = lab.refusal(&wanted);
    assert!(
        error.contains("rootfs.squashfs") && error.contains("is damaged"),
        "{error}"
    );
    fs::write(&wanted.released, &whole[..at + 500]).unwrap();
    assert!(lab.refusal(&wanted).contains("is cut short"));
    let left: Vec<_> = fs::read_dir(lab.directory.path())
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
