//! The first stage: `/init` in the initramfs.

mod fetch;
pub mod grow;
mod mode;
mod move_aside;
pub(crate) mod release;
pub mod repair;
pub(crate) mod root;
mod volumes;

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Result;
use config::BootSwitches;
use system::block::{FileSystem, Volume};
use system::ext4;
use system::loopdev;
use system::modules::{Loader, device_aliases};
use system::mount::{Flags, Mount};
use system::uevent::Listener;
use system::{console, power, switch_root};

pub use crate::first_stage::MODE_FILE;
pub use mode::Mode;
pub use root::{MEDIUM, STATE};

use crate::first_stage::{self, CARRIED, RUN};
use crate::steps::{StepFailure, Steps};
use crate::watchdog;
use fetch::{Fetched, Source};
use root::Parts;
use volumes::Boot;

/// What the root needs, whatever the hardware is. The medium's and the state's file systems are loaded when they are
/// mounted: ext4 alone takes a third of a second under emulation, and a live boot does not need it.
const ROOT_MODULES: [&str; 2] = ["loop", "squashfs"];

/// Where the kernel has the drivers of watchdogs.
const WATCHDOGS: &str = "kernel/drivers/watchdog/";

/// Runs the first stage as PID 1. It ends in the second stage or in the rescue shell.
pub fn run() -> ! {
    first_stage::run(boot)
}

fn boot(steps: &mut Steps) -> Result<Infallible, StepFailure> {
    steps.required("mounting the kernel's file systems", || {
        let mounts = first_stage::kernel_file_systems();
        mounts.iter().try_for_each(Mount::perform)?;
        first_stage::take_charge()
    })?;
    let (switches, wanted, source) = steps.required("reading the kernel command line", || {
        let switches = BootSwitches::from_cmdline(&power::kernel_cmdline()?);
        let wanted = mode::Wanted::from_switches(&switches)?;
        let source = Source::of(&switches)?;
        Ok((switches, wanted, source))
    })?;
    let (listener, mut loader) = steps.required("loading drivers", || load_drivers(&switches))?;
    let found = steps.required("finding the medium and the state partition", || {
        let hints = volumes::Hints {
            taken_over: switches.takeover.as_deref(),
            address: source.is_some(),
        };
        volumes::find(wanted, hints, &listener, &mut loader)
    })?;
    let source = source.filter(|_| found.lacks_release());
    let fetched = source.map(|source| {
        steps.required(&source.words(), || {
            watchdog::allow(watchdog::LONG);
            fetch::fetch(&source, &switches, &mut loader)
        })
    });
    let fetched = fetched.transpose()?;
    repair_state(steps, &found);
    let mounted = steps.required("mounting them", || {
        mount_volumes(&found, fetched.as_ref(), &mut loader)
    })?;
    if let Some(state) = found.state_to_write().filter(|_| mounted.state) {
        prepare_state(steps, state, &switches)?;
    }
    let squashfs = steps.required("checking the release", || match fetched {
        Some(fetched) => Ok(fetched.squashfs),
        None => release::find_squashfs(&release::own_version()?, &mounted.places()),
    })?;
    steps.required("assembling the root file system", || {
        build_root(&found, &squashfs)
    })?;
    steps.required("entering the root", || {
        first_stage::hand_over(found.mode, || {
            switch_root::enter(Path::new(root::SYSROOT), &CARRIED)
        })
    })
}

/// Before it is mounted, where its superblock says that it needs it.
fn repair_state(steps: &mut Steps, found: &Boot) {
    if let Some(state) = found.state_to_write()
        && ext4::has_errors(&state.device)
    {
        steps.optional("repairing the state partition's file system", || {
            watchdog::allow(watchdog::LONG);
            repair::repair(&state.device, Path::new(RUN))
        });
    }
}

/// What a mounted state partition waits for: the end of a takeover, room that its disk has.
fn prepare_state(
    steps: &mut Steps,
    state: &Volume,
    switches: &BootSwitches,
) -> Result<(), StepFailure> {
    let mounted_at = Path::new(STATE);
    if move_aside::is_there(mounted_at) {
        steps.required("moving what belongs to a system that is taken over", || {
            watchdog::allow(watchdog::LONG);
            move_aside::go_on(&state.device, mounted_at, switches)
        })?;
    }
    if grow::is_wanted(mounted_at) {
        steps.optional("growing the state partition to the disk's end", || {
            watchdog::allow(watchdog::LONG);
            grow::grow(&state.device, mounted_at)
        });
    }
    Ok(())
}

/// Loads the drivers of all devices that are there, and listens for those that come. Drivers that fail are told but
/// do not end the boot: the disk may need none of them.
fn load_drivers(switches: &BootSwitches) -> Result<(Listener, Loader)> {
    let listener = Listener::open()?;
    let mut loader = Loader::for_running_kernel()?;
    // Before everything that can hang.
    for failure in loader.load_aliases_in(WATCHDOGS, &device_aliases()) {
        tell_failure(Err(failure));
    }
    watchdog::start(switches.watchdog.as_deref());
    load_wanted_modules(&switches.modules, &mut loader);
    // Beside the drivers: most of a driver's time is spent waiting for its device.
    thread::scope(|scope| {
        scope.spawn(load_root_modules);
        load_device_drivers(&mut loader);
    });
    Ok((listener, loader))
}

