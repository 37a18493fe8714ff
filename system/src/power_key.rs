//! The power key: input devices that have one, and whether it was pressed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc::O_NONBLOCK;

/// `EV_KEY` and `KEY_POWER` of linux/input-event-codes.h.
const EV_KEY: u16 = 1;
const KEY_POWER: u16 = 116;

/// `struct input_event` with 64-bit times: 16 bytes of time, then type, code and value.
const EVENT_SIZE: usize = 24;

/// Open input devices that have a power key, by name (`event0`).
#[derive(Debug, Default)]
pub struct PowerKeys {
    devices: BTreeMap<String, File>,
}

impl PowerKeys {
    /// Looks for devices that are new and have a power key. One that cannot be opened is tried again.
    pub fn scan(&mut self) {
        let Ok(entries) = fs::read_dir("/sys/class/input") else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with("event") || self.devices.contains_key(&name) {
                continue;
            }
            let keys = fs::read_to_string(entry.path().join("device/capabilities/key"));
            if keys.is_ok_and(|keys| has_key(&keys, KEY_POWER)) {
                let device = Path::new("/dev/input").join(&name);
                let opened = OpenOptions::new()
                    .read(true)
                    .custom_flags(O_NONBLOCK)
                    .open(device);
                self.devices.extend(opened.map(|file| (name, file)));
            }
        }
    }

    /// The descriptors to poll.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.devices.values().map(AsFd::as_fd)
    }

    /// Whether a power key was pressed since the last call. Never blocks; forgets devices that went away.
    pub fn is_pressed(&mut self) -> bool {
        let mut pressed = false;
        self.devices.retain(|_, device| {
            let mut events = [0u8; EVENT_SIZE * 16];
            loop {
                match device.read(&mut events) {
                    Ok(0) => return false,
                    Ok(length) => pressed |= events.get(..length).is_some_and(has_press),
                    Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
                }
            }
        });
        pressed
    }
}

/// Reads a bitmap of sysfs: 64-bit words in hexadecimal, the highest first.
fn has_key(bitmap: &str, key: u16) -> bool {
    let word = bitmap.split_whitespace().rev().nth(usize::from(key / 64));
    let word = word.and_then(|word| u64::from_str_radix(word, 16).ok());
    word.is_some_and(|word| word >> (key % 64) & 1 == 1)
}

fn has_press(events: &[u8]) -> bool {
    events.chunks_exact(EVENT_SIZE).any(|event| {
        let half = |at: usize| {
            let bytes = event
                .get(at..at + 2)
                .and_then(|bytes| bytes.try_into().ok());
            bytes.map(u16::from_ne_bytes)
        };
        half(16) == Some(EV_KEY) && half(18) == Some(KEY_POWER) && half(20) == Some(1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acpi_button_has_a_power_key_and_a_mouse_has_none() {
        assert!(has_key("10000000000000 0\n", KEY_POWER));
        assert!(has_key(
            "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe",
            1
        ));
        assert!(!has_key("70000 0 0 0 0", KEY_POWER));
        assert!(!has_key("", KEY_POWER));
    }

    #[test]
    fn a_press_is_told_from_a_release() {
        let event = |value: u16| {
            let mut event = [0u8; EVENT_SIZE];
            event[16..18].copy_from_slice(&EV_KEY.to_ne_bytes());
            event[18..20].copy_from_slice(&KEY_POWER.to_ne_bytes());
            event[20..22].copy_from_slice(&value.to_ne_bytes());
            event
        };
        assert!(has_press(&event(1)));
        assert!(!has_press(&event(0)));
        assert!(!has_press(&event(1)[..20]));
    }
}
