//! Which process a service may call its main one: `MAINPID=` and `PIDFile=` are what somebody says, and whom we believe is
//! signalled and waited for.

use std::path::PathBuf;

use system::bounded;
use system::power::uptime_ms;
use system::process::{Exit, Handle};

use super::Supervisor;
use crate::service::Action;

/// The longest PID file, in bytes.
const LONGEST_PID_FILE: u64 = 64;

impl Supervisor {
    /// Takes a process as the main one of a unit.
    ///
    /// # Errors
    /// Why it may not be that.
    pub(super) fn adopt(&mut self, unit: &str, pid: i32) -> Result<(), String> {
        // The handle first: what is looked at afterwards is of the same process, or it has ended.
        let handle = match pid {
            ..=1 => Err("it is not the id of a service's process".to_owned()),
            pid => Handle::open(pid).map_err(|error| error.to_string()),
        }?;
        match self.unit_of(pid) {
            Some(owner) if owner == unit => {}
            Some(owner) => return Err(format!("it belongs to {owner}")),
            // Without control groups, a process that we did not start is believed to be the unit's.
            None if self.slice.is_none() && pid.unsigned_abs() != std::process::id() => {}
            None => return Err(format!("it does not belong to {unit}")),
        }
        self.processes.insert(pid, unit.to_owned());
        if let Some(runtime) = self.services.get_mut(unit) {
            runtime.main = Some(handle);
        }
        Ok(())
    }

    /// The unit of a process: that of its control group, or the one for which it was started.
    pub(super) fn unit_of(&self, pid: i32) -> Option<String> {
        let Some(slice) = &self.slice else {
            return self.processes.get(&pid).cloned();
        };
        let path = system::cgroup::of_process(pid)?;
        let inside = path.strip_prefix(slice)?.strip_prefix('/')?;
        inside.split('/').next().map(str::to_owned)
    }

    /// The PID file's process, or any of the control group.
    pub(super) fn find_main(&mut self, unit: &str) -> Vec<Action> {
        let now = uptime_ms();
        let named = self.named_main(unit);
        let Some(runtime) = self.services.get(unit) else {
            return Vec::new();
        };
        let others = runtime.processes();
        let main = named.or_else(|| {
            let first = others.into_iter().min()?;
            self.adopt(unit, first).ok().map(|()| first)
        });
        let runtime = self.services.get_mut(unit);
        runtime
            .map(|runtime| runtime.service.main_found(main, now))
            .unwrap_or_default()
    }

    /// The process that the PID file names, if it may be the main one.
    fn named_main(&mut self, unit: &str) -> Option<i32> {
        let file = self.services.get(unit)?.service.settings.pid_file.clone()?;
        let path = PathBuf::from(&file);
        let text = bounded::within(move || bounded::read_text(&path, LONGEST_PID_FILE));
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                self.note(unit, &format!("reading PIDFile {file}: {error}"));
                return None;
            }
        };
        let named = text.trim();
        let adopted = named
            .parse()
            .map_err(|_| "it is not a number".to_owned())
            .and_then(|pid| self.adopt(unit, pid).map(|()| pid));
        adopted
            .map_err(|why| self.note(unit, &format!("invalid PIDFile {file} '{named}': {why}")))
            .ok()
    }

    /// Main processes that were not ours to collect and have ended. How is not to be known: well.
    pub(super) fn take_ended_elsewhere(&mut self) {
        let mut ended = Vec::new();
        for (unit, runtime) in &mut self.services {
            let current = runtime.service.main_pid;
            runtime.main.take_if(|main| Some(main.pid()) != current);
            if let Some(main) = runtime.main.take_if(|main| main.ended_elsewhere()) {
                ended.push((unit.clone(), main.pid()));
            }
        }
        for (unit, pid) in ended {
            self.exited(&unit, pid, Exit::Code(0));
        }
    }
}
