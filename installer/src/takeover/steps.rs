//! The steps that only a takeover has.

use serde::Serialize;
use takeover::Record;

use crate::size;

/// A step of a takeover; the others are those of every installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Read back what was written, from the disk, while the file system is in use.
    ReadBack {
        /// Bytes.
        size: u64,
    },
    /// Keep the boot loader's menu aside, and write down what the next boot has to do.
    Prepare {
        /// What.
        record: Record,
        /// The menu of afterwards.
        #[serde(skip)]
        menu: String,
    },
    /// Give the boot loader a menu that starts our release.
    SwitchMenu {
        /// What.
        record: Record,
        /// The menu.
        #[serde(skip)]
        menu: String,
    },
}

impl Action {
    /// What is done, as a gerund.
    pub fn words(&self) -> String {
        match self {
            Self::ReadBack { size } => format!("reading {} back from the disk", size::show(*size)),
            Self::Prepare { record, .. } => format!(
                "keeping GRUB's menu aside, and noting that the next boot moves {} to /{}",
                record.system,
                takeover::OLD_ROOT
            ),
            Self::SwitchMenu { record, .. } => format!(
                "making GRUB start {} next time (/{}/grub.cfg); until then `k3os takeover --undo` takes it back",
                record.version,
                record.loader.display()
            ),
        }
    }
}
