//! Doing what the state machines ask for.

use std::collections::VecDeque;
use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use system::power::uptime_ms;
use system::process::{self, FileMode, Started, Stream, Streams};

use super::Supervisor;
use super::jobs::Kind;
use super::runtime::Starting;
use crate::launch::{self, Surroundings};
use crate::log::stamp;
use crate::service::{Action, List, Role};
use crate::unit::{Exec, Output, Service};
use crate::users::Database;

impl Supervisor {
    /// Does these actions of a unit and those that follow from them.
    pub(super) fn perform(&mut self, unit: &str, actions: Vec<Action>) {
        let mut queue: VecDeque<Action> = actions.into();
        while let Some(action) = queue.pop_front() {
            queue.extend(self.act(unit, action));
        }
    }

    fn act(&mut self, unit: &str, action: Action) -> Vec<Action> {
        match action {
            Action::Prepare => self.prepare(unit),
            Action::Spawn(list, index, role) => self.spawn(unit, list, index, role),
            Action::Watch => self.watch(unit),
            Action::FindMain => self.find_main(unit),
            Action::Signal(whom, signal) => {
                if let Some(runtime) = self.services.get(unit) {
                    runtime.signal(whom, signal);
                }
                Vec::new()
            }
            Action::CheckGroup => self.check_group(unit),
            Action::CleanUp => self.clean_up(unit),
            other => {
                self.report(unit, other);
                Vec::new()
            }
        }
    }

    /// What only needs to be told on.
    fn report(&mut self, unit: &str, action: Action) {
        match action {
            Action::Started(ok) => {
                self.unwatch(unit);
                if ok {
                    let ready = self.services.get(unit).and_then(|it| {
                        it.service
                            .ready_at
                            .map(|ready| ready.saturating_sub(it.service.started_at))
                    });
                    self.event(unit, "ready", ready, None);
                }
                self.finish_start(unit, ok);
            }
            Action::Stopped => {
                self.event(unit, "stopped", None, None);
                self.jobs.finish(unit, Kind::Stop);
            }
            Action::Reloaded(ok) => {
                if !ok {
                    self.note(unit, "reloading failed");
                    self.tell_failed_job(unit, "it could not be reloaded");
                }
                self.jobs.finish(unit, Kind::Reload);
            }
            Action::Restarting(wait) => self.tell_restart(unit, wait),
            Action::Failed => self.tell_failure(unit),
            _ => {}
        }
    }

    fn tell_restart(&mut self, unit: &str, wait: u64) {
        self.drain(unit);
        let reason = self.failure_text(unit);
        self.note(unit, &format!("{reason}; starting it again in {wait} ms"));
        self.event(unit, "restarting", Some(wait), Some(reason));
    }

    /// A failure is told with the last lines that the service wrote.
    fn tell_failure(&mut self, unit: &str) {
        self.drain(unit);
        let Some(runtime) = self.services.get(unit) else {
            return;
        };
        let reason = runtime.service.outcome.text();
        let lines: Vec<_> = runtime
            .log
            .last_lines()
            .map(|line| format!("  {line}"))
            .collect();
        self.note(unit, &format!("failed: {reason}"));
        self.tell(&format!("{unit} failed: {reason}"));
        for line in lines {
            self.tell(&line);
        }
        let short = unit.strip_suffix(".service").unwrap_or(unit);
        self.tell(&format!(
            "  Look further: k3os logs {short}, systemctl status {short}. Start it again: systemctl restart {short}"
        ));
        self.event(unit, "failed", None, Some(reason));
    }

    fn spawn(&mut self, unit: &str, list: List, index: usize, role: Role) -> Vec<Action> {
        let now = uptime_ms();
        if list == List::Start && index == 0 {
            self.event(unit, "starting", None, None);
        }
        let started = self.launch(unit, list, index, role);
        let Some(runtime) = self.services.get_mut(unit) else {
            return Vec::new();
        };
        match started {
            Ok(Started { pid, result }) => {
                let exec = runtime.service.commands(list).get(index);
                let program = exec.map(|exec| exec.program.clone()).unwrap_or_default();
                runtime.starting.push(Starting {
                    pid,
                    role,
                    program,
                    result,
                });
                runtime
                    .sessions
                    .retain(|session| process::kill(-session, 0).is_ok());
                runtime.sessions.push(pid);
                let actions = runtime.service.spawned(role, pid, now);
                self.processes.insert(pid, unit.to_owned());
                actions
            }
            Err(reason) => runtime.service.spawn_failed(reason, now),
        }
    }

