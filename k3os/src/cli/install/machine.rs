//! What the installer asks of the machine that it runs on: to be the only one, where it is asked, how it ends.

use std::fs::{File, OpenOptions};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use installer::request::Finish;
use nix::fcntl::{Flock, FlockArg};

/// Held while an installation writes.
const LOCK: &str = "/run/k3os/install.lock";
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

/// The serial line that the questions are answered on: who sits there wants the installed system there too.
pub(super) fn serial_terminal() -> Option<String> {
    let path = nix::unistd::ttyname(std::io::stdin()).ok()?;
    let name = path.strip_prefix("/dev").ok()?.to_str()?;
    let is_serial = ["ttyS", "ttyAMA", "ttyUSB", "hvc"]
        .iter()
        .any(|kind| name.starts_with(kind));
    is_serial.then(|| name.to_owned())
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
