//! What a machine is made of: plain data, turned into QEMU's arguments by `arguments`.

use std::path::{Path, PathBuf};

use super::disks::{Bus, Disk};
use crate::accel::Accel;
use crate::processor::Processor;

/// How the machine gets to its kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// QEMU loads kernel and initrd itself.
    Direct {
        /// The kernel image.
        kernel: PathBuf,
        /// The initial file system.
        initrd: PathBuf,
    },
    /// SeaBIOS from the CD.
    Bios,
    /// OVMF from the CD.
    Uefi,
}

/// The network the machine sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    /// A DHCP server and forwarded ports, but nothing beyond: proof that no download is needed.
    Offline,
    /// The same, with the host's network behind it.
    Online,
    /// A card with carrier, and nobody who answers on it.
    Silent,
    /// No card at all.
    NoCard,
}

/// Ports on the host's 127.0.0.1 that lead into the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// To the guest's port 22.
    pub ssh: u16,
    /// To the guest's port 6443.
    pub api: u16,
}

/// A machine to start.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Shown by QEMU and used for file names.
    pub name: String,
    /// From where it boots.
    pub boot: Boot,
    /// Words of the kernel's command line; only with [`Boot::Direct`].
    pub cmdline: Vec<String>,
    /// The CD in the drive.
    pub cdrom: Option<PathBuf>,
    /// Raw disks, in the order the guest sees them.
    pub disks: Vec<Disk>,
    /// UEFI's variables, kept from machine to machine; made when it is not there. Without it each machine begins with empty ones.
    pub uefi_vars: Option<PathBuf>,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Virtual processors.
    pub cpus: u32,
    /// The network.
    pub net: Net,
    /// Ports of the host; ignored where the network forwards none.
    pub ports: Ports,
    /// Whether a reboot of the guest ends QEMU.
    pub exit_on_reboot: bool,
    /// Whether it has a hardware watchdog, which resets it.
    pub watchdog: bool,
    /// What the hardware's clock says at the start, such as `1970-01-01`; nothing for the true time.
    pub clock: Option<&'static str>,
    /// The accelerator.
    pub accel: Accel,
    /// A Raspberry Pi's device tree; nothing for a machine of QEMU's own make.
    pub device_tree: Option<PathBuf>,
    /// The processor.
    pub processor: Processor,
}

impl Spec {
    /// A machine of 2 processors and 4 GiB without medium, disks or a way out of its network.
    pub fn new(name: &str, boot: Boot, ports: Ports, accel: Accel) -> Self {
        Self {
            name: name.to_owned(),
            boot,
            cmdline: vec!["console=tty1".to_owned(), "console=ttyS0".to_owned()],
            cdrom: None,
            disks: Vec::new(),
            uefi_vars: None,
            memory_mib: 4096,
            cpus: 2,
            net: Net::Offline,
            ports,
            exit_on_reboot: false,
            watchdog: false,
            clock: None,
            accel,
            device_tree: None,
            processor: Processor::Amd64,
        }
    }

    /// Changes the processor, and with it the name of the serial console.
    pub fn processor(mut self, processor: Processor) -> Self {
        for word in &mut self.cmdline {
            *word = word.replace(self.processor.serial(), processor.serial());
        }
        self.processor = processor;
        self
    }

    /// Makes it a Raspberry Pi 3 B, as far as QEMU has it: four processors, 1 GiB, a slot for a card, a network card behind USB, no
    /// clock. Memory, processors and clock of this specification do not count.
    pub fn raspberry_pi(mut self, device_tree: &Path) -> Self {
        self.device_tree = Some(device_tree.to_owned());
        self
    }

    /// Puts a CD into the drive.
    pub fn cdrom(mut self, iso: &Path) -> Self {
        self.cdrom = Some(iso.to_owned());
        self
    }

    /// Adds a raw disk, as hypervisors connect it.
    pub fn disk(self, path: &Path) -> Self {
        self.disk_on(path, Bus::Virtio)
    }

    /// Adds a raw disk on this bus.
    pub fn disk_on(mut self, path: &Path, bus: Bus) -> Self {
        let path = path.to_owned();
        self.disks.push(Disk { path, bus });
        self
    }

    /// Keeps UEFI's variables in this file.
    pub fn uefi_vars(mut self, path: &Path) -> Self {
        self.uefi_vars = Some(path.to_owned());
        self
    }

    /// Adds a word to the kernel's command line, quoted if it has blanks.
    pub fn word(mut self, key: &str, value: &str) -> Self {
        self.cmdline.push(cmdline_word(key, value));
        self
    }

    /// Changes the network.
    pub fn net(mut self, net: Net) -> Self {
        self.net = net;
        self
    }

    /// Adds a hardware watchdog.
    pub fn watchdog(mut self) -> Self {
        self.watchdog = true;
        self
    }

    /// Sets the hardware's clock.
    pub fn clock(mut self, start: &'static str) -> Self {
        self.clock = Some(start);
        self
    }

    /// Takes one processor away: slower, but the emulator's flaw needs two. For scenarios of so many boots that one would meet it.
    pub fn one_processor(mut self) -> Self {
        self.cpus = 1;
        self
    }

    /// Lets QEMU end where the guest would reboot.
    pub fn exit_on_reboot(mut self) -> Self {
        self.exit_on_reboot = true;
        self
    }
}

fn cmdline_word(key: &str, value: &str) -> String {
    if value.contains(char::is_whitespace) {
        format!("{key}=\"{value}\"")
    } else {
        format!("{key}={value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_with_blanks_are_quoted() {
        assert_eq!(cmdline_word("k3os.mode", "live"), "k3os.mode=live");
        assert_eq!(
            cmdline_word("ssh_authorized_keys", "ssh-ed25519 AAAA"),
            "ssh_authorized_keys=\"ssh-ed25519 AAAA\""
        );
    }
}
