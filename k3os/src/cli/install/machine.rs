//! What the installer asks of the machine that it runs on: to be the only one, where it is asked, how it ends.

use std::fs::{File, OpenOptions};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use config::BootSwitches;
use installer::request::Finish;
use nix::fcntl::{Flock, FlockArg};
use system::power::kernel_cmdline;
use system::tty;

/// Held while an installation writes.
const LOCK: &str = "/run/k3os/install.lock";
/// Terminals that are serial lines, of the machine or of its hypervisor.
const SERIAL: [&str; 4] = ["ttyS", "ttyAMA", "ttyUSB", "hvc"];
/// How long the last words can be read before the machine starts again, as in k3OS.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Ends the machine, or not.
pub(super) fn finish(how: Finish) -> Result<ExitCode> {
    let command = match how {
        Finish::Stay => return Ok(ExitCode::SUCCESS),
        Finish::Reboot => "reboot",
        Finish::PowerOff => "poweroff",
    };
    std::thread::sleep(LAST_WORDS);
    let code = supervisor::shutdown_main(command, &[]);
    ensure!(code == 0, "asking init to {command}: it refused");
    Ok(ExitCode::SUCCESS)
}

/// The serial line that the questions are answered on, with the speed that this system has it at: who sits there wants the
/// installed system there too.
pub(super) fn serial_terminal() -> Option<String> {
    let name = tty::terminals().into_iter().next()?;
    let is_serial = SERIAL.iter().any(|kind| name.starts_with(kind));
    let consoles = BootSwitches::from_cmdline(&kernel_cmdline().unwrap_or_default()).consoles;
    let speed = consoles
        .into_iter()
        .find(|console| console.device == name && !console.options.is_empty())
        .map(|console| format!(",{}", console.options));
    is_serial.then(|| format!("{name}{}", speed.unwrap_or_default()))
}

/// The machine's one installation; `None` when another one has it.
pub(super) fn lock() -> Result<Option<Flock<File>>> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(LOCK)
        .with_context(|| format!("opening {LOCK}"))?;
    Ok(Flock::lock(file, FlockArg::LockExclusiveNonblock).ok())
}