/// Those of the command line come first, so that their parameters count. What the initrd does not have, or the kernel
/// refuses, is told by the initrd phase of the configuration, which tries again with all of the system's modules.
fn load_wanted_modules(wanted: &[String], loader: &mut Loader) {
    for module in wanted {
        let (name, parameters) = module.trim().split_once(' ').unwrap_or((module.trim(), ""));
        let _ = loader.load(name, parameters);
    }
}

fn load_root_modules() {
    match Loader::for_running_kernel() {
        Ok(mut loader) => ROOT_MODULES
            .iter()
            .for_each(|name| tell_failure(loader.load(name, ""))),
        Err(error) => tell_failure(Err(error)),
    }
}

/// Twice: the second round sees the devices that appeared behind a bus driver of the first.
fn load_device_drivers(loader: &mut Loader) {
    for _ in 0..2 {
        let aliases = device_aliases();
        for failure in loader.load_aliases(aliases.iter().map(String::as_str)) {
            tell_failure(Err(failure));
        }
    }
}

fn tell_failure(result: Result<()>) {
    if let Err(failure) = result {
        console::line(&format!("  {failure:#}"));
    }
}

/// What is mounted of the state partition and the medium.
#[derive(Debug, Default)]
struct Mounted {
    state: bool,
    medium: bool,
}

impl Mounted {
    /// The directories in which a release is looked for, in order.
    fn places(&self) -> Vec<&'static Path> {
        let state = self.state.then_some(Path::new(STATE));
        let medium = self.medium.then_some(Path::new(MEDIUM));
        state.into_iter().chain(medium).collect()
    }
}

/// Mounts the medium read-only, and the state partition as the mode needs it: writable for disk, read-only where only
/// its release is wanted, not at all beside another release in the other modes (so that it can be repaired).
fn mount_volumes(found: &Boot, fetched: Option<&Fetched>, loader: &mut Loader) -> Result<Mounted> {
    let mut mounted = Mounted {
        medium: fetched.is_some_and(|fetched| fetched.medium),
        ..Mounted::default()
    };
    if let Some(medium) = &found.medium {
        mount_volume(medium, MEDIUM, true, loader)?;
        mounted.medium = true;
    }
    if let Some(state) = &found.state
        && (found.mode == Mode::Disk || !(mounted.medium || fetched.is_some()))
    {
        mount_state(state, found.mode != Mode::Disk, loader)?;
        mounted.state = true;
    }
    Ok(mounted)
}

/// What cannot be mounted for writing is repaired, and tried once more.
fn mount_state(state: &Volume, read_only: bool, loader: &mut Loader) -> Result<()> {
    match mount_volume(state, STATE, read_only, loader) {
        Err(failure) if !read_only => {
            console::line(&format!("  {failure:#}"));
            watchdog::allow(watchdog::LONG);
            repair::repair(&state.device, Path::new(RUN))?;
            mount_volume(state, STATE, read_only, loader)
        }
        result => result,
    }
}

fn mount_volume(volume: &Volume, target: &str, read_only: bool, loader: &mut Loader) -> Result<()> {
    tell_failure(loader.load(volume.filesystem.module(), ""));
    let flags = if read_only {
        Flags::MS_RDONLY | Flags::MS_NODEV
    } else {
        Flags::MS_NODEV | Flags::MS_NOATIME
    };
    let mount = Mount::device(&volume.device, target, volume.filesystem.kernel_name());
    Mount {
        options: options(volume.filesystem, read_only).into(),
        ..mount.with_flags(flags)
    }
    .perform()
}

/// A file system in which the kernel found an error takes no more data: going on (ext4's default) makes it worse, and the next
/// boot repairs it (decisions/0011).
fn options(filesystem: FileSystem, read_only: bool) -> &'static str {
    match filesystem {
        FileSystem::Ext4 if !read_only => "errors=remount-ro",
        _ => "",
    }
}

fn build_root(found: &Boot, squashfs: &Path) -> Result<()> {
    let device = loopdev::attach_read_only(squashfs)?;
    let parts = Parts {
        usr: device.path(),
        persistent: found.mode == Mode::Disk,
        system: system_directory(),
    };
    root::build(&root::plan(&parts))
}

/// `/k3os/system` of the state partition, else of the medium.
fn system_directory() -> Option<PathBuf> {
    let directories = [STATE, MEDIUM].map(|mount| Path::new(mount).join("k3os/system"));
    directories.into_iter().find(|directory| directory.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_state_partition_takes_no_more_data() {
        assert_eq!(options(FileSystem::Ext4, false), "errors=remount-ro");
        // The medium, and a state partition of which only the release is read.
        assert_eq!(options(FileSystem::Iso9660, true), "");
        assert_eq!(options(FileSystem::Ext4, true), "");
    }
}
