//! The initrd: `/init`, the drivers of every usual disk and medium with their index, and the release's name.

use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result};
use system::layout::RELEASE_FILE;

use crate::arch::Arch;
use crate::archive::write_cpio;
use crate::context::{Compression, Context};
use crate::kernel::Kernel;
use crate::kernel::index::{Dependencies, decompressed, lines_for};
use crate::tree::Tree;

/// Modules by purpose. What they need comes along.
const MODULES: &[(&str, &[&str])] = &[
    (
        "virtual machines of QEMU, KVM and most clouds",
        &[
            "virtio_pci",
            "virtio_mmio",
            "virtio_blk",
            "virtio_scsi",
            "virtio_console",
            "virtio_rng",
        ],
    ),
    (
        "Hyper-V and Azure",
        &["hv_vmbus", "hv_storvsc", "pci-hyperv"],
    ),
    ("VMware", &["vmw_pvscsi", "vmw_vmci"]),
    (
        "Xen and older Amazon machines",
        &["xen-blkfront", "xen-scsifront"],
    ),
    (
        "SATA and IDE",
        &[
            "ahci",
            "ata_piix",
            "ata_generic",
            "sata_nv",
            "sata_sil",
            "sata_sil24",
            "sata_via",
            "sata_mv",
            "sata_svw",
        ],
    ),
    ("NVMe; its remapping by Intel", &["nvme", "vmd"]),
    (
        // udev would find them too, but seconds later, among everything else; DHCP can begin at once.
        "network cards of virtual machines",
        &[
            "virtio_net",
            "e1000",
            "e1000e",
            "vmxnet3",
            "hv_netvsc",
            "xen-netfront",
        ],
    ),
    (
        // For machines that fetch their release; others have an ISO or the squashfs loaded with the initrd.
        "the network cards that most machines have",
        &["igb", "igc", "r8169", "tg3"],
    ),
    (
        "SCSI and SAS controllers of servers",
        &[
            "mptsas",
            "mptspi",
            "mpt3sas",
            "megaraid_sas",
            "megaraid_mbox",
            "aacraid",
            "hpsa",
            "smartpqi",
            "arcmsr",
            "3w-9xxx",
            "isci",
            "sym53c8xx",
            "mpi3mr",
            "mvsas",
            "pm80xx",
        ],
    ),
    (
        "SD cards and eMMC",
        &["sdhci-pci", "sdhci-acpi", "mmc_block"],
    ),
    (
        "USB controllers, disks and keyboards",
        &[
            "xhci_pci",
            "ehci_pci",
            "ohci_pci",
            "uhci_hcd",
            "usb_storage",
            "uas",
            "usbhid",
            "hid_generic",
        ],
    ),
    ("keyboards at the rescue shell", &["i8042", "atkbd"]),
    (
        "disks and CD drives as such",
        &["sd_mod", "sr_mod", "cdrom"],
    ),
    (
        "file systems of the medium and the state partition",
        &[
            "ext4",
            "isofs",
            "vfat",
            "nls_cp437",
            "nls_ascii",
            "nls_utf8",
            "squashfs",
            "overlay",
            "loop",
        ],
    ),
    (
        "checksums that ext4 asks for by name",
        &["crc32c_generic", "crc32c-intel", "libcrc32c"],
    ),
    (
        // Fed from the first second on: what hangs later in the boot is ended by it. Two of them hang off a bus' driver.
        "watchdogs of PCs, servers and QEMU",
        &[
            "i6300esb",
            "iTCO_wdt",
            "lpc_ich",
            "i2c-i801",
            "sp5100_tco",
            "wdat_wdt",
            "hpwdt",
        ],
    ),
    ("encrypted and stacked disks", &["dm-mod", "dm-crypt"]),
];

/// Drivers among them that the kernel has on PCs alone.
const PC_ONLY: &[&str] = &[
    "arcmsr",
    "crc32c-intel",
    "hpwdt",
    "i2c-i801",
    "i6300esb",
    "i8042",
    "iTCO_wdt",
    "lpc_ich",
    "sp5100_tco",
    "wdat_wdt",
    "isci",
    "megaraid_mbox",
    "uhci_hcd",
    "vmd",
    "vmw_pvscsi",
    "vmw_vmci",
];
/// Drivers of ARM servers: SATA and SAS on the chip, USB without PCI, Amazon's and Huawei's network cards.
const ARM64: &[&str] = &[
    "ahci_platform",
    "ahci_xgene",
    "ena",
    "hisi_sas_v3_hw",
    "hns3",
    "sbsa_gwdt",
    "xhci_plat_hcd",
];

/// The modules of the initrd for this processor family.
fn modules(arch: Arch) -> Vec<&'static str> {
    let all = MODULES.iter().flat_map(|(_, names)| names.iter().copied());
    match arch {
        Arch::Amd64 => all.collect(),
        Arch::Arm64 => all
            .filter(|name| !PC_ONLY.contains(name))
            .chain(ARM64.iter().copied())
            .collect(),
    }
}

