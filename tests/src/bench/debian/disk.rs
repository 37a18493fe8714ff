//! The reference's disk: Debian's root, our Kubernetes and what makes it start, as an ext4 file system on a whole disk.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::root::Root;
use crate::bench::k3os::pod;
use crate::bench::subject::{DISK_MIB, MANIFEST};
use crate::release::Release;
use crate::tool::{self, text};

/// Our Kubernetes, as paths below /usr.
const KUBERNETES: [&str; 9] = [
    "bin/k3s",
    "bin/kubectl",
    "bin/crictl",
    "bin/ctr",
    "lib/k3os/release",
    "libexec/k3os",
    "libexec/cni",
    "share/k3os/images",
    "share/rancher",
];
/// Settings that both systems have, as paths below our /usr/etc and below /etc.
const SETTINGS: [&str; 2] = ["sysctl.d/50-k3os.conf", "connman/main.conf"];

/// Files of the reference alone: path below /, mode, content.
const FILES: [(&str, u32, &str); 9] = [
    ("etc/fstab", 0o644, "/dev/vda / ext4 defaults 0 1\n"),
    ("etc/hostname", 0o644, "debian\n"),
    (
        "etc/hosts",
        0o644,
        "127.0.0.1 localhost\n127.0.1.1 debian\n::1 localhost\n",
    ),
    // Without it systemd takes each boot for the first one.
    (
        "etc/machine-id",
        0o444,
        "6b336f7362656e63680000000000000a\n",
    ),
    (
        "etc/sudoers.d/rancher",
        0o440,
        "rancher ALL=(ALL) NOPASSWD: ALL\n",
    ),
    (
        "etc/ssh/sshd_config.d/bench.conf",
        0o644,
        "AuthorizedKeysCommand /usr/local/sbin/keys-of-cmdline\nAuthorizedKeysCommandUser nobody\n",
    ),
    (
        "usr/local/sbin/keys-of-cmdline",
        0o755,
        "#!/bin/sh\n# The key stands where k3OS takes it from, too.\n\
         exec sed -n 's/.*ssh_authorized_keys=\"\\([^\"]*\\)\".*/\\1/p' /proc/cmdline\n",
    ),
    // Newer than /usr: else systemd does at this boot what a package's installation has done already (ldconfig, hwdb, …).
    ("etc/.updated", 0o644, ""),
    ("var/.updated", 0o644, ""),
];
/// As ours: DNS servers are written to the file that /etc/resolv.conf is a link to.
const CONNMAN: (&str, &str) = (
    "etc/systemd/system/connman.service.d/bench.conf",
    "[Service]\nExecStart=\nExecStart=/usr/sbin/connmand -n --nodnsproxy\n",
);
const RESOLV_LINK: (&str, &str) = ("etc/resolv.conf", "/run/connman/resolv.conf");
const KUBERNETES_LINK: (&str, &str) = (
    "etc/systemd/system/default.target.wants/k3s.service",
    "/etc/systemd/system/k3s.service",
);

/// A card's size, a power of two.
const CARD_MIB: u64 = 8192;
/// Where a board's owner puts the configuration.
const CONFIG: &str = "var/lib/rancher/k3os/config.yaml";

/// Arguments: Debian's archive, our files, scratch directory, disk, a release's archive (or none) that is unpacked over it all. Files of whoever runs this belong to root, as fakeroot tells.
const SCRIPT: &str = r#"mkdir "$3"
tar -C "$3" --numeric-owner --exclude='./dev/*' -xpf "$1"
cp -a --remove-destination "$2/." "$3"
test -z "$5" || tar -C "$3" --strip-components=1 -xzpf "$5"
mke2fs -q -F -t ext4 -d "$3" "$4""#;

/// Makes the disk in `dir`.
pub fn make(release: &Release, root: &Root, unit: &str, dir: &Path) -> Result<PathBuf> {
    let ours = dir.join("debian.files");
    write_files(&ours, release, unit)?;
    assemble(root, &ours, None, dir)
}

/// The same without our Kubernetes: a Debian as anybody has it, with the tests' user.
pub fn make_plain(root: &Root, dir: &Path) -> Result<PathBuf> {
    let ours = dir.join("debian.files");
    write_settings(&ours)?;
    assemble(root, &ours, None, dir)
}

/// The same on a card, after a release from `archive` with its configuration was unpacked over it.
pub fn make_card(root: &Root, archive: &Path, config: &str, dir: &Path) -> Result<PathBuf> {
    let ours = dir.join("debian.files");
    write_settings(&ours)?;
    write(&ours.join(CONFIG), 0o600, config)?;
    let card = assemble(root, &ours, Some(archive), dir)?;
    grow(&card, CARD_MIB)?;
    Ok(card)
}

