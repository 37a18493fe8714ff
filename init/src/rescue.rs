//! The one sink of everything that ends the boot: it says what failed and gives a shell on every console.

mod consoles;
#[cfg(feature = "full")]
mod owner;

use std::path::Path;
use std::process;
use std::time::Duration;

use system::console;
use system::power::{PowerState, end_machine};

use crate::steps::StepFailure;
use crate::watchdog;
use consoles::{Closing, Consoles, Program};
#[cfg(feature = "full")]
pub use owner::{Door, door};

/// How long a machine that could not boot waits for a person before it tries again: what failed may have passed (a disk
/// that spins up late, a switch that was off), and nobody may ever come.
const PATIENCE: Duration = Duration::from_secs(600);
/// The status of a shell that ends because nobody typed anything, or nobody knew the password.
pub const NOBODY: u8 = 75;
/// Shells that may be there, the first that does not break is taken: the one that asks for the password where there is one (in a
/// process of its own, since what it reads may be what failed), then those of anybody; the initramfs has only busybox.
const SHELLS: [Program; 4] = [
    ("/usr/bin/k3os", &["k3os", "internal", "rescue-shell"]),
    ("/usr/bin/bash", &["bash", "--login"]),
    ("/bin/busybox", &["sh", "-l"]),
    ("/bin/sh", &["sh"]),
];

/// Reports the failure and offers a rescue shell; leaving the shell starts the machine again.
pub fn after_failure(failure: &StepFailure) -> ! {
    let StepFailure {
        stage,
        number,
        name,
        cause,
    } = failure;
    offer(&[
        &format!("k3OS could not boot: step {stage} {number}, {name}, failed:"),
        &format!("  {cause}"),
        "What happened before: dmesg, cat /run/k3os/boot-events.jsonl",
    ])
}

/// Makes a panic anywhere in PID 1 end in the rescue shell instead of a kernel panic.
pub fn catch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        // Only PID 1 must not end; a helper thread's or a tool's panic is reported as usual by its own process.
        let message = panic.to_string();
        if process::id() == 1 {
            offer(&["internal error; please report these lines:", &message]);
        }
        eprintln!("{message}");
    }));
}

/// Shows these lines and offers a shell on every console until somebody leaves one; then the machine starts again.
/// For a machine that was asked to do nothing else.
pub fn enter(lines: &[&str]) -> ! {
    serve(lines, None)
}

/// The same for a machine that failed: it does not wait for ever.
fn offer(lines: &[&str]) -> ! {
    serve(lines, Some(PATIENCE))
}

fn serve(lines: &[&str], patience: Option<Duration>) -> ! {
    watchdog::allow_for_ever();
    console::line("");
    for line in lines {
        console::line(line);
    }
    console::line(
        "Press Enter for the rescue shell. Leaving it with `exit` starts the machine again.",
    );
    if let Some(patience) = patience {
        let minutes = patience.as_secs() / 60;
        console::line(&format!(
            "If nobody does, it starts again by itself in {minutes} minutes."
        ));
    }
    console::line("");
    match serve_shells(patience) {
        Ok(Closing::Left) => console::line("Starting the machine again."),
        Ok(Closing::Nobody) => console::line("No response, rebooting."),
        Err(reason) => {
            console::line(&format!(
                "There is no shell to give: {reason}. Rebooting in a minute."
            ));
            std::thread::sleep(Duration::from_secs(60));
        }
    }
    restart()
}

fn serve_shells(patience: Option<Duration>) -> Result<Closing, String> {
    let there = |(program, _): &Program| Path::new(program).exists();
    let programs: Vec<Program> = SHELLS.into_iter().filter(there).collect();
    if programs.is_empty() {
        return Err("this system has none".into());
    }
    let mut consoles = Consoles::open(programs, patience).map_err(|error| error.to_string())?;
    Ok(consoles.serve())
}

/// Starts the machine again; if even that is refused, waits for the power switch, since PID 1 must not end.
fn restart() -> ! {
    watchdog::allow(watchdog::STEP);
    let Err(error) = end_machine(PowerState::Reboot);
    console::line(&format!("{error:#}"));
    loop {
        std::thread::park();
    }
}
