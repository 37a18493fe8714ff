//! A disk's serial number, as its label has it.

use std::fs;
use std::path::Path;

use super::first_text;

/// Of the disk with this directory in /sys/block, and `place`, the same without links; empty where it has none.
///
/// virtio, NVMe and SD tell it themselves, USB in the directory of the device, SATA and SCSI in a page of their own.
pub(super) fn of(directory: &Path, place: &Path) -> String {
    let own = || first_text(directory, &["serial", "device/serial"]);
    let page = || page(&fs::read(directory.join("device/vpd_pg80")).unwrap_or_default());
    let name = || first_text(directory, &["device/wwid"]);
    let ways: [&dyn Fn() -> String; 4] = [&own, &|| usb(place), &page, &name];
    let mut found = ways.iter().map(|way| way());
    found.find(|text| !text.is_empty()).unwrap_or_default()
}

/// The nearest device above with a number; that of the bus itself (`usb2`) is none.
fn usb(place: &Path) -> String {
    let is_bus = |directory: &&Path| {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix("usb")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if !place.ancestors().any(|directory| is_bus(&directory)) {
        return String::new();
    }
    let devices = place.ancestors().take_while(|directory| !is_bus(directory));
    let mut numbers = devices.map(|directory| first_text(directory, &["serial"]));
    numbers.find(|text| !text.is_empty()).unwrap_or_default()
}

/// SCSI's page 0x80 (SPC-4, 7.8.14): four bytes of which the last two are the length, then text padded with blanks.
fn page(bytes: &[u8]) -> String {
    let [_, 0x80, high, low, text @ ..] = bytes else {
        return String::new();
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let text = text.get(..length).unwrap_or(text);
    crate::block::text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, path: &str, bytes: &[u8]) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn usb_disks_have_the_number_of_the_stick_and_not_of_the_bus() {
        let root = tempfile::tempdir().unwrap();
        let disk = "pci/usb2/2-1/2-1:1.0/host6/target/block/sdb";
        put(root.path(), "pci/usb2/serial", b"0000:00:14.0\n");
        put(root.path(), &format!("{disk}/device/wwid"), b"naa.5\n");
        let place = root.path().join(disk);
        assert_eq!(of(&place, &place), "naa.5");
        put(root.path(), "pci/usb2/2-1/serial", b"4C53 0001\n");
        assert_eq!(of(&place, &place), "4C53 0001");
    }

    #[test]
    fn sata_disks_have_what_their_label_says() {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "device/wwid", b"naa.5002538e40a1b2c3\n");
        put(
            root.path(),
            "device/vpd_pg80",
            b"\0\x80\0\x14     S3Z9NB0K123456W ",
        );
        assert_eq!(of(root.path(), root.path()), "S3Z9NB0K123456W");
        put(root.path(), "device/vpd_pg80", b"\0\x80\0\xff");
        assert_eq!(of(root.path(), root.path()), "naa.5002538e40a1b2c3");
        put(root.path(), "serial", b"virtio-1");
        assert_eq!(of(root.path(), root.path()), "virtio-1");
    }

    #[test]
    fn a_page_that_is_none_is_no_number() {
        assert_eq!(page(b""), "");
        assert_eq!(page(b"\0\x83\0\x01x"), "");
        assert_eq!(page(b"\0\x80\0\x02abc"), "ab");
    }
}
