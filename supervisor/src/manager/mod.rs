//! The supervisor at work: one thread, one poll(2), and the state of every unit.

mod act;
mod files;
mod jobs;
mod load;
mod main_process;
mod notifications;
mod queue;
mod requests;
mod run;
mod runtime;
mod shutdown;
mod signals;
mod socket;
mod status;
mod throttle;
mod turns;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Instant;

use system::boot_events::Event;
use system::notify::NotifySocket;
use system::power::uptime_ms;
use system::power_key::PowerKeys;
use system::signals::SignalFd;

use crate::log::stamp;
use crate::log::writer::Writer;
use crate::options::{End, Options};
use crate::plan::Units;
use crate::readiness::dbus::Bus;
use crate::store::Store;
use crate::unit::read::Warning;
use jobs::Jobs;
use requests::Waiting;
use runtime::Runtime;
use shutdown::Ending;
use socket::Control;
use throttle::Throttle;
use turns::Turns;

/// PID 1's services.
pub struct Supervisor {
    options: Options,
    store: Store,
    /// Units that were added by [`Supervisor::add_unit`]: name → text. They win over files.
    added: BTreeMap<String, String>,
    units: Units,
    services: BTreeMap<String, Runtime>,
    active_targets: BTreeSet<String>,
    jobs: Jobs,
    /// The services' slice as a process's membership names it; `None` without control groups.
    slice: Option<String>,
    /// Process → unit.
    processes: BTreeMap<i32, String>,
    told: BTreeSet<Warning>,
    null: Option<File>,
    writer: Writer,
    signals: Option<SignalFd>,
    notify: Option<NotifySocket>,
    control: Option<Control>,
    bus: Option<Bus>,
    power_keys: PowerKeys,
    next_key_scan: u64,
    waiting: Vec<Waiting>,
    turns: Turns,
    /// Whether more children may have ended than were collected in this turn.
    has_more: bool,
    throttle: Throttle,
    /// Process and user of the last notification that belonged to no unit.
    last_stranger: Option<(i32, u32)>,
    is_stalled: bool,
    ending: Option<Ending>,
    ended: Option<End>,
}

impl Supervisor {
    /// A supervisor that has done nothing yet.
    pub fn new(options: Options) -> Self {
        Self {
            store: Store::new(options.unit_dirs.clone()),
            options,
            added: BTreeMap::new(),
            units: Units::default(),
            services: BTreeMap::new(),
            active_targets: BTreeSet::new(),
            jobs: Jobs::default(),
            slice: None,
            processes: BTreeMap::new(),
            told: BTreeSet::new(),
            null: None,
            writer: Writer::default(),
            signals: None,
            notify: None,
            control: None,
            bus: None,
            power_keys: PowerKeys::default(),
            next_key_scan: 0,
            waiting: Vec::new(),
            turns: Turns::default(),
            has_more: false,
            throttle: Throttle::default(),
            last_stranger: None,
            is_stalled: false,
            ending: None,
            ended: None,
        }
    }

    /// Adds a unit, or replaces one, by the text of a unit file. What its `[Install]` section says is
    /// wanted by counts at once.
    pub fn add_unit(&mut self, name: &str, text: &str) {
        self.added.insert(name.to_owned(), text.to_owned());
    }

    /// Starts `goal` and everything it wants, then keeps services running until the machine is to end
    /// and all of them have stopped.
    ///
    /// Children that init started before are reaped here: it must not wait for them itself.
    pub fn run(&mut self, goal: &str) -> End {
        self.turns.begin(Instant::now());
        self.open();
        self.start_units(&[goal.to_owned()]);
        loop {
            self.settle();
            if let Some(end) = self.ended {
                self.close();
                return end;
            }
            self.wait();
        }
    }

    fn notify_path(&self) -> PathBuf {
        self.options.runtime_dir.join("notify.sock")
    }

    /// Opens what services and clients need. What cannot be opened is told; the rest still works.
    fn open(&mut self) {
        if std::process::id() != 1 && system::process::adopt_orphans().is_err() {
            self.tell("adopting orphans was refused: services that fork are not followed");
        }
        let signals = SignalFd::open(&signals::all());
        self.signals = self.opened("signals", signals);
        self.writer = Writer::start();
        let null = File::options().read(true).write(true).open("/dev/null");
        self.null = self.opened("/dev/null", null);
        let notify = NotifySocket::bind(&self.notify_path());
        self.notify = self.opened("the notification socket", notify);
        let control = Control::bind(&self.options.runtime_dir.join("control.sock"));
        self.control = self.opened("the control socket", control);
        self.prepare_cgroups();
    }

    fn prepare_cgroups(&mut self) {
        if let Some(root) = self.options.cgroup_root.clone()
            && let Err(error) = system::cgroup::prepare(&root)
        {
            self.tell(&format!(
                "preparing control groups in {}: {error}",
                root.display()
            ));
            self.options.cgroup_root = None;
        }
        let root = self.options.cgroup_root.as_deref();
        self.slice =
            root.map(|root| format!("{}/system.slice", system::cgroup::path_in_hierarchy(root)));
    }

    fn opened<T>(&mut self, what: &str, result: std::io::Result<T>) -> Option<T> {
        result
            .map_err(|error| self.tell(&format!("opening {what}: {error}")))
            .ok()
    }

    fn close(&mut self) {
        // What was sent to them and nobody received ends with them.
        let control = self.control.take().map(Control::into_descriptors);
        let descriptors = control.into_iter().flatten();
        let notify = self.notify.take().map(OwnedFd::from);
        descriptors.chain(notify).for_each(system::closing::close);
        for socket in ["control.sock", "notify.sock"] {
            // They are gone with the run anyway.
            let _ = std::fs::remove_file(self.options.runtime_dir.join(socket));
        }
    }

    /// A line for whoever sits at the console.
    fn tell(&mut self, line: &str) {
        (self.options.console)(line);
    }

    fn event(&mut self, source: &str, event: &str, ms: Option<u64>, error: Option<String>) {
        let (source, event) = (source.to_owned(), event.to_owned());
        (self.options.events)(&Event {
            at_ms: uptime_ms(),
            source,
            event,
            ms,
            error,
        });
    }

    /// A line of our own in a unit's log.
    fn note(&mut self, unit: &str, line: &str) {
        if let Some(runtime) = self.services.get_mut(unit) {
            runtime.log.say(line, &stamp::now());
        }
    }
}
