//! Runs a supervisor on a folder of unit files, for trying units out and for this crate's tests.
//!
//! `supervise FOLDER GOAL [CGROUP_ROOT]`: units in FOLDER/units, logs in FOLDER/log, sockets in
//! FOLDER/run. Events go to standard output as JSON lines, console lines to standard error.

use std::path::PathBuf;

use supervisor::{Event, Options, Supervisor};

fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map(PathBuf::from).ok_or("usage: supervise FOLDER GOAL [CGROUP_ROOT]")?;
    let goal = arguments.next().unwrap_or_else(|| "default.target".to_owned());
    let options = Options {
        unit_dirs: vec![folder.join("units"), folder.join("own-units")],
        log_dir: folder.join("log"),
        runtime_dir: folder.join("run"),
        cgroup_root: arguments.next().map(PathBuf::from),
        bus_socket: folder.join("run/bus"),
        power_key: false,
        console: Box::new(|line: &str| eprintln!("{line}")),
        events: Box::new(|event: &Event| {
            println!("{}", serde_json::to_string(event).unwrap_or_default());
        }),
    };
    let end = Supervisor::new(options).run(&goal);
    println!("{}", serde_json::to_string(&end).unwrap_or_default());
    Ok(())
}
