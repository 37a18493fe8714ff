//! Runs a supervisor on a directory of unit files, for trying units out and for this crate's tests.
//!
//! `supervise DIRECTORY GOAL [CGROUP_ROOT]`: units in DIRECTORY/units, logs in DIRECTORY/log, sockets in
//! DIRECTORY/run. Events go to standard output as JSON lines, console lines to standard error.
//!
//! `supervise --notify TEXT`: sends TEXT to `NOTIFY_SOCKET`, as a service would.

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use supervisor::{Event, Options, Supervisor, Watchdog};

fn main() -> Result<(), String> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [flag, text] if flag == "--notify" => notify(text).map_err(|error| error.to_string()),
        [directory, goal, rest @ ..] => {
            supervise(directory.into(), goal, rest.first().map(PathBuf::from));
            Ok(())
        }
        _ => Err("usage: supervise DIRECTORY GOAL [CGROUP_ROOT]".to_owned()),
    }
}

fn supervise(directory: PathBuf, goal: &str, cgroup_root: Option<PathBuf>) {
    let options = Options {
        unit_dirs: vec![directory.join("units"), directory.join("own-units")],
        log_dir: directory.join("log"),
        runtime_dir: directory.join("run"),
        cgroup_root,
        bus_socket: directory.join("run/bus"),
        power_key: false,
        console: Box::new(|line: &str| eprintln!("{line}")),
        events: Box::new(|event: &Event| {
            println!("{}", serde_json::to_string(event).unwrap_or_default());
        }),
        sources: Vec::new(),
        watchdog: Some(Box::new(Feedings(directory.join("fed")))),
        debug: std::env::var_os("SUPERVISE_DEBUG").is_some(),
    };
    let end = Supervisor::new(options).run(goal);
    println!("{}", serde_json::to_string(&end).unwrap_or_default());
}

/// A watchdog that notes each feeding as a byte in a file.
struct Feedings(PathBuf);

impl Watchdog for Feedings {
    fn interval(&self) -> Duration {
        Duration::from_millis(200)
    }

    fn feed(&mut self) {
        let file = File::options().append(true).create(true).open(&self.0);
        let _ = file.and_then(|mut file| file.write_all(b"."));
    }
}

/// Sends, then waits until it was received, as systemd-notify does: the receiver closes the descriptor that comes with
/// `BARRIER=1`. Without it, we might be gone before it is looked up who sent.
fn notify(text: &str) -> std::io::Result<()> {
    let path = std::env::var_os("NOTIFY_SOCKET").unwrap_or_default();
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.send(text.replace("\\n", "\n").as_bytes())?;
    let (mut reading, writing) = std::io::pipe()?;
    let descriptors = [writing.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let parts = [IoSlice::new(b"BARRIER=1")];
    sendmsg::<()>(socket.as_raw_fd(), &parts, &rights, MsgFlags::empty(), None)?;
    drop(writing);
    reading.read_to_end(&mut Vec::new()).map(|_| ())
}
