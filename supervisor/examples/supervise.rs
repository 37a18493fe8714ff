//! Runs a supervisor on a folder of unit files, for trying units out and for this crate's tests.
//!
//! `supervise FOLDER GOAL [CGROUP_ROOT]`: units in FOLDER/units, logs in FOLDER/log, sockets in
//! FOLDER/run. Events go to standard output as JSON lines, console lines to standard error.
//!
//! `supervise --notify TEXT`: sends TEXT to `NOTIFY_SOCKET`, as a service would.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use supervisor::{Event, Options, Supervisor};

fn main() -> Result<(), String> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [flag, text] if flag == "--notify" => notify(text).map_err(|error| error.to_string()),
        [folder, goal, rest @ ..] => {
            supervise(folder.into(), goal, rest.first().map(PathBuf::from));
            Ok(())
        }
        _ => Err("usage: supervise FOLDER GOAL [CGROUP_ROOT]".to_owned()),
    }
}

fn supervise(folder: PathBuf, goal: &str, cgroup_root: Option<PathBuf>) {
    let options = Options {
        unit_dirs: vec![folder.join("units"), folder.join("own-units")],
        log_dir: folder.join("log"),
        runtime_dir: folder.join("run"),
        cgroup_root,
        bus_socket: folder.join("run/bus"),
        power_key: false,
        console: Box::new(|line: &str| eprintln!("{line}")),
        events: Box::new(|event: &Event| {
            println!("{}", serde_json::to_string(event).unwrap_or_default());
        }),
    };
    let end = Supervisor::new(options).run(goal);
    println!("{}", serde_json::to_string(&end).unwrap_or_default());
}

fn notify(text: &str) -> std::io::Result<()> {
    let path = std::env::var_os("NOTIFY_SOCKET").unwrap_or_default();
    UnixDatagram::unbound()?
        .send_to(text.replace("\\n", "\n").as_bytes(), path)
        .map(|_| ())
}
