//! Another Linux's root on a loop device: prepared, taken over at a boot, brought back, or deleted.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{At, DISK, Disk, check_release, quiet, ready, release, run, text};
use installer::request::Request;
use installer::takeover::{Adopt, Identity, Running, open, plan};
use installer::{Facts, Plan, Selector, Settings};
use system::mount::{self, Mount};
use takeover::{Next, Phase, Record, at_boot, finish, undo};

const OLD_MENU: &str = "set default=0 # of Debian\n";

/// A disk with Debian on it, mounted as its root.
struct Debian {
    disk: Disk,
    root: PathBuf,
}

impl Debian {
    fn new() -> Self {
        let disk = Disk::new(DISK, 512);
        run(
            "mkfs.ext4",
            &["-q", "-F", "-L", "cloudimg-rootfs", text(&disk.device)],
        );
        let root = disk.directory.path().join("mnt");
        let debian = Self { disk, root };
        debian.mount();
        for (path, content) in [
            (
                "etc/os-release",
                "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n",
            ),
            ("etc/hostname", "oldbox\n"),
            (
                "etc/passwd",
                "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
            ),
            ("etc/ssh/ssh_host_ed25519_key", "host key"),
            (
                "home/alice/.ssh/authorized_keys",
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGN5cHRvZ3JhcGhpY2tleWZvcnRlc3Rpbmdvbmx5MTIz a\n",
            ),
            ("srv/db", "rows"),
            ("boot/vmlinuz", "kernel"),
            ("boot/grub/grub.cfg", OLD_MENU),
        ] {
            let path = debian.root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        debian
    }

    fn mount(&self) {
        Mount::device(&self.disk.device, &self.root, "ext4")
            .perform()
            .unwrap();
    }

    fn volume(&self) -> takeover::Disk {
        takeover::Disk {
            device: self.disk.device.clone(),
            root: self.root.clone(),
        }
    }

    /// What the initrd does.
    fn boot(&self, undo: bool) -> Next {
        mount::unmount(&self.root).unwrap();
        self.mount();
        at_boot(&self.root, true, undo, &self.volume()).unwrap()
    }

    fn plan(&self, release: &Path, keep: &[&str]) -> Plan {
        let keep: Vec<PathBuf> = keep.iter().map(PathBuf::from).collect();
        let running = Running::gather(&self.root, &keep).unwrap();
        assert_eq!(running.device.as_ref(), Ok(&self.disk.device));
        let identity = Identity::gather(&self.root);
        let request = Request {
            device: Some(Selector::Path(self.disk.device.clone())),
            no_format: true,
            takeover: true,
            ..Request::default()
        };
        let mut facts = Facts::gather(release, request.device.as_ref());
        facts
            .disks
            .retain(|disk| disk.disk.device == self.disk.device);
        let mut config = config::Config::default();
        identity.apply(Adopt::ALL, &mut config);
        let settings = Settings::of_machine(config, &[7; 12]).unwrap();
        let settings = [(PathBuf::from("k3os/system/config.yaml"), settings)];
        let adopted = (&identity, Adopt::ALL);
        plan(&request, (&running, &facts), adopted, &settings).expect("a plan")
    }

    fn take_over(&self, release: &Path) {
        let plan = self.plan(release, &["/home/alice", "/srv/db"]);
        installer::execute(&plan, &self.scratch(), &mut quiet()).unwrap();
    }

    fn scratch(&self) -> PathBuf {
        self.disk.directory.path().join("scratch")
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_default()
    }

    fn label(&self) -> String {
        run("e2label", &[text(&self.disk.device)]).trim().to_owned()
    }

    fn assert_is_debian(&self) {
        assert_eq!(self.read("boot/grub/grub.cfg"), OLD_MENU);
        assert_eq!(self.read("boot/vmlinuz"), "kernel");
        assert_eq!(self.read("srv/db"), "rows");
        assert!(
            self.read("home/alice/.ssh/authorized_keys")
                .starts_with("ssh-ed25519")
        );
        assert!(!self.root.join("boot/grub/grubenv").exists());
        assert!(!self.root.join(takeover::OLD_ROOT).exists());
        assert_eq!(self.label(), "cloudimg-rootfs");
        let record = Record::read(&self.root).unwrap().unwrap();
        assert_eq!(record.phase, Phase::Undone);
    }
}

#[test]
fn a_system_is_prepared_taken_over_and_deleted() {
    if !ready() {
        return;
    }
    let (debian, release) = (Debian::new(), release("v1.0.0"));
    debian.take_over(release.path());
    check_release(&debian.root.join("k3os/system/releases/v1.0.0"));
    let menu = debian.read("boot/grub/grub.cfg");
    let uuid = system::ext4::uuid(&debian.disk.device).unwrap();
    assert!(menu.contains(&format!("k3os.takeover={uuid}")), "{menu}");
    assert!(
        menu.contains("Bring back Debian GNU/Linux 13 (trixie)"),
        "{menu}"
    );
    let config = debian.read("k3os/system/config.yaml");
    assert!(
        config.contains("hostname: oldbox") && config.contains("ssh-ed25519"),
        "{config}"
    );
    assert_eq!(debian.label(), "cloudimg-rootfs");

    assert_eq!(debian.boot(false), Next::Boot);
    assert_eq!(debian.label(), "K3OS_STATE");
    assert_eq!(debian.read("k3os/takeover/old-root/boot/vmlinuz"), "kernel");
    assert_eq!(debian.read("k3os/data/var/kept/srv/db"), "rows");
    assert!(debian.root.join("k3os/data/home/alice/.ssh").is_dir());
    let host_key = "k3os/data/var/lib/rancher/k3os/ssh/ssh_host_ed25519_key";
    assert_eq!(debian.read(host_key), "host key");

    let record = finish(&debian.root, &debian.volume()).unwrap().unwrap();
    assert_eq!(record.version, "v1.0.0");
    assert!(!debian.root.join(takeover::DIRECTORY).exists());
    assert!(
        debian
            .read("boot/grub/grub.cfg")
            .contains("--label K3OS_STATE")
    );
    assert!(debian.read("boot/grub/grubenv").contains("current=v1.0.0"));
    let left: Vec<_> = fs::read_dir(&debian.root)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
    mount::unmount(&debian.root).unwrap();
    run("e2fsck", &["-fn", text(&debian.disk.device)]);
}

#[test]
fn it_is_brought_back_before_and_after_the_boot_and_can_be_taken_over_again() {
    if !ready() {
        return;
    }
    let (debian, release) = (Debian::new(), release("v1.0.0"));
    debian.take_over(release.path());
    undo(&debian.root, &debian.volume()).unwrap();
    debian.assert_is_debian();

    debian.take_over(release.path());
    assert_eq!(debian.boot(false), Next::Boot);
    assert_eq!(debian.boot(true), Next::Reboot);
    debian.assert_is_debian();

    debian.take_over(release.path());
    assert_eq!(debian.boot(false), Next::Boot);
    undo(&debian.root, &debian.volume()).unwrap();
    debian.assert_is_debian();
}

#[test]
fn a_release_that_is_damaged_on_the_way_changes_nothing_of_the_boot() {
    if !ready() {
        return;
    }
    let (debian, release) = (Debian::new(), release("v1.0.0"));
    let squashfs = release.path().join("rootfs.squashfs");
    let plan = debian.plan(release.path(), &[]);
    let mut breaking = At("copying", || {
        fs::write(&squashfs, vec![1; 5_000_001]).unwrap()
    });
    let error = installer::execute(&plan, &debian.scratch(), &mut breaking).unwrap_err();
    assert!(
        format!("{error:#}").contains("reading 6.2 MB back"),
        "{error:#}"
    );
    assert_eq!(debian.read("boot/grub/grub.cfg"), OLD_MENU);
    assert_eq!(Record::read(&debian.root).unwrap(), None);
}

#[test]
fn the_release_is_found_in_an_iso() {
    if !ready() || !Path::new("/usr/bin/xorriso").exists() {
        eprintln!("SKIPPED: an ISO needs root and xorriso");
        return;
    }
    let (directory, release) = (tempfile::tempdir().unwrap(), release("v1.0.0"));
    let iso = directory.path().join("k3os.iso");
    run(
        "xorriso",
        &[
            "-outdev",
            text(&iso),
            "-volid",
            "K3OS",
            "-map",
            text(release.path()),
            "/k3os/system/releases/v1.0.0",
        ],
    );
    let medium = match open(text(&iso), directory.path()) {
        Ok(medium) => medium,
        Err(error) if format!("{error:#}").contains("ENODEV") => {
            eprintln!("SKIPPED: this kernel has no iso9660");
            return;
        }
        Err(error) => panic!("{error:#}"),
    };
    check_release(&medium.release);
    drop(medium);
    assert!(!directory.path().join("medium/k3os").exists());
}
