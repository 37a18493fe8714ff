//! CDs, disks and sticks that hold data for this machine.

use std::collections::BTreeMap;

use anyhow::Result;
use system::data_volume;
use system::layout;

pub use system::data_volume::Volume;

/// Labels of data media, in any case: NoCloud's and OpenStack's.
const LABELS: [&str; 2] = ["cidata", "config-2"];
/// Our own media, which hold no data for a machine.
const OWN: [&str; 2] = [layout::MEDIUM_LABEL, layout::STATE_LABEL];

/// Some files of a volume, by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The media of a machine.
pub trait Media {
    /// Those whose file system is known, in order of device.
    fn volumes(&self) -> Vec<Volume>;

    /// Those of these files that a volume has.
    ///
    /// # Errors
    /// When the volume cannot be mounted, or a file on it cannot be read.
    fn read(&self, volume: &Volume, paths: &[&str]) -> Result<Files>;
}

/// The media attached to this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attached;

impl Media for Attached {
    fn volumes(&self) -> Vec<Volume> {
        data_volume::all()
    }

    fn read(&self, volume: &Volume, paths: &[&str]) -> Result<Files> {
        data_volume::read(volume, paths, config::yaml::MAX_BYTES as u64 + 1)
    }
}

/// Which volumes to read, in order: labelled ones, then any CD that is not ours, where the configuration says so.
pub(crate) fn candidates(volumes: Vec<Volume>, any_cd: bool) -> Vec<Volume> {
    let is_one_of = |labels: &[&str], volume: &Volume| {
        labels
            .iter()
            .any(|label| volume.label.eq_ignore_ascii_case(label))
    };
    let (labelled, others): (Vec<_>, Vec<_>) = volumes
        .into_iter()
        .partition(|volume| is_one_of(&LABELS, volume));
    let others = others
        .into_iter()
        .filter(|volume| any_cd && volume.is_cd() && !is_one_of(&OWN, volume));
    labelled.into_iter().chain(others).collect()
}