    fn launch(
        &mut self,
        unit: &str,
        list: List,
        index: usize,
        role: Role,
    ) -> Result<Started, String> {
        let notify_socket = self.notify_path();
        let cgroup = self.group_for(unit, role);
        let null = self.null.as_ref().ok_or("/dev/null is not open")?;
        let runtime = self
            .services
            .get_mut(unit)
            .ok_or("the unit is not loaded")?;
        let settings = runtime.service.settings.clone();
        let exec: Option<&Exec> = runtime.service.commands(list).get(index);
        let exec = exec.ok_or("the command is gone")?.clone();
        let needs_users = settings.user.is_some() || settings.group.is_some();
        let users = if needs_users {
            Database::read(Path::new("/etc"))
        } else {
            Database::default()
        };
        let around = Surroundings {
            users: &users,
            notify_socket: &notify_socket,
            cgroup,
            main_pid: runtime.service.main_pid,
        };
        let command = launch::command(&settings, &exec, &around)?;
        let said = |error: std::io::Error| format!("connecting its output: {error}");
        let log = runtime
            .writing_end()
            .map_err(said)?
            .try_clone()
            .map_err(said)?;
        let output = stream(&settings.output, &settings, null, &log)?;
        let error = match &settings.error {
            // Two openings of one file would write over one another.
            same if *same == settings.output => None,
            Output::Inherit => None,
            other => Some(stream(other, &settings, null, &log)?),
        };
        process::spawn(
            &command,
            Streams {
                input: null.as_fd(),
                output,
                error,
            },
        )
        .map_err(|error| format!("starting {}: {error}", exec.program))
    }

    fn watch(&mut self, unit: &str) -> Vec<Action> {
        if let Some(runtime) = self.services.get_mut(unit) {
            runtime.is_watched = true;
            runtime.is_asked = false;
        }
        self.look_at_watched();
        Vec::new()
    }

    fn unwatch(&mut self, unit: &str) {
        if let Some(runtime) = self.services.get_mut(unit) {
            runtime.is_watched = false;
        }
        if !self
            .services
            .values()
            .any(|it| it.is_watched && it.service.settings.bus_name.is_some())
        {
            self.bus = None;
        }
    }

    pub(super) fn check_group(&mut self, unit: &str) -> Vec<Action> {
        let Some(runtime) = self.services.get_mut(unit) else {
            return Vec::new();
        };
        let populated = runtime.is_populated();
        runtime.service.group_checked(populated, uptime_ms())
    }

    /// Takes what a service has written into its log.
    pub(super) fn drain(&mut self, unit: &str) {
        let stamp = stamp::now();
        let Some(runtime) = self.services.get_mut(unit) else {
            return;
        };
        runtime.drain(&stamp);
        if runtime.service.main_pid.is_none() && runtime.service.control_pid.is_none() {
            runtime.log.flush(&stamp);
        }
    }
}

/// Where an output goes. What has a path is opened by the child: it may be a FIFO, or lie on a disk that stands still.
fn stream<'a>(
    output: &Output,
    settings: &Service,
    null: &'a File,
    log: &'a OwnedFd,
) -> Result<Stream<'a>, String> {
    Ok(match output {
        Output::Null => Stream::Open(null.as_fd()),
        Output::Log | Output::Inherit => Stream::Open(log.as_fd()),
        Output::File(path, mode) => Stream::File(c_path(path)?, *mode),
        Output::Terminal => {
            let tty = settings.tty.path.as_deref().unwrap_or("/dev/console");
            Stream::File(c_path(Path::new(tty))?, FileMode::Device)
        }
    })
}

fn c_path(path: &Path) -> Result<CString, String> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| format!("the path {path:?} has a zero byte"))
}
