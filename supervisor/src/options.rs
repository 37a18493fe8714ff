//! Where the supervisor finds and puts things, and how it ends.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use system::boot_events::Event;

/// A place for lines that a person at the console should see.
pub type Console = Box<dyn FnMut(&str)>;

/// A place for events.
pub type Events = Box<dyn FnMut(&Event)>;

/// Something else that PID 1 waits for, in the supervisor's own loop.
pub trait Source {
    /// Readable when there is something to take.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Takes what there is; called in every turn of the loop, so also when there is nothing. Must not block.
    fn take(&mut self);
}

/// What restarts the machine when PID 1's loop stands still: a hardware watchdog.
///
/// The loop calls [`Watchdog::feed`] in its first turn and then in the first turn after every [`Watchdog::interval`], and
/// wakes up in time for that where nothing else happens. While a turn hangs nothing is fed: that is the purpose. The value
/// is dropped with the supervisor, when [`crate::Supervisor::run`] has returned and been let go: who goes on feeding during
/// unmounting shares the device with it (`Rc`, or a duplicate of its descriptor).
pub trait Watchdog {
    /// How long after a feeding the next one is due: at most a third of the device's time, so that one slow turn is
    /// forgiven. Asked in every turn, so it may change.
    fn interval(&self) -> Duration;

    /// Says that the loop runs. Must not block.
    fn feed(&mut self);
}

/// How the machine is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Start again.
    Reboot,
    /// Switch off.
    PowerOff,
    /// Stand still.
    Halt,
}

/// Paths and outlets.
pub struct Options {
    /// Directories of unit files; in later ones a file wins over its namesake in earlier ones.
    pub unit_dirs: Vec<PathBuf>,
    /// The logs' directory.
    pub log_dir: PathBuf,
    /// The directory of the sockets, `control.sock` and `notify.sock`.
    pub runtime_dir: PathBuf,
    /// The cgroup2 mount. `None`: services get no control groups and are signalled by session.
    pub cgroup_root: Option<PathBuf>,
    /// The system bus's socket, for `Type=dbus`.
    pub bus_socket: PathBuf,
    /// Whether a pressed power key switches off.
    pub power_key: bool,
    /// Gets lines for the console.
    pub console: Console,
    /// Gets events.
    pub events: Events,
    /// What else to wait for.
    pub sources: Vec<Box<dyn Source>>,
    /// What is told that the loop runs.
    pub watchdog: Option<Box<dyn Watchdog>>,
    /// `k3os.debug`: whether [`crate::control::Request::Hang`] is obeyed.
    pub debug: bool,
}

/// The directories of unit files on the machine, later ones win.
pub const UNIT_DIRS: [&str; 4] = [
    "/usr/lib/systemd/system",
    "/etc/systemd/system",
    "/run/systemd/system",
    PERSISTENT_UNIT_DIR,
];

/// Where `enable`, `disable` and `mask` write: /etc is made anew at every boot. It is searched last, so
/// that what an administrator decided wins over what a boot generated.
pub const PERSISTENT_UNIT_DIR: &str = "/var/lib/k3os/systemd";

/// The supervisor's directory at run time.
pub const RUNTIME_DIR: &str = "/run/k3os";

/// The logs' directory.
pub const LOG_DIR: &str = "/var/log/k3os";

impl Options {
    /// The paths of the machine itself.
    pub fn machine(console: Console, events: Events) -> Self {
        Self {
            unit_dirs: UNIT_DIRS.iter().map(PathBuf::from).collect(),
            log_dir: LOG_DIR.into(),
            runtime_dir: RUNTIME_DIR.into(),
            cgroup_root: Some("/sys/fs/cgroup".into()),
            bus_socket: "/run/dbus/system_bus_socket".into(),
            power_key: true,
            console,
            events,
            sources: Vec::new(),
            watchdog: None,
            debug: false,
        }
    }
}