fn grow(disk: &Path, mib: u64) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(disk);
    file.and_then(|file| file.set_len(mib << 20))
        .with_context(|| format!("growing {}", disk.display()))
}

/// Lays our files over Debian's, and a release's over both.
fn assemble(root: &Root, ours: &Path, release: Option<&Path>, dir: &Path) -> Result<PathBuf> {
    let (scratch, disk) = (dir.join("debian.root"), dir.join("debian.disk"));
    grow(&disk, DISK_MIB)?;
    let paths = [root.archive().as_path(), ours, &scratch, &disk].map(text);
    let script = ["sh", "-euc", SCRIPT, "sh"].map(str::to_owned);
    let release = release.map(text).unwrap_or_default();
    let words = script.into_iter().chain(paths).chain([release]);
    tool::run("fakeroot", words).context("making the reference's disk")?;
    tool::run("rm", ["-rf".to_owned(), text(ours), text(&scratch)])?;
    Ok(disk)
}

/// What is laid over Debian's root.
fn write_files(to: &Path, release: &Release, unit: &str) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    let usr = to.join("usr");
    from_squashfs(&release.dir().join("rootfs.squashfs"), &usr)?;
    for name in SETTINGS {
        rename(&usr.join("etc").join(name), &to.join("etc").join(name))?;
    }
    fs::remove_dir_all(usr.join("etc")).context("removing the template of /etc")?;
    write_settings(to)?;
    write(&to.join("etc/systemd/system/k3s.service"), 0o644, unit)?;
    let manifest = to.join("var").join(MANIFEST);
    write(&manifest, 0o644, &pod(&release.version))?;
    let (path, target) = KUBERNETES_LINK;
    link(&to.join(path), target)
}

/// What makes Debian a machine of the tests.
fn write_settings(to: &Path) -> Result<()> {
    for (path, mode, content) in FILES {
        write(&to.join(path), mode, content)?;
    }
    write(&to.join(CONNMAN.0), 0o644, CONNMAN.1)?;
    let (path, target) = RESOLV_LINK;
    link(&to.join(path), target)
}

fn from_squashfs(squashfs: &Path, usr: &Path) -> Result<()> {
    let settings = SETTINGS.map(|name| format!("etc/{name}"));
    let wanted = KUBERNETES.map(str::to_owned).into_iter().chain(settings);
    let options = ["-no-progress", "-no-xattrs", "-d"].map(str::to_owned);
    let places = [text(usr), text(squashfs)];
    tool::run(
        "unsquashfs",
        options.into_iter().chain(places).chain(wanted),
    )
    .context("taking Kubernetes out of the release")
    .map(drop)
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    parents(to)?;
    fs::rename(from, to).with_context(|| format!("moving {}", from.display()))
}

fn write(path: &Path, mode: u32, content: &str) -> Result<()> {
    parents(path)?;
    let writing = || format!("writing {}", path.display());
    fs::write(path, content).with_context(writing)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).with_context(writing)
}

fn link(path: &Path, target: &str) -> Result<()> {
    parents(path)?;
    symlink(target, path).with_context(|| format!("linking {}", path.display()))
}

fn parents(path: &Path) -> Result<()> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_read_from_the_command_line() {
        let (_, _, script) = FILES[6];
        let dir = tempfile::tempdir().unwrap();
        let cmdline = dir.path().join("cmdline");
        fs::write(
            &cmdline,
            "console=ttyS0 ssh_authorized_keys=\"ssh-ed25519 AAAA x\" rw\n",
        )
        .unwrap();
        let path = dir.path().join("keys");
        write(
            &path,
            0o755,
            &script.replace("/proc/cmdline", &text(&cmdline)),
        )
        .unwrap();
        let keys = tool::run("sh", [text(&path)]).unwrap();
        assert_eq!(keys, "ssh-ed25519 AAAA x\n");
    }

    #[test]
    fn links_and_files_get_their_directories() {
        let dir = tempfile::tempdir().unwrap();
        let (path, target) = KUBERNETES_LINK;
        link(&dir.path().join(path), target).unwrap();
        write(&dir.path().join(CONNMAN.0), 0o644, CONNMAN.1).unwrap();
        assert_eq!(
            fs::read_link(dir.path().join(path)).unwrap(),
            Path::new(target)
        );
    }
}
