//! A disk of k3OS 0.2x: this release is put onto it, and what its owner has stays.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::{DISK, Disk, check_release, facts, quiet, ready, release, run, settings, text};
use installer::grub::Environment;
use installer::request::Request;
use installer::{Selector, plan};

const OLD_MENU: &str = "set default=0\nset timeout=10\nmenuentry \"k3OS Current\" {\n  search.fs_label K3OS_STATE root\n}\n";

/// What k3OS 0.2x has on its one partition, as far as it matters here (spec: its disk mode and its installer).
const FILES: [(&str, &str); 16] = [
    ("boot/grub/grub.cfg", OLD_MENU),
    ("boot/grub/i386-pc/normal.mod", "module"),
    (
        "k3os/system/config.yaml",
        "hostname: oldnode\nk3os:\n  token: secret\n",
    ),
    ("k3os/system/growpart", "/dev/vda 1\n"),
    ("k3os/system/k3os/v0.21.5/k3os", "program"),
    ("k3os/system/k3s/v1.21.5+k3s2/k3s", "program"),
    (
        "k3os/system/kernel/5.4.0-88-generic/kernel.squashfs",
        "kernel",
    ),
    ("k3os/system/kernel/5.4.0-88-generic/initrd", "initrd"),
    (
        "k3os/data/home/rancher/.ssh/authorized_keys",
        "ssh-rsa AAAA me\n",
    ),
    ("k3os/data/opt/tool", "mine"),
    ("k3os/data/root/notes", "mine"),
    ("k3os/data/var/lib/rancher/k3os/hostname", "oldnode\n"),
    (
        "k3os/data/var/lib/rancher/k3os/ssh/ssh_host_ed25519_key",
        "host key",
    ),
    (
        "k3os/data/var/lib/rancher/k3os/node/password",
        "node password",
    ),
    (
        "k3os/data/var/lib/rancher/k3s/server/db/state.db",
        "the cluster",
    ),
    (
        "k3os/data/var/lib/rancher/k3s/server/tls/server-ca.crt",
        "certificate",
    ),
];

fn make(disk: &Disk) {
    run(
        "mkfs.ext4",
        &["-q", "-F", "-L", "K3OS_STATE", text(&disk.device)],
    );
    look(disk, |root| {
        for (path, content) in FILES {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::create_dir_all(root.join("sbin")).unwrap();
        symlink("../k3os/system/k3os/current/k3os", root.join("sbin/init")).unwrap();
        symlink("v0.21.5", root.join("k3os/system/k3os/current")).unwrap();
        symlink("/run", root.join("k3os/data/var/run")).unwrap();
    });
}

fn look<T>(disk: &Disk, look: impl FnOnce(&Path) -> T) -> T {
    let at = disk.directory.path().join("mnt");
    system::mount::Mount::device(&disk.device, &at, "ext4")
        .perform()
        .unwrap();
    let seen = look(&at);
    system::mount::unmount(&at).unwrap();
    seen
}

#[test]
fn configuration_data_and_cluster_stay_and_this_release_boots() {
    if !ready() {
        return;
    }
    let (disk, release) = (Disk::new(DISK, 512), release("v1.0.0"));
    make(&disk);
    let request = Request {
        device: Some(Selector::Path(disk.device.clone())),
        no_format: true,
        ..Request::default()
    };
    let plan = plan(&request, &facts(&disk, release.path()), &settings()).expect("a plan");
    installer::execute(&plan, &disk.directory.path().join("scratch"), &mut quiet()).unwrap();

    look(&disk, |root| {
        let changed: BTreeMap<&str, String> = FILES
            .iter()
            .map(|(path, before)| (*path, *before, fs::read_to_string(root.join(path)).unwrap()))
            .filter(|(_, before, now)| before != now)
            .map(|(path, _, now)| (path, now))
            .collect();
        let changed_paths: Vec<&&str> = changed.keys().collect();
        assert_eq!(changed_paths, [&"boot/grub/grub.cfg"]);
        assert!(changed["boot/grub/grub.cfg"].contains("/k3os/system/releases/${release}/vmlinuz"));
        check_release(&root.join("k3os/system/releases/v1.0.0"));
        let environment = fs::read(root.join("boot/grub/grubenv")).unwrap();
        assert_eq!(
            Environment::parse(&environment).get("current"),
            Some("v1.0.0")
        );
        // Its own menu is offered by ours.
        let before = fs::read_to_string(root.join("boot/grub/before.cfg")).unwrap();
        assert_eq!(before, OLD_MENU);
        assert!(changed["boot/grub/grub.cfg"].contains("configfile /boot/grub/before.cfg"));
    });
}
