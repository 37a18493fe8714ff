//! What the supervisor keeps for each service beside its state: its log, pipe and control group.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use system::cgroup;
use system::process::{self, Handle};

use crate::log::Log;
use crate::service::{Role, Service, Whom};
use crate::unit::Unit;

/// How much is read of one service's output before the others have their turn, in bytes.
const MOST_AT_ONCE: usize = 64 * 1024;

/// A process that has not told yet whether it was executed.
pub struct Starting {
    /// Its id.
    pub pid: i32,
    /// What it is to its service.
    pub role: Role,
    /// Its program, for messages.
    pub program: String,
    /// What it will tell, see [`process::exec_result`].
    pub result: OwnedFd,
}

/// A service and what belongs to it.
pub struct Runtime {
    /// Its state.
    pub service: Service,
    /// Its log.
    pub log: Log,
    /// Both ends of its output pipe. We keep the writing end too, for its next process.
    pub pipe: Option<(File, OwnedFd)>,
    /// Processes that have not told yet whether they were executed.
    pub starting: Vec<Starting>,
    /// The main process where the service named it: it may not be our child.
    pub main: Option<Handle>,
    /// Its control group.
    pub cgroup: Option<PathBuf>,
    /// The sessions of its processes, for machines without control groups.
    pub sessions: Vec<i32>,
    /// Whether its port, file or bus name is being waited for.
    pub is_watched: bool,
    /// Whether the bus was asked for its name.
    pub is_asked: bool,
    /// The condition that kept it from starting.
    pub unmet: Option<String>,
    /// Why its last program could not be executed.
    pub exec_failure: Option<String>,
}

impl Runtime {
    /// For a unit that does not run.
    pub fn new(unit: &Unit, log: Log, cgroup_root: Option<&Path>) -> Self {
        Self {
            service: Service::new(unit),
            log,
            pipe: None,
            starting: Vec::new(),
            main: None,
            cgroup: cgroup_root.map(|root| root.join("system.slice").join(&unit.name)),
            sessions: Vec::new(),
            is_watched: false,
            is_asked: false,
            unmet: None,
            exec_failure: None,
        }
    }

    /// Makes the output pipe if there is none, and returns its writing end.
    pub fn writing_end(&mut self) -> std::io::Result<&OwnedFd> {
        if self.pipe.is_none() {
            let (reading, writing) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
            // Only our end: a service expects its writes to wait.
            let nonblocking = nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
            nix::fcntl::fcntl(&reading, nonblocking)?;
            self.pipe = Some((File::from(reading), writing));
        }
        match &self.pipe {
            Some((_, writing)) => Ok(writing),
            None => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    /// Moves waiting output into the log.
    pub fn drain(&mut self, stamp: &str) {
        let Some((reading, _)) = &mut self.pipe else {
            return;
        };
        let mut buffer = [0u8; 8192];
        let mut taken = 0;
        while taken < MOST_AT_ONCE {
            match reading.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(length) => {
                    taken += length;
                    let bytes = buffer.get(..length).unwrap_or_default();
                    self.log.feed(bytes, stamp);
                }
            }
        }
    }

    /// Whether any process of it is left.
    pub fn is_populated(&self) -> bool {
        match &self.cgroup {
            Some(group) => cgroup::is_populated(group),
            None => self
                .sessions
                .iter()
                .any(|session| process::kill(-session, 0).is_ok()),
        }
    }

    /// The processes of it.
    pub fn processes(&self) -> Vec<i32> {
        match &self.cgroup {
            Some(group) => cgroup::processes(group),
            None => [self.service.main_pid, self.service.control_pid]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    /// Sends a signal. A process that is gone already is no failure.
    pub fn signal(&self, whom: Whom, signal: i32) {
        let one = |pid: Option<i32>| {
            if let Some(pid) = pid {
                let _ = process::kill(pid, signal);
            }
        };
        match (whom, &self.cgroup) {
            (Whom::Main, _) => match &self.main {
                Some(main) if Some(main.pid()) == self.service.main_pid => {
                    let _ = main.signal(signal);
                }
                _ => one(self.service.main_pid),
            },
            (Whom::Control, _) => one(self.service.control_pid),
            (Whom::Group, Some(group)) if signal == nix::libc::SIGKILL => cgroup::kill(group),
            (Whom::Group, Some(group)) => {
                cgroup::signal(group, signal);
            }
            (Whom::Group, None) => {
                self.sessions.iter().for_each(|session| one(Some(-session)));
            }
        }
    }
}
