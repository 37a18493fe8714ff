//! Process 1 of a pod's sandbox: holds the pod's namespaces, reaps what is orphaned in them, ends at SIGTERM or SIGINT.

#![warn(clippy::disallowed_macros)]

use std::io::Write;
use std::process::ExitCode;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

fn main() -> ExitCode {
    if std::env::args()
        .nth(1)
        .is_some_and(|arg| arg == "-v" || arg == "--version")
    {
        let written = writeln!(std::io::stdout(), "pause {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::from(u8::from(written.is_err()));
    }
    match wait_for_end() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done where nobody hears it.
            let _ = writeln!(std::io::stderr(), "pause: waiting for signals: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Signals are blocked and waited for, so that none is lost between two calls.
fn wait_for_end() -> Result<(), Errno> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGINT, Signal::SIGTERM] {
        signals.add(signal);
    }
    signals.thread_block()?;
    loop {
        if signals.wait()? != Signal::SIGCHLD {
            return Ok(());
        }
        reap();
    }
}

/// One SIGCHLD may stand for several children.
fn reap() {
    while !matches!(
        waitpid(None, Some(WaitPidFlag::WNOHANG)),
        Ok(WaitStatus::StillAlive) | Err(_)
    ) {}
}
