//! The table. Sources: what our own programs call; the documentation of the kubelet, containerd and the CNI plugins; the check
//! lists that k3s (`k3s check-config`) and k0s (`k0s sysinfo`) publish.

/// How an option must be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// In the kernel image: needed before a module could be loaded, or not available as one.
    BuiltIn,
    /// In the image or as a module.
    Any,
}

/// What happens without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The system, or a pod, does not run.
    Required,
    /// A feature that some users want does not work.
    Recommended,
}

impl Need {
    /// As a participle, for sentences.
    pub fn word(self) -> &'static str {
        match self {
            Need::Required => "required",
            Need::Recommended => "recommended",
        }
    }
}

/// Who needs an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// PID 1, in the initrd and after.
    Init,
    /// udev, dbus, connman, sshd and other services.
    Services,
    /// kubelet, containerd and runc.
    Kubelet,
    /// kube-proxy and the CNI plugins.
    Network,
    /// Volumes, disks and their encryption.
    Storage,
    /// What isolates containers and users from one another.
    Security,
    /// Some of the machines that our own kernel is for; a board's kernel is for that board.
    Hardware,
}

impl User {
    /// As it stands in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            User::Init => "init",
            User::Services => "services",
            User::Kubelet => "kubelet",
            User::Network => "network",
            User::Storage => "storage",
            User::Security => "security",
            User::Hardware => "hardware",
        }
    }
}

/// One option.
#[derive(Debug)]
pub struct Option {
    /// Without `CONFIG_`.
    pub name: &'static str,
    /// How it must be set.
    pub value: Value,
    /// How bad its absence is.
    pub need: Need,
    /// Who needs it.
    pub user: User,
    /// What for.
    pub reason: &'static str,
}

const fn builtin(user: User, name: &'static str, reason: &'static str) -> Option {
    Option {
        name,
        value: Value::BuiltIn,
        need: Need::Required,
        user,
        reason,
    }
}

const fn any(user: User, name: &'static str, reason: &'static str) -> Option {
    Option {
        name,
        value: Value::Any,
        need: Need::Required,
        user,
        reason,
    }
}

const fn nice(user: User, name: &'static str, reason: &'static str) -> Option {
    Option {
        name,
        value: Value::Any,
        need: Need::Recommended,
        user,
        reason,
    }
}

use User::{Hardware, Init, Kubelet, Network, Security, Services, Storage};

