//! The one sink of everything that ends the boot: it says what failed and gives a shell on every console.

use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use nix::unistd::Pid;
use system::console;
use system::power::{PowerState, end_machine};
use system::shell::{Shell, reap_until_one_ends};

use crate::steps::StepFailure;

/// Shells that may be there, the most comfortable first; the initramfs has only busybox.
const SHELLS: [(&str, &[&str]); 3] = [
    ("/usr/bin/bash", &["bash", "--login"]),
    ("/bin/busybox", &["sh", "-l"]),
    ("/bin/sh", &["sh"]),
];

/// Reports the failure and stays in a rescue shell; leaving the shell starts the machine again.
pub fn after_failure(failure: &StepFailure) -> ! {
    let StepFailure {
        stage,
        number,
        name,
        cause,
    } = failure;
    enter(&[
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
            enter(&[
                "k3OS met a defect of its own; please report these lines:",
                &message,
            ]);
        }
        eprintln!("{message}");
    }));
}

/// Shows these lines and gives a shell on every console, until one of them ends; then the machine starts again.
pub fn enter(lines: &[&str]) -> ! {
    console::line("");
    for line in lines {
        console::line(line);
    }
    console::line("This is the rescue shell. `exit` starts the machine again.");
    console::line("");
    let shells = start_shells();
    if shells.is_empty() {
        console::line("There is no shell to give. The machine starts again in 60 seconds.");
        std::thread::sleep(Duration::from_secs(60));
    } else {
        reap_until_one_ends(&shells);
    }
    restart()
}

fn start_shells() -> Vec<Pid> {
    let Some((program, arguments)) = SHELLS
        .into_iter()
        .find(|(program, _)| Path::new(program).exists())
    else {
        return Vec::new();
    };
    let start = |terminal: &PathBuf| {
        let shell = Shell {
            program,
            arguments,
            terminal,
        };
        shell
            .start()
            .inspect_err(|error| console::line(&format!("{error:#}")))
    };
    console::active_devices().iter().flat_map(start).collect()
}

/// Starts the machine again; if even that is refused, waits for the power switch, since PID 1 must not end.
fn restart() -> ! {
    let Err(error) = end_machine(PowerState::Reboot);
    console::line(&format!("{error:#}"));
    loop {
        std::thread::park();
    }
}
