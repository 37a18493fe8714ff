//! Ending every process but this one, for PID 1 at the very end.

use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// All processes that this one may signal, itself excepted (kill(2)).
const EVERYBODY: Pid = Pid::from_raw(-1);
/// How often the children are looked at while they end; SIGCHLD is of no use here, since others may handle it.
const ROUND: Duration = Duration::from_millis(20);

/// Asks all processes to end, gives them `grace`, then kills what is left. Returns when no child is left, at the latest
/// two seconds after the kill (a process stuck in the kernel cannot be waited for).
pub fn end_all_processes(grace: Duration) {
    let _ = kill(EVERYBODY, Signal::SIGTERM);
    let _ = kill(EVERYBODY, Signal::SIGCONT);
    if reap_for(grace) {
        return;
    }
    let _ = kill(EVERYBODY, Signal::SIGKILL);
    reap_for(Duration::from_secs(2));
}

/// Reaps children until there are none (true) or the time is over (false).
fn reap_for(limit: Duration) -> bool {
    let end = Instant::now() + limit;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Err(Errno::ECHILD) => return true,
            Ok(WaitStatus::StillAlive) if Instant::now() >= end => return false,
            Ok(WaitStatus::StillAlive) => sleep(ROUND),
            _ => {}
        }
    }
}
