//! What tells a disk from others. Between a question and its answer a disk may be pulled, and another one gets its name.

use anyhow::{Result, bail};
use system::disk::Disk;

/// What a person saw of a disk, and the kernel's number of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskIdentity {
    model: String,
    serial: String,
    /// Bytes.
    size: u64,
    sequence: u64,
}

impl DiskIdentity {
    /// That of a disk.
    pub fn of(disk: &Disk) -> Self {
        Self {
            model: disk.model.clone(),
            serial: disk.serial.clone(),
            size: disk.size,
            sequence: disk.sequence,
        }
    }

    /// Compares the disk that has the name now.
    ///
    /// # Errors
    /// When it is another one.
    pub fn check(&self, disk: &Disk) -> Result<()> {
        if *self == Self::of(disk) {
            return Ok(());
        }
        bail!(
            "{} is not the disk that was shown: it was {}, and is {}; nothing was written, start the installation again",
            disk.device.display(),
            self.words(),
            Self::of(disk).words()
        )
    }

    fn words(&self) -> String {
        let serial = if self.serial.is_empty() {
            "without a serial number".to_owned()
        } else {
            format!("serial {}", self.serial)
        };
        let model = if self.model.is_empty() {
            "a disk"
        } else {
            &self.model
        };
        format!(
            "{model} of {} bytes, {serial} (number {})",
            self.size, self.sequence
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::examples::disk;

    #[test]
    fn another_disk_under_the_same_name_is_not_the_one_that_was_shown() {
        let shown = disk("/dev/sda", 1 << 33).disk;
        let identity = DiskIdentity::of(&shown);
        assert!(identity.check(&shown).is_ok());
        let mut other = shown.clone();
        other.serial = "Z".into();
        let error = identity.check(&other).unwrap_err().to_string();
        assert!(
            error.contains("serial S-dev-sda") && error.contains("serial Z"),
            "{error}"
        );
        let changes: [fn(&mut Disk); 2] = [|disk| disk.size += 1, |disk| disk.sequence += 1];
        for change in changes {
            let mut other = shown.clone();
            change(&mut other);
            assert!(identity.check(&other).is_err());
        }
    }
}
