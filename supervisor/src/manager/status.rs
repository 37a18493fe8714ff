//! What there is to tell about a unit.

use std::fs;

use system::bounded;
use system::cgroup::{self, Figures};
use system::power::uptime_ms;
use system::process::Exit;

use super::Supervisor;
use super::runtime::Runtime;
use crate::control::UnitStatus;
use crate::unit::Unit;

/// More processes of one unit are not listed.
const MOST_PROCESSES: usize = 50;

impl Supervisor {
    /// A unit's status; `in_full` with processes, figures and log lines.
    pub(super) fn status(&self, name: &str, in_full: bool) -> Option<UnitStatus> {
        let unit = self.units.by_name.get(name)?;
        let mut status = from_unit(unit);
        status.job = self.jobs.get(name).map(|job| job.kind.word().to_owned());
        if in_full {
            status.warnings = self.warnings_of(name);
        }
        match self.services.get(name) {
            Some(runtime) => {
                add_service(&mut status, runtime);
                if in_full {
                    add_details(&mut status, runtime);
                }
            }
            None => {
                let (active, sub) = match self.active_targets.contains(name) {
                    true => ("active", "active"),
                    false => ("inactive", "dead"),
                };
                (status.active_state, status.sub_state) = (active.to_owned(), sub.to_owned());
            }
        }
        Some(status)
    }
}

fn from_unit(unit: &Unit) -> UnitStatus {
    let list = |names: &std::collections::BTreeSet<String>| names.iter().cloned().collect();
    let load_state = match (unit.masked, unit.files.is_empty() && !unit.is_target()) {
        (true, _) => "masked",
        (_, true) => "not-found",
        _ => "loaded",
    };
    UnitStatus {
        name: unit.name.clone(),
        description: unit.description.clone(),
        documentation: unit.documentation.clone(),
        load_state: load_state.to_owned(),
        files: unit
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
        after: list(&unit.after),
        wants: list(&unit.wants),
        requires: list(&unit.requires),
        not_applied: unit.not_applied.clone(),
        result: "success".to_owned(),
        ..UnitStatus::default()
    }
}

fn add_service(status: &mut UnitStatus, runtime: &Runtime) {
    let service = &runtime.service;
    status.active_state = service.active_state().to_owned();
    status.sub_state = service.sub_state().to_owned();
    status.kind = service.settings.effective_type().text().to_owned();
    status.result = service.outcome.word().to_owned();
    status.result_text = service.outcome.text();
    status.status_text.clone_from(&service.status);
    status.main_pid = service.main_pid;
    status.command = service.settings.start.first().map(crate::unit::Exec::text);
    status.main_exit = service.main_exit.map(|exit| match exit {
        Exit::Code(code) => code.to_string(),
        Exit::Signal(signal) => system::signals::name(signal),
    });
    status.restarts = service.restarts;
    status.changed_at_ms = service.changed_at;
    status.changed_ago_ms = uptime_ms().saturating_sub(service.changed_at);
    status.start_ms = service
        .ready_at
        .map(|ready| ready.saturating_sub(service.started_at));
    status.unmet_condition.clone_from(&runtime.unmet);
}

fn add_details(status: &mut UnitStatus, runtime: &Runtime) {
    let group = runtime.cgroup.as_ref().filter(|group| group.exists());
    let figures = group.map_or_else(Figures::default, |group| cgroup::figures(group));
    (status.memory, status.cpu_usec, status.tasks) =
        (figures.memory, figures.cpu_usec, figures.tasks);
    status.cgroup = group.map(|group| group.display().to_string());
    let pids: Vec<_> = runtime
        .processes()
        .into_iter()
        .take(MOST_PROCESSES)
        .collect();
    status.processes = with_command_lines(pids);
    status.lines = runtime.log.last_lines().map(str::to_owned).collect();
    status.log_error = runtime.log.error();
}

/// The kernel reads a command line from the process's memory, and waits for it while the process waits for a disk.
fn with_command_lines(pids: Vec<i32>) -> Vec<(i32, String)> {
    let bare = pids.iter().map(|&pid| (pid, String::new())).collect();
    let lines = bounded::within(move || {
        let lines = pids.into_iter().map(|pid| (pid, command_line(pid)));
        Ok(lines.collect())
    });
    lines.unwrap_or(bare)
}

fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .replace('\0', " ")
        .trim()
        .to_owned()
}
