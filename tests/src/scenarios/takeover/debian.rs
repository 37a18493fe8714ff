//! A Debian of its own on a disk, as somebody may have it: its kernel, its GRUB, one partition with an MBR.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use image_build::cache::{Cache, Key};
use image_build::packages::SUITE;
use image_build::progress::Progress;
use image_build::{run, sources};

use crate::machine::Boot;
use crate::mmdebstrap::Root;
use crate::tool::{self, text};

/// The step's name in the cache.
const STEP: &str = "takeover";
const ARCHIVE: &str = "root.tar";
const PACKAGES: [&str; 9] = [
    "systemd-sysv",
    "dbus",
    "udev",
    "linux-image-amd64",
    "initramfs-tools",
    "grub-pc",
    "openssh-server",
    "sudo",
    "iproute2",
];
/// The user of the tests, a machine of a name, an address by DHCP, and a console.
const HOOK: &str = r#"chroot "$1" useradd --create-home --shell /bin/bash rancher
echo 'rancher ALL=(ALL) NOPASSWD: ALL' > "$1/etc/sudoers.d/rancher"
echo olddebian > "$1/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 olddebian\n' > "$1/etc/hosts"
printf '[Match]\nType=ether\n[Network]\nDHCP=yes\n' > "$1/etc/systemd/network/dhcp.network"
chroot "$1" systemctl enable systemd-networkd
echo 'GRUB_CMDLINE_LINUX="console=ttyS0"' >> "$1/etc/default/grub"
mkdir -p "$1/srv/db" && echo rows > "$1/srv/db/table"
echo 'UUID=@UUID@ / ext4 defaults 0 1' > "$1/etc/fstab""#;
/// Where the partition begins, bytes.
pub const START: u64 = 1 << 20;
/// Bytes of the disk.
const SIZE: u64 = 6 << 30;
/// The file system's UUID.
pub const UUID: &str = "6b336f73-0000-4000-8000-7461b0e40e01";
/// Arguments: archive, scratch directory, disk, key, UUID, KiB of the partition.
const SCRIPT: &str = r#"mkdir "$2"
tar -C "$2" --numeric-owner --exclude='./dev/*' -xpf "$1"
sed -i "s/@UUID@/$5/" "$2/etc/fstab"
mkdir -p "$2/home/rancher/.ssh"
echo "$4" > "$2/home/rancher/.ssh/authorized_keys"
chown -R 1000:1000 "$2/home/rancher/.ssh"
mke2fs -q -F -t ext4 -U "$5" -L olddebian -E offset=1048576 -d "$2" "$3" "$6k""#;

/// Debian's root in the cache.
#[derive(Clone, Debug)]
pub struct Debian {
    directory: PathBuf,
}

impl Debian {
    /// The kept one, or a new one.
    pub fn prepare() -> Result<Self> {
        let packages = PACKAGES.join(",");
        let key = Key::new(STEP)
            .with(SUITE)
            .with(&packages)
            .with(HOOK)
            .with(sources::chosen_mirror().unwrap_or_default());
        let progress = Progress::new();
        let directory = Cache::open()?
            .step(&progress, STEP, key, |directory| {
                progress.say(STEP, "making a Debian to be taken over");
                run::run(&progress, STEP, &mut command(&packages, directory)?).map(drop)
            })
            .context("making a Debian to be taken over")?;
        Ok(Self { directory })
    }

    /// Its own kernel and initrd, until its GRUB is there.
    pub fn boot(&self) -> Result<Boot> {
        Ok(Boot::Direct {
            kernel: self.find("vmlinuz-")?,
            initrd: self.find("initrd.img-")?,
        })
    }

    fn find(&self, prefix: &str) -> Result<PathBuf> {
        let boot = self.directory.join("boot");
        let entries = fs::read_dir(&boot).with_context(|| format!("reading {}", boot.display()))?;
        let mut paths = entries.flatten().map(|entry| entry.path());
        let fits = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(prefix)
        };
        paths
            .find(fits)
            .with_context(|| format!("looking for {prefix} in {}", boot.display()))
    }

    /// Makes its disk, which lets `key` in.
    pub fn disk(&self, key: &str, disk: &Path, scratch: &Path) -> Result<()> {
        let making = || format!("making {}", disk.display());
        let file = File::create(disk).with_context(making)?;
        file.set_len(SIZE).with_context(making)?;
        let words = [
            text(&self.directory.join(ARCHIVE)),
            text(scratch),
            text(disk),
            key.to_owned(),
            UUID.to_owned(),
            ((SIZE - START) >> 10).to_string(),
        ];
        let script = ["sh", "-euc", SCRIPT, "sh"].map(str::to_owned);
        tool::run("fakeroot", script.into_iter().chain(words)).with_context(making)?;
        file.write_all_at(&mbr(), 446).with_context(making)?;
        tool::run("rm", ["-rf".to_owned(), text(scratch)]).map(drop)
    }
}

/// The table of an MBR: one partition for Linux, and the signature.
fn mbr() -> [u8; 66] {
    let mut table = [0; 66];
    let sector = |bytes: u64| u32::try_from(bytes / 512).unwrap_or(u32::MAX).to_le_bytes();
    // Active; the two addresses in cylinders say that they do not fit.
    table[..8].copy_from_slice(&[0x80, 0xfe, 0xff, 0xff, 0x83, 0xfe, 0xff, 0xff]);
    table[8..12].copy_from_slice(&sector(START));
    table[12..16].copy_from_slice(&sector(SIZE - START));
    table[64..].copy_from_slice(&[0x55, 0xaa]);
    table
}

fn command(packages: &str, directory: &Path) -> Result<Command> {
    let copy = format!("copy-out /boot {}", directory.display());
    let root = Root {
        options: vec!["--variant=minbase".to_owned()],
        packages: packages.to_owned(),
        hooks: vec![HOOK.to_owned(), copy],
    };
    root.command(&directory.join(ARCHIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_partition_to_the_end() {
        let table = mbr();
        assert_eq!(table[8..12], 2048_u32.to_le_bytes());
        let sectors = u32::from_le_bytes([table[12], table[13], table[14], table[15]]);
        assert_eq!(u64::from(sectors) * 512 + START, SIZE);
        assert_eq!(table[64..], [0x55, 0xaa]);
    }
}
