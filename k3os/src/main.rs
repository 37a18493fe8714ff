//! The multi-call binary: PID 1, `k3os`, `systemctl` and the commands that end the system.
//!
//! What it does follows from the name it is called by. Dispatch and command line only.

#![warn(clippy::disallowed_macros)]

// Printing that a full disk does not turn into a panic.
#[macro_use]
extern crate system;

mod names;

#[cfg(feature = "full")]
mod cli;
#[cfg(feature = "full")]
mod internal;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use names::Call;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    let name = arguments.first().cloned().unwrap_or_default();
    let is_pid_1 = std::process::id() == 1;
    let in_release = std::path::Path::new(system::layout::RELEASE_FILE).exists();
    match Call::from_name(&name, is_pid_1, in_release) {
        Call::FirstStage => init::initrd::run(),
        Call::Modprobe => modprobe(&arguments),
        #[cfg(feature = "full")]
        Call::SecondStage => init::boot::run(),
        #[cfg(feature = "full")]
        Call::Board => init::local::run(),
        #[cfg(feature = "full")]
        Call::Systemctl => printed(exit_code(supervisor::systemctl_main(&strings(&arguments)))),
        #[cfg(feature = "full")]
        Call::Power(applet) => exit_code(supervisor::shutdown_main(applet, &strings(&arguments))),
        #[cfg(feature = "full")]
        Call::Command => printed(cli::main(&arguments)),
        #[cfg(not(feature = "full"))]
        _ => {
            eprintln!(
                "this copy of k3os belongs into the initrd and can only be /init and modprobe"
            );
            ExitCode::FAILURE
        }
    }
}

/// What the kernel runs in the initramfs when it wants a module itself: `modprobe -q -- NAME`.
fn modprobe(arguments: &[OsString]) -> ExitCode {
    let names = arguments.iter().skip(1).filter_map(|a| a.to_str());
    let mut wanted = names.filter(|name| !name.starts_with('-'));
    let load = |name: &str| {
        system::modules::Loader::for_running_kernel().and_then(|mut loader| loader.load(name, ""))
    };
    match wanted.next().map(load) {
        Some(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// A command whose output was lost has failed, whatever else it did.
#[cfg(feature = "full")]
fn printed(code: ExitCode) -> ExitCode {
    if code == ExitCode::SUCCESS && system::output::is_incomplete() {
        eprintln!("k3os: writing the output: not all of it could be written");
        return ExitCode::FAILURE;
    }
    code
}

/// The arguments behind the program's name.
#[cfg(feature = "full")]
fn strings(arguments: &[OsString]) -> Vec<String> {
    let behind_name = arguments.iter().skip(1);
    behind_name
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect()
}

#[cfg(feature = "full")]
fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
