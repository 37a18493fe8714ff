//! Disks on the buses that machines have: from plain data to QEMU's arguments.

use std::path::PathBuf;

/// How a disk is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// A hypervisor's, with sectors of 512 bytes.
    Virtio,
    /// The same with sectors of 4096 bytes.
    Virtio4k,
    /// NVMe.
    Nvme,
    /// A USB stick behind xHCI.
    Usb,
    /// SATA, behind the machine's own AHCI.
    Sata,
    /// A card in an SD reader; its size must be a power of two.
    Sd,
    /// A card in a board's own slot; its size, too, must be a power of two.
    Slot,
}

/// A raw disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its image.
    pub path: PathBuf,
    /// Its bus.
    pub bus: Bus,
}

/// Serial number of the disk at this place among the machine's disks; plain virtio disks and SD cards are given none.
pub fn serial(number: usize) -> String {
    format!("K3OSDISK{number}")
}

/// The arguments for all disks, in their order. `cache=unsafe`: what the host loses in a crash of its own is of no interest here.
pub fn arguments(disks: &[Disk]) -> Vec<String> {
    let mut words = Vec::new();
    if disks.iter().any(|disk| disk.bus == Bus::Usb) {
        words.extend(["-device".to_owned(), "qemu-xhci,id=usb".to_owned()]);
    }
    if disks.iter().any(|disk| disk.bus == Bus::Sd) {
        words.extend(["-device".to_owned(), "sdhci-pci".to_owned()]);
    }
    for (number, disk) in disks.iter().enumerate() {
        words.extend(["-drive".to_owned(), drive(disk, number)]);
        if let Some(device) = device(disk.bus, number) {
            words.extend(["-device".to_owned(), device]);
        }
    }
    words
}

fn drive(disk: &Disk, number: usize) -> String {
    let interface = match disk.bus {
        Bus::Virtio => "if=virtio".to_owned(),
        Bus::Slot => "if=sd".to_owned(),
        _ => format!("if=none,id=disk{number}"),
    };
    let path = disk.path.display();
    format!("{interface},format=raw,cache=unsafe,discard=unmap,file={path}")
}

/// What the drive is plugged into, where QEMU does not know by itself.
fn device(bus: Bus, number: usize) -> Option<String> {
    let kind = match bus {
        Bus::Virtio | Bus::Slot => return None,
        Bus::Virtio4k => "virtio-blk-pci,logical_block_size=4096,physical_block_size=4096",
        Bus::Nvme => "nvme",
        Bus::Usb => "usb-storage,bus=usb.0",
        // One disk per port; the first port may have the CD.
        Bus::Sata => "ide-hd,bus=ide.1",
        Bus::Sd => return Some(format!("sd-card,drive=disk{number}")),
    };
    Some(format!(
        "{kind},drive=disk{number},serial={}",
        serial(number)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(buses: &[Bus]) -> String {
        let disks = buses.iter().map(|&bus| Disk {
            path: "/d".into(),
            bus,
        });
        arguments(&disks.collect::<Vec<_>>()).join(" ")
    }

    #[test]
    fn controllers_are_there_once_and_before_their_disks() {
        let line = line(&[Bus::Usb, Bus::Sd, Bus::Usb]);
        assert_eq!(line.matches("qemu-xhci").count(), 1);
        assert!(line.find("sdhci-pci").unwrap() < line.find("sd-card,drive=disk1").unwrap());
        assert!(line.ends_with("-device usb-storage,bus=usb.0,drive=disk2,serial=K3OSDISK2"));
    }

    #[test]
    fn the_size_of_sectors_is_the_disk_s() {
        assert!(line(&[Bus::Virtio4k]).contains("logical_block_size=4096,"));
        assert!(!line(&[Bus::Virtio, Bus::Nvme, Bus::Sata]).contains("block_size"));
    }
}
