//! Children of an earlier run of ours that did not end with it (it was killed): two of a kind would fight over
//! sockets, ports and the datastore.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a leftover child may take to end by SIGTERM.
const GRACE: Duration = Duration::from_secs(3);

/// Remembers a child.
pub fn remember(pid_file: &Path, pid: u32) {
    if let Some(directory) = pid_file.parent() {
        let _ = fs::create_dir_all(directory);
    }
    // Without the file a later start cannot clean up; that is no reason to stop this one.
    if let Err(error) = fs::write(pid_file, pid.to_string()) {
        eprintln!("k3s: writing {}: {error}", pid_file.display());
    }
}

/// Ends the child that `pid_file` names, if it still runs `command` (arguments as in `/proc/PID/cmdline`).
pub async fn end(pid_file: PathBuf, command: &[String]) {
    let Some(pid) = fs::read_to_string(&pid_file)
        .ok()
        .and_then(|text| text.trim().parse::<i32>().ok())
    else {
        return;
    };
    let started = Instant::now();
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let sent = is_running(pid, command) && kill(Pid::from_raw(pid), signal).is_ok();
        while sent && is_running(pid, command) && started.elapsed() < GRACE {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let _ = fs::remove_file(pid_file);
}

fn is_running(pid: i32, command: &[String]) -> bool {
    let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let wanted = command.iter().flat_map(|word| word.bytes().chain([0]));
    cmdline.iter().copied().eq(wanted)
}