/// Names of busybox, for whoever has to find out at the rescue shell why a machine does not boot. Commands which init itself
/// answers (reboot, poweroff) are not among them.
const APPLETS: &[&str] = &[
    "ash",
    "awk",
    "basename",
    "cat",
    "chmod",
    "chroot",
    "clear",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "dirname",
    "dmesg",
    "du",
    "echo",
    "env",
    "false",
    "fdisk",
    "find",
    "free",
    "grep",
    "gunzip",
    "gzip",
    "head",
    "hexdump",
    "id",
    "insmod",
    "ip",
    "kill",
    "less",
    "ln",
    "losetup",
    "ls",
    "lsmod",
    "md5sum",
    "mkdir",
    "mknod",
    "modprobe",
    "more",
    "mount",
    "mv",
    "od",
    "ping",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "rm",
    "rmdir",
    "rmmod",
    "sed",
    "sh",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "strings",
    "stty",
    "switch_root",
    "sync",
    "tail",
    "tar",
    "test",
    "top",
    "touch",
    "tr",
    "true",
    "udhcpc",
    "umount",
    "uname",
    "uniq",
    "vi",
    "wc",
    "wget",
    "which",
    "xargs",
    "zcat",
];

/// What udhcpc calls with what it was given.
const DHCP_LEASE: &str = include_str!("initrd/dhcp-lease.sh");

/// Every path of the initrd. `rootfs` is the SHA-256 of the release's squashfs, by which init knows it wherever it comes from.
pub fn tree(arch: Arch, kernel: &Kernel, init: &Path, release: &str, rootfs: &str) -> Result<Tree> {
    let mut tree = Tree::default();
    for directory in ["dev", "proc", "run", "sys", "mnt"] {
        tree.dir(directory, 0o755);
    }
    tree.dir("tmp", 0o1777);
    tree.host_file("init", 0o755, init)?;
    tree.file(
        RELEASE_FILE.trim_start_matches('/'),
        0o644,
        format!("{release}\n"),
    );
    tree.file("usr/lib/k3os/rootfs.sha256", 0o644, format!("{rootfs}\n"));
    tree.file("usr/lib/k3os/dhcp-lease", 0o755, DHCP_LEASE);
    tree.host_file("bin/busybox", 0o755, &kernel.busybox())?;
    for name in APPLETS {
        tree.link(&format!("bin/{name}"), "busybox");
    }
    tree.host_file("bin/e2fsck", 0o755, &kernel.e2fsck())?;
    add_modules(&mut tree, arch, kernel)?;
    Ok(tree)
}

fn add_modules(tree: &mut Tree, arch: Arch, kernel: &Kernel) -> Result<()> {
    let directory = kernel.modules_directory();
    let read = |name: &str| {
        std::fs::read_to_string(directory.join(name))
            .with_context(|| format!("reading {name} of the kernel"))
    };
    let names = modules(arch);
    let (builtin, dependencies) = (
        read("modules.builtin")?,
        Dependencies::parse(&read("modules.dep")?),
    );
    let chosen = dependencies.closure(&names, &builtin)?;
    let target = format!("lib/modules/{}", kernel.version);
    for path in &chosen {
        let bytes =
            module(&directory.join(path)).with_context(|| format!("reading the module {path}"))?;
        tree.file(&format!("{target}/{}", decompressed(path)), 0o644, bytes);
    }
    tree.file(
        &format!("{target}/modules.dep"),
        0o644,
        dependencies.text_for(&chosen),
    );
    tree.file(
        &format!("{target}/modules.alias"),
        0o644,
        lines_for(&read("modules.alias")?, 2, &chosen),
    );
    tree.file(
        &format!("{target}/modules.softdep"),
        0o644,
        lines_for(&read("modules.softdep")?, 1, &chosen),
    );
    tree.file(&format!("{target}/modules.builtin"), 0o644, builtin);
    Ok(())
}

/// A module's bytes, decompressed: the initrd is compressed as a whole, which is smaller.
fn module(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    if path.extension().is_none_or(|ending| ending != "xz") {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    liblzma::read::XzDecoder::new(&bytes[..]).read_to_end(&mut plain)?;
    Ok(plain)
}

/// The archive as the kernel loads it.
pub fn pack(ctx: &Context, tree: &Tree) -> Result<Vec<u8>> {
    let level = if ctx.compression == Compression::Best {
        19
    } else {
        3
    };
    // The kernel's unpacker refuses windows over 8 MiB, which levels up to 19 stay within.
    let mut encoder = zstd::Encoder::new(Vec::new(), level).context("starting zstd")?;
    encoder.include_checksum(true).context("starting zstd")?;
    write_cpio(tree, ctx.epoch, &mut encoder)?;
    encoder.finish().context("compressing the initrd")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arm_lacks_the_drivers_of_pcs_alone() {
        let (pc, arm) = (modules(Arch::Amd64), modules(Arch::Arm64));
        assert!(
            PC_ONLY.iter().all(|name| pc.contains(name)),
            "a name that is in no list"
        );
        assert!(!arm.contains(&"vmd") && arm.contains(&"nvme") && arm.contains(&"hns3"));
        assert!(!pc.contains(&"hns3"));
    }
}
