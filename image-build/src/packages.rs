//! The Debian packages of the image, each with its reason. What they depend on comes along.

/// A package and why the image needs it.
pub struct Package {
    /// Its name in Debian.
    pub name: &'static str,
    /// Why it is there, in a few words.
    pub reason: &'static str,
}

const fn package(name: &'static str, reason: &'static str) -> Package {
    Package { name, reason }
}

/// The Debian release that the userland and the kernel come from.
pub const SUITE: &str = "trixie";

/// What the running system is made of.
pub const USERLAND: &[Package] = &[
    package(
        "base-files",
        "the directory layout and /etc/profile's defaults",
    ),
    package(
        "base-passwd",
        "passwd.master and group.master, the system accounts",
    ),
    package("bash", "login shell, as in k3OS"),
    package(
        "ca-certificates",
        "curl, image pulls and remote configuration over https",
    ),
    package(
        "connman",
        "addresses by DHCP, WiFi and DNS; configured by the connman section",
    ),
    package(
        "conntrack",
        "kubelet and kube-proxy call it to drop stale connections",
    ),
    package("coreutils", "everybody"),
    package("cryptsetup-bin", "encrypted data disks"),
    package("curl", "users' scripts and health checks"),
    package("dash", "/bin/sh"),
    package("dbus-daemon", "connman and iwd are reached over D-Bus"),
    package("debianutils", "run-parts, which /etc/profile uses"),
    package("diffutils", "users at the console"),
    package("dosfstools", "the installer makes the EFI system partition"),
    package("e2fsprogs", "mkfs, fsck and resize of the state partition"),
    package("ethtool", "the kubelet's network plugins set up offloads"),
    package("fdisk", "looking at and preparing disks"),
    package("findutils", "users at the console"),
    package("grep", "everybody"),
    package("gzip", "users at the console"),
    package("hostname", "users' scripts"),
    package(
        "iproute2",
        "addresses, routes; kubelet's and CNI plugins' checks",
    ),
    package(
        "iptables",
        "host ports of plugins and charts which still speak iptables",
    ),
    package("iputils-ping", "finding faults in a network"),
    package("iwd", "WiFi, driven by connman"),
    package(
        "kmod",
        "modprobe, for the kernel's, udev's and kube-proxy's requests",
    ),
    package("less", "pager"),
    package("libc-bin", "getent and ldd, for whoever looks for a fault"),
    package(
        "libnss-myhostname",
        "the own host name resolves without a line in /etc/hosts",
    ),
    package("libpam-modules", "login, sudo and sshd"),
    package("libpam-runtime", "the texts of PAM's common files"),
    package("login", "getty starts it"),
    package("login.defs", "password ageing and user id ranges"),
    package("mawk", "users' scripts"),
    package(
        "mount",
        "mount and umount with every option, which the kubelet calls",
    ),
    package("ncurses-base", "descriptions of the usual terminals"),
    package("ncurses-bin", "reset, tput, clear"),
    package("nftables", "the packet filter that kube-proxy programs"),
    package(
        "openssh-client",
        "ssh-keygen for host keys; ssh and scp for users",
    ),
    package("openssh-server", "logging in over the network"),
    package("openssh-sftp-server", "scp into the machine"),
    package("passwd", "chpasswd and usermod, for users and passwords"),
    package("procps", "ps, top, sysctl"),
    package("runc", "starts the containers"),
    package("sed", "everybody"),
    package("socat", "port-forward of some runtimes, and finding faults"),
    package("sudo", "root for the user rancher"),
    package(
        "systemd-standalone-sysusers",
        "fulfils a dependency of udev and sshd without systemd",
    ),
    package("tar", "kubectl cp, users"),
    package(
        "tzdata",
        "time zones, also for what runs in pods with the host's",
    ),
    package("udev", "device names, permissions and module loading"),
    package(
        "util-linux",
        "agetty, blkid, lsblk, losetup, nsenter, unshare",
    ),
    package("vim-tiny", "editing files at the console"),
    package("wireless-regdb", "WiFi's legal limits by country"),
    package("xz-utils", "users at the console; kernel modules by hand"),
    package("zstd", "users at the console"),
];

/// The kernel, by the name of its package, and what else the initrd holds.
pub fn kernel(name: &'static str) -> Vec<Package> {
    vec![
        package("busybox-static", "the rescue shell of the initrd"),
        package(
            "e2fsck-static",
            "repairs the state partition before it is mounted",
        ),
        package(name, "Debian's signed kernel with its modules"),
    ]
}

/// Those of [`kernel`] of which programs get into the initrd.
pub const INITRD_PROGRAMS: [&str; 2] = ["busybox-static", "e2fsck-static"];

/// What runs on the build machine: fetched as well, so that the host's versions do not matter.
pub const TOOLS: &[Package] = &[
    package("grub-common", "grub-mkrescue and grub-mkimage"),
    package("grub-efi-amd64-bin", "GRUB for UEFI"),
    package("grub-pc-bin", "GRUB for BIOS"),
    package("kmod", "depmod"),
    package("liblzma5", "depmod reads .ko.xz"),
    package("libzstd1", "depmod loads it"),
    package("mtools", "grub-mkrescue writes the EFI boot image with it"),
    package("squashfs-tools", "mksquashfs"),
    package("xorriso", "grub-mkrescue writes the ISO with it"),
];

/// GRUB for a foreign processor. Its modules are data to the build machine's grub-mkimage.
pub const FOREIGN_GRUB: &[Package] = &[package("grub-efi-arm64-bin", "GRUB for UEFI on ARM")];

/// Tools of which code gets into the image.
pub const BOOT_CODE: &[&str] = &["grub-efi-amd64-bin", "grub-efi-arm64-bin", "grub-pc-bin"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_stands_once_in_order_with_a_reason() {
        for list in [USERLAND, TOOLS] {
            assert!(
                list.windows(2).all(|pair| pair[0].name < pair[1].name),
                "sorted, without doubles"
            );
            assert!(list.iter().all(|package| package.reason.len() > 3));
        }
    }

    #[test]
    fn systemd_stays_out() {
        assert!(
            USERLAND
                .iter()
                .any(|package| package.name == "systemd-standalone-sysusers")
        );
        assert!(USERLAND.iter().all(|package| package.name != "systemd"));
    }
}
