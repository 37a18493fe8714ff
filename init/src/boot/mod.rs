//! The second stage: `/usr/sbin/init` from the release's own squashfs, up to the running supervisor and its end.

mod cgroups;
mod gettys;
mod homes;
mod identity;
mod issue;
mod kernel_fs;
mod memory;
mod shutdown;
mod status;
mod sysctl_files;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use config::BootSwitches;
use phases::Phase;
use phases::metadata::{self, Reach};
use supervisor::{End, Options, Supervisor};
use system::host::Machine;
use system::power::{PowerState, kernel_cmdline, uptime_ms};
use system::{console, net};

use crate::clock;
use crate::initrd::{MODE_FILE, Mode};
use crate::notice::Notice;
use crate::steps::Steps;
use crate::watchdog::{self, LoopLease};
use crate::{rescue, reset};
use status::{AddressNews, Status};

/// What every service is started for.
const GOAL: &str = "default.target";

/// The disk was another machine's.
const OTHER_HARDWARE: Notice = Notice("30-hardware");

/// Runs the second stage as PID 1, until the machine's end.
pub fn run() -> ! {
    rescue::catch_panics();
    console::attach();
    console::use_all();
    let cmdline = kernel_cmdline().unwrap_or_default();
    let mode = read_word(MODE_FILE);
    watchdog::allow(watchdog::STEP);
    watchdog::start(BootSwitches::from_cmdline(&cmdline).watchdog.as_deref());
    prepare(&cmdline, &mode);
    if mode == Mode::Shell.name() {
        rescue::enter(&["k3OS was started with `rescue` or k3os.mode=shell; no service runs."]);
    }
    shutdown::finish(serve(&mode, BootSwitches::from_cmdline(&cmdline).debug))
}

/// Everything before the services. Each step is by itself: a machine that lacks one of them can still be logged into.
fn prepare(cmdline: &str, mode: &str) {
    let mut steps = Steps::new("boot");
    steps.optional(
        "mounting the kernel's other file systems",
        kernel_fs::mount_all,
    );
    steps.optional("looking at the kernel's cgroups", || cgroups::look(mode));
    steps.optional("raising limits", raise_limits);
    steps.optional("tuning the kernel's memory", || memory::tune(cmdline));
    steps.optional("bringing up the loopback interface", net::bring_up_loopback);
    steps.optional("looking at the clock", || {
        if clock::start()?.is_some() {
            console::line(
                "  the hardware does not know the time: starting with the last known one",
            );
        }
        Ok(())
    });
    steps.optional(
        "resetting the machine's identity, where it was asked for",
        || {
            if reset::perform(Path::new("/"))? {
                console::line("  this is another machine from now on");
            }
            Ok(())
        },
    );
    steps.optional("comparing the hardware with the last boot's", || {
        let Some(report) = reset::look_at_hardware(Path::new("/"))? else {
            return Ok(());
        };
        console::line(&format!("  {report}"));
        OTHER_HARDWARE.show(Path::new("/run"), &report)
    });
    steps.optional("establishing the machine's identity", || {
        identity::establish(Path::new("/"))
    });
    steps.optional("making home directories", homes::make);
    steps.optional("applying the release's kernel settings", || {
        sysctl_files::apply(Path::new("/etc/sysctl.d"))
    });
    steps.optional("looking for userdata on CDs and disks", || {
        let provider = metadata::look_up(Reach::Local, Path::new("/"), cmdline, &Machine)?;
        provider
            .iter()
            .for_each(|name| console::line(&format!("  found by the data source {name}")));
        Ok(())
    });
    let mut told = BTreeSet::new();
    for phase in [Phase::Initrd, Phase::Boot] {
        steps.optional(
            &format!("applying the configuration, phase {phase}"),
            || {
                watchdog::allow(watchdog::LONG);
                apply(phase, cmdline, &mut told)
            },
        );
    }
    steps.optional("choosing consoles for logins", || {
        gettys::want(
            &BootSwitches::from_cmdline(cmdline),
            mode == Mode::Install.name(),
        )
    });
}

/// Applies a phase. What is wrong with it is told line by line, and what an earlier phase told of the sources not again; the
/// rest of it was applied.
fn apply(phase: Phase, cmdline: &str, told: &mut BTreeSet<String>) -> Result<()> {
    let mut errors = 0;
    let summary = phases::run(phase, Path::new("/"), cmdline, &Machine, &mut |event| {
        if let phases::Event::Problem(problem) = &event {
            if !told.insert(problem.to_string()) {
                return;
            }
            errors += usize::from(problem.severity == config::Severity::Error);
        }
        tell(event);
    });
    let failures = summary.failed + errors;
    ensure!(
        failures == 0,
        "{failures} of its parts do not apply (see above)"
    );
    Ok(())
}

fn tell(event: phases::Event) {
    match event {
        phases::Event::Problem(problem) => console::line(&format!("  {problem}")),
        phases::Event::Step(outcome) if outcome.error.is_some() => {
            console::line(&format!("  {outcome}"));
        }
        phases::Event::Step(outcome) => console::log_to_kernel(&outcome.to_string()),
    }
}

/// Processes of services inherit these; Kubernetes opens many files.
fn raise_limits() -> Result<()> {
    use nix::sys::resource::{Resource, setrlimit};
    const OPEN_FILES: u64 = 1_048_576;
    setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES)
        .context("raising the limit of open files")
}

/// Runs the services until somebody ends the machine. `debug`: `k3os.debug` is on the command line.
fn serve(mode: &str, debug: bool) -> PowerState {
    let release = read_word(system::layout::RELEASE_FILE);
    let status = Rc::new(RefCell::new(Status::new(&release, mode)));
    status.borrow().show();
    let shown = Rc::clone(&status);
    let mut options = Options::machine(
        Box::new(|line| console::line(&stamped(line))),
        Box::new(move |event| shown.borrow_mut().take(event)),
    );
    options.debug = debug;
    options.watchdog = Some(Box::new(LoopLease));
    match AddressNews::listen(status) {
        Ok(news) => options.sources.push(Box::new(news)),
        Err(error) => console::line(&format!("{error:#}; the login prompt may show old ones")),
    }
    match Supervisor::new(options).run(GOAL) {
        End::Reboot => PowerState::Reboot,
        End::PowerOff => PowerState::PowerOff,
        End::Halt => PowerState::Halt,
    }
}

fn stamped(line: &str) -> String {
    let now = uptime_ms();
    format!("[{:5}.{:03}] {line}", now / 1000, now % 1000)
}

fn read_word(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_string()
}
