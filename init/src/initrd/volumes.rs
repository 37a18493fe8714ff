//! Finding the state partition and the medium, woken by uevents.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use system::block::{self, FileSystem, Volume};
use system::console;
use system::modules::Loader;
use system::uevent::{Listener, Uevent};

use super::mode::{Decision, Found, Mode, Wanted, decide};

pub use system::layout::{MEDIUM_LABEL, STATE_LABEL};

/// After this long without the device a line says what is waited for.
const SILENCE: Duration = Duration::from_secs(2);

/// What the machine boots from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// How.
    pub mode: Mode,
    /// The state partition, if there is one.
    pub state: Option<Volume>,
    /// The medium, if there is one.
    pub medium: Option<Volume>,
}

impl Boot {
    /// The state partition, if this boot writes to it.
    pub fn state_to_write(&self) -> Option<&Volume> {
        self.state.as_ref().filter(|_| self.mode == Mode::Disk)
    }
}

/// What the command line says of where the boot comes from.
#[derive(Debug, Clone, Copy)]
pub struct Hints<'a> {
    /// The UUID of a file system that is the state partition whatever its label.
    pub taken_over: Option<&'a str>,
    /// Whether a release can be fetched over the network.
    pub address: bool,
}

/// Waits until it is clear what to boot from, loading drivers for devices that turn up meanwhile.
///
/// # Errors
/// When nothing fitting turned up in time: with the devices that are there.
pub fn find(
    wanted: Wanted,
    hints: Hints,
    listener: &Listener,
    loader: &mut Loader,
) -> Result<Boot> {
    let begun = Instant::now();
    let mut told = false;
    loop {
        let volumes = block::volumes();
        let state = hints
            .taken_over
            .and_then(|uuid| by_uuid(&volumes, uuid))
            .or_else(|| first(&volumes, STATE_LABEL));
        match decide(wanted, found(state, &volumes, hints), begun.elapsed()) {
            Decision::Boot(mode) => return Ok(choose(mode, state, &volumes)),
            Decision::GiveUp(label) => bail!(
                "no file system labelled {label} turned up in {} s; {}",
                begun.elapsed().as_secs(),
                seen(&volumes)
            ),
            Decision::Wait(left) => {
                if !told && begun.elapsed() >= SILENCE {
                    console::line(&format!("  waiting for a device; {}", seen(&volumes)));
                    told = true;
                }
                let events = listener.wait(left.min(SILENCE))?;
                load_drivers(&events, loader);
            }
        }
    }
}

impl Boot {
    /// Whether a release must come over the network, if it can.
    pub fn lacks_release(&self) -> bool {
        let embedded = Path::new(super::release::EMBEDDED).exists();
        self.mode != Mode::Disk && self.medium.is_none() && !embedded
    }
}

/// Loads the drivers of devices that have just appeared, as a USB stick does some seconds after the start.
fn load_drivers(events: &[Uevent], loader: &mut Loader) {
    let aliases = events.iter().filter_map(|event| event.modalias.as_deref());
    for failure in loader.load_aliases(aliases) {
        console::line(&format!("  {failure:#}"));
    }
}

fn by_uuid<'a>(volumes: &'a [Volume], uuid: &str) -> Option<&'a Volume> {
    volumes.iter().find(|volume| {
        volume.filesystem == FileSystem::Ext4
            && system::ext4::uuid(&volume.device).is_some_and(|u| u.eq_ignore_ascii_case(uuid))
    })
}

fn found(state: Option<&Volume>, volumes: &[Volume], hints: Hints) -> Found {
    let medium = volumes.iter().any(|volume| volume.label == MEDIUM_LABEL);
    Found {
        state: state.is_some(),
        release: medium || Path::new(super::release::EMBEDDED).exists(),
        address: hints.address,
    }
}

fn choose(mode: Mode, state: Option<&Volume>, volumes: &[Volume]) -> Boot {
    if state.is_some_and(|state| state.label == STATE_LABEL) {
        warn_of_others(volumes, STATE_LABEL);
    }
    warn_of_others(volumes, MEDIUM_LABEL);
    Boot {
        mode,
        state: state.cloned(),
        medium: first(volumes, MEDIUM_LABEL).cloned(),
    }
}

/// The first volume with this label.
fn first<'a>(volumes: &'a [Volume], label: &str) -> Option<&'a Volume> {
    volumes.iter().find(|volume| volume.label == label)
}

/// When there are several, a line says which was taken.
fn warn_of_others(volumes: &[Volume], label: &str) {
    let mut all = volumes.iter().filter(|volume| volume.label == label);
    let Some(taken) = all.next() else {
        return;
    };
    // An ISO on a stick shows on the disk and on its first partition: these are one.
    let others: Vec<String> = all
        .filter(|other| !same_disk(&taken.device, &other.device))
        .map(|other| other.device.display().to_string())
        .collect();
    if !others.is_empty() {
        console::line(&format!(
            "  WARNING: {label} is the label of several file systems; {} is used, and not {}",
            taken.device.display(),
            others.join(", ")
        ));
    }
}

fn same_disk(disk: &Path, partition: &Path) -> bool {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_os_string();
    Path::new("/sys/class/block")
        .join(name(disk))
        .join(name(partition))
        .exists()
}

fn seen(volumes: &[Volume]) -> String {
    let names = block::device_names();
    if names.is_empty() {
        return "the kernel sees no disk at all (is its driver in the initrd? see dmesg)"
            .to_string();
    }
    let describe = |name: &String| {
        let label = volumes
            .iter()
            .find(|volume| volume.device.ends_with(name))
            .map_or("not known", |volume| volume.label.as_str());
        format!("{name} ({label})")
    };
    let list: Vec<String> = names.iter().map(describe).collect();
    format!("the kernel sees: {}", list.join(", "))
}