/// Every option, by who needs it.
pub const OPTIONS: &[Option] = &[
    builtin(
        Init,
        "BLK_DEV_INITRD",
        "the kernel starts /init from the initrd",
    ),
    builtin(Init, "RD_ZSTD", "the initrd is compressed with zstd"),
    builtin(Init, "BINFMT_ELF", "programs are ELF files"),
    builtin(
        Init,
        "BINFMT_SCRIPT",
        "run_cmd and health checks are scripts",
    ),
    builtin(Init, "DEVTMPFS", "/dev"),
    builtin(Init, "PROC_FS", "/proc"),
    builtin(Init, "SYSFS", "/sys, where drivers and disks are found"),
    builtin(Init, "TMPFS", "/etc and /run, and everything in live mode"),
    builtin(Init, "MODULES", "drivers are loaded by modalias"),
    any(Init, "BLK_DEV_LOOP", "the squashfs is mounted from a file"),
    any(Init, "SQUASHFS", "/usr is a squashfs"),
    builtin(Init, "SQUASHFS_ZSTD", "/usr is compressed with zstd"),
    any(Init, "EXT4_FS", "the state partition is ext4"),
    any(
        Init,
        "ISO9660_FS",
        "the live medium is an ISO 9660 file system",
    ),
    any(Init, "VFAT_FS", "the EFI system partition is FAT"),
    any(
        Init,
        "OVERLAY_FS",
        "takeover and containers lay file systems over one another",
    ),
    builtin(
        Init,
        "UNIX",
        "sockets between PID 1, its services and its commands",
    ),
    builtin(Init, "NET", "uevents come by netlink"),
    builtin(
        Init,
        "SIGNALFD",
        "PID 1 waits for signals and sockets at once",
    ),
    builtin(Init, "EPOLL", "PID 1 waits for signals and sockets at once"),
    builtin(Init, "TIMERFD", "timeouts of services"),
    builtin(
        Init,
        "EVENTFD",
        "wake-ups between threads of Go and Rust programs",
    ),
    builtin(Init, "INOTIFY_USER", "waiting for files that services make"),
    builtin(Init, "FHANDLE", "the identity of mounts and cgroups"),
    builtin(Init, "PRINTK", "messages of the boot"),
    builtin(Init, "TTY", "consoles"),
    builtin(Init, "UNIX98_PTYS", "terminals of ssh and of kubectl exec"),
    builtin(
        Init,
        "MAGIC_SYSRQ",
        "the last way out of a machine that hangs",
    ),
    nice(Hardware, "EFIVAR_FS", "boot entries of the firmware"),
    nice(Hardware, "SERIAL_8250_CONSOLE", "the serial console"),
    nice(
        Hardware,
        "VIRTIO_PCI",
        "disks and networks of virtual machines",
    ),
    nice(Hardware, "VIRTIO_BLK", "disks of virtual machines"),
    nice(Hardware, "SCSI_VIRTIO", "disks of virtual machines"),
    nice(Hardware, "BLK_DEV_NVME", "NVMe disks"),
    nice(Hardware, "SATA_AHCI", "SATA disks"),
    nice(Hardware, "USB_STORAGE", "USB disks and sticks"),
    nice(Hardware, "HYPERV_STORAGE", "disks of Hyper-V and Azure"),
    nice(Hardware, "VMWARE_PVSCSI", "disks of VMware"),
    nice(Hardware, "XEN_BLKDEV_FRONTEND", "disks of Xen"),
    builtin(Services, "FUTEX", "every program with threads"),
    builtin(
        Services,
        "ADVISE_SYSCALLS",
        "the C library's and Go's memory management",
    ),
    builtin(Services, "INET", "IPv4"),
    any(Services, "IPV6", "IPv6"),
    any(
        Services,
        "PACKET",
        "DHCP of connman, ARP of the CNI plugins",
    ),
    nice(Services, "CFG80211", "WiFi by iwd"),
    nice(
        Services,
        "CRYPTO_USER_API_HASH",
        "iwd computes keys in the kernel",
    ),
    nice(
        Services,
        "CRYPTO_USER_API_SKCIPHER",
        "iwd computes keys in the kernel",
    ),
    nice(Services, "KEY_DH_OPERATIONS", "iwd's enterprise WiFi"),
    nice(Services, "WATCHDOG", "restart of a machine that hangs"),
    nice(
        Hardware,
        "ACPI_BUTTON",
        "the power button ends the system in order",
    ),
    nice(
        Hardware,
        "HW_RANDOM_VIRTIO",
        "random numbers early in virtual machines",
    ),
    builtin(Kubelet, "CGROUPS", "one cgroup for each service and pod"),
    builtin(Kubelet, "MEMCG", "memory limits and the kubelet's eviction"),
    builtin(Kubelet, "CGROUP_SCHED", "processor shares"),
    builtin(Kubelet, "FAIR_GROUP_SCHED", "processor shares"),
    builtin(Kubelet, "CFS_BANDWIDTH", "processor limits"),
    builtin(
        Kubelet,
        "CPUSETS",
        "static processor assignment; the kubelet refuses to start without",
    ),
    builtin(Kubelet, "CGROUP_PIDS", "limits on the number of processes"),
    builtin(
        Kubelet,
        "CGROUP_FREEZER",
        "runc stops a container before it kills it",
    ),
    builtin(
        Kubelet,
        "CGROUP_BPF",
        "runc allows devices by BPF programs with cgroup v2",
    ),
    builtin(Kubelet, "CGROUP_DEVICE", "device access of containers"),
    builtin(Kubelet, "BLK_CGROUP", "disk limits and statistics"),
    builtin(Kubelet, "BPF_SYSCALL", "runc's device rules with cgroup v2"),
    builtin(Kubelet, "NAMESPACES", "containers"),
    builtin(Kubelet, "UTS_NS", "a host name for each pod"),
    builtin(Kubelet, "IPC_NS", "shared memory for each pod"),
    builtin(Kubelet, "PID_NS", "processes for each container"),
    builtin(Kubelet, "NET_NS", "a network for each pod"),
    builtin(Kubelet, "POSIX_MQUEUE", "runc mounts /dev/mqueue"),
    builtin(Kubelet, "KEYS", "runc gives each container a keyring"),
    nice(
        Kubelet,
        "PSI",
        "memory pressure; the kubelet's node conditions",
    ),
    nice(Kubelet, "CGROUP_HUGETLB", "limits on huge pages"),
    nice(Kubelet, "HUGETLBFS", "huge pages for pods"),
    nice(
        Kubelet,
        "CGROUP_PERF",
        "performance counters of a container",
    ),
    nice(
        Kubelet,
        "CGROUP_CPUACCT",
        "processor times on machines with cgroup v1 tools",
    ),
    nice(Kubelet, "BLK_DEV_THROTTLING", "disk bandwidth limits"),
    nice(Kubelet, "CHECKPOINT_RESTORE", "checkpoints of containers"),
    builtin(Network, "NETFILTER", "services and masquerading"),
    any(
        Network,
        "NETFILTER_ADVANCED",
        "the matches that kube-proxy uses",
    ),
    any(Network, "NF_CONNTRACK", "services follow connections"),
    any(Network, "NF_NAT", "services translate addresses"),
    any(
        Network,
        "NF_TABLES",
        "kube-proxy and the CNI plugins program nftables",
    ),
    builtin(Network, "NF_TABLES_INET", "rules for IPv4 and IPv6 at once"),
    builtin(Network, "NF_TABLES_IPV4", "kube-proxy's table"),
    builtin(Network, "NF_TABLES_IPV6", "kube-proxy's table"),
    any(Network, "NFT_CT", "connection state in rules"),
    any(Network, "NFT_NAT", "address translation in rules"),
    any(
        Network,
        "NFT_MASQ",
        "pods reach the outside under the node's address",
    ),
    any(Network, "NFT_FIB", "node ports match local addresses"),
    any(Network, "NFT_FIB_INET", "node ports match local addresses"),
    any(
        Network,
        "NFT_REJECT",
        "a service without pods refuses at once",
    ),
    any(
        Network,
        "NFT_REJECT_INET",
        "a service without pods refuses at once",
    ),
    any(Network, "NFT_NUMGEN", "kube-proxy picks a pod at random"),
    any(Network, "NFT_HASH", "kube-proxy's session affinity"),
    any(
        Network,
        "NFT_COMPAT",
        "iptables' rules of charts and plugins",
    ),
    any(
        Network,
        "NF_CT_NETLINK",
        "kube-proxy and conntrack drop stale connections",
    ),
    any(Network, "BRIDGE", "the pods' network on a node"),
    any(
        Network,
        "BRIDGE_NETFILTER",
        "services work between pods of one bridge",
    ),
    any(Network, "VETH", "a cable between pod and node"),
    builtin(Network, "IP_MULTIPLE_TABLES", "routing by rules"),
    nice(Network, "VXLAN", "the pods' network between nodes"),
    nice(Network, "WIREGUARD", "an encrypted network between nodes"),
    nice(Network, "IP_VS", "kube-proxy's IPVS mode"),
    nice(Network, "IP_VS_RR", "kube-proxy's IPVS mode"),
    nice(Network, "IP_SET", "network policies by iptables"),
    nice(Network, "IP_NF_IPTABLES", "charts with iptables-legacy"),
    nice(
        Network,
        "NETFILTER_XT_MATCH_COMMENT",
        "rules of iptables plugins",
    ),
    nice(
        Network,
        "NETFILTER_XT_MATCH_MULTIPORT",
        "rules of iptables plugins",
    ),
    nice(
        Network,
        "NETFILTER_XT_MATCH_STATISTIC",
        "kube-proxy's iptables mode",
    ),
    nice(
        Network,
        "NETFILTER_XT_MATCH_CONNTRACK",
        "rules of iptables plugins",
    ),
    nice(Network, "NETFILTER_XT_MARK", "rules of iptables plugins"),
    nice(Network, "DUMMY", "addresses without a network card"),
    nice(Network, "MACVLAN", "pods on the outer network"),
    nice(Network, "IPVLAN", "pods on the outer network"),
    nice(Network, "VLAN_8021Q", "tagged networks"),
    nice(Network, "BONDING", "two cards as one"),
    nice(Network, "TUN", "VPNs"),
    nice(
        Network,
        "INET_DIAG",
        "ss, and plugins that close connections",
    ),
    nice(
        Network,
        "NET_SCH_FQ_CODEL",
        "the default queue; bandwidth limits build on queues",
    ),
    nice(Network, "NET_CLS_BPF", "network plugins on BPF"),
    nice(
        Storage,
        "FUSE_FS",
        "file systems of users and of image accelerators",
    ),
    nice(Storage, "NFS_FS", "NFS volumes"),
    nice(Storage, "CIFS", "SMB volumes"),
    nice(Storage, "CEPH_FS", "Ceph volumes"),
    nice(Storage, "BLK_DEV_RBD", "Ceph volumes"),
    nice(Storage, "ISCSI_TCP", "iSCSI volumes"),
    nice(Storage, "XFS_FS", "data disks and volumes with XFS"),
    nice(Storage, "BTRFS_FS", "data disks with btrfs"),
    nice(Storage, "BLK_DEV_DM", "device mapper"),
    nice(Storage, "DM_CRYPT", "encrypted disks"),
    nice(Storage, "DM_THIN_PROVISIONING", "volumes by thin LVM"),
    nice(Storage, "BLK_DEV_MD", "software RAID"),
    nice(Storage, "QUOTA", "quotas on local volumes"),
    builtin(Security, "SECCOMP", "system call filters of containers"),
    builtin(
        Security,
        "SECCOMP_FILTER",
        "system call filters of containers",
    ),
    builtin(Security, "MULTIUSER", "users and their rights"),
    nice(Security, "USER_NS", "pods with users of their own"),
    nice(Security, "SECURITY_APPARMOR", "AppArmor profiles of pods"),
    nice(Security, "SECURITY", "security modules"),
    nice(
        Security,
        "FS_VERITY",
        "files that cannot be changed unnoticed",
    ),
    nice(
        Security,
        "DM_VERITY",
        "disks that cannot be changed unnoticed",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_stands_once_with_a_reason() {
        let mut names: Vec<&str> = OPTIONS.iter().map(|option| option.name).collect();
        names.sort_unstable();
        let doubles: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(doubles.is_empty(), "{doubles:?}");
        assert!(
            OPTIONS
                .iter()
                .all(|option| !option.name.starts_with("CONFIG_") && !option.reason.is_empty())
        );
    }
}
