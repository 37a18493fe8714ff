//! `systemctl`, `reboot` and its like, and `k3os logs`: clients of the control socket.

pub mod args;
mod commands;
pub mod enable;
mod logs;
mod power;
pub mod print;

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

pub use logs::{LogsRequest, logs, logs_main};
pub use power::shutdown_main;

use crate::control::{Reply, Request};
use crate::options::{PERSISTENT_UNIT_DIR, RUNTIME_DIR, UNIT_DIRS};
use crate::store::Store;
use args::Args;
use enable::Links;

/// systemctl's exit codes.
pub mod code {
    /// All went well.
    pub const OK: i32 = 0;
    /// Something failed.
    pub const FAILED: i32 = 1;
    /// The command line is wrong.
    pub const USAGE: i32 = 2;
    /// The unit does not run.
    pub const NOT_RUNNING: i32 = 3;
    /// There is no such unit (status, is-active, is-enabled).
    pub const UNKNOWN: i32 = 4;
    /// There is no such unit (start, stop, …).
    pub const NOT_INSTALLED: i32 = 5;
}

/// Where the supervisor listens and unit files lie.
pub(crate) struct Client {
    socket: PathBuf,
    links: Links,
}

impl Client {
    /// The machine's own.
    pub(crate) fn machine() -> Self {
        let store = Store::new(UNIT_DIRS.iter().map(PathBuf::from).collect());
        let links = Links {
            store,
            directory: PERSISTENT_UNIT_DIR.into(),
        };
        Self {
            socket: Path::new(RUNTIME_DIR).join("control.sock"),
            links,
        }
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn ask(&self, request: &Request) -> Result<Reply, String> {
        let path = self.socket.display();
        let mut stream = UnixStream::connect(&self.socket).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => "only root may ask the supervisor: use sudo".to_owned(),
            _ => format!("connecting to the supervisor at {path}: {error}"),
        })?;
        let said = |error| format!("talking to the supervisor at {path}: {error}");
        let mut line = serde_json::to_vec(request).map_err(|error| error.to_string())?;
        line.push(b'\n');
        stream.write_all(&line).map_err(said)?;
        let mut answer = String::new();
        BufReader::new(stream)
            .read_line(&mut answer)
            .map_err(said)?;
        if answer.is_empty() {
            return Err("the supervisor ended before it answered".to_owned());
        }
        serde_json::from_str(&answer)
            .map_err(|error| format!("reading the supervisor's answer: {error}"))
    }
}

/// Asks the supervisor to block its loop, to see what the watchdog does.
///
/// # Errors
/// When it refuses, which it does without `k3os.debug`, or cannot be asked.
pub fn hang(ms: u64) -> Result<(), String> {
    let reply = Client::machine().ask(&Request::Hang { ms })?;
    match reply.failed.first() {
        Some((_, reason)) => Err(reason.clone()),
        None => Ok(()),
    }
}

/// Runs `systemctl` with the words behind its name; returns its exit code.
pub fn systemctl_main(words: &[String]) -> i32 {
    match Args::parse(words) {
        Ok(args) => Client::machine().run(&args),
        Err(error) => {
            eprintln!("systemctl: {error}");
            code::USAGE
        }
    }
}
