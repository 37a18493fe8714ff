//! What clients of the control socket ask for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Supervisor;
use crate::control::{Reply, Request};
use crate::options::End;
use crate::plan;
use crate::service::Whom;

/// A client that waits until jobs are over.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    client: u64,
    units: BTreeSet<String>,
    reply: Reply,
}

impl Supervisor {
    pub(super) fn serve_control(&mut self) {
        let requests = self
            .control
            .as_mut()
            .map(|control| control.take())
            .unwrap_or_default();
        for (client, request) in requests {
            match request {
                Ok(request) => self.serve(client, request),
                Err(error) => self.answer(
                    client,
                    &Reply {
                        error: Some(error),
                        ..Reply::default()
                    },
                ),
            }
        }
    }

    fn answer(&mut self, client: u64, reply: &Reply) {
        if let Some(control) = &mut self.control {
            control.answer(client, reply);
        }
    }

    fn serve(&mut self, client: u64, request: Request) {
        match request {
            Request::Start { units, no_block } => {
                self.serve_jobs(client, &units, no_block, |it, units| it.start_units(units));
            }
            Request::Stop { units, no_block } => {
                self.serve_jobs(client, &units, no_block, |it, units| {
                    it.stop_units(units);
                    Vec::new()
                })
            }
            Request::Restart {
                mut units,
                only_active,
                no_block,
            } => {
                if only_active {
                    units.retain(|unit| self.is_up(&self.units.canonical(unit)));
                }
                self.serve_jobs(client, &units, no_block, |it, units| {
                    it.restart_units(units);
                    Vec::new()
                });
            }
            Request::Reload { units } => self.serve_jobs(client, &units, false, |it, units| {
                units.iter().for_each(|unit| it.jobs.add_reload(unit));
                Vec::new()
            }),
            Request::ResetFailed { units } => self.reset_failed(client, &units),
            Request::Kill { units, signal } => self.kill_units(client, &units, signal),
            Request::DaemonReload => {
                let notes = self.reload_units();
                self.answer(
                    client,
                    &Reply {
                        notes,
                        ..Reply::default()
                    },
                );
            }
            Request::List => {
                let units = self.units.by_name.keys().cloned().collect::<Vec<_>>();
                let units = units
                    .iter()
                    .filter_map(|unit| self.status(unit, false))
                    .collect();
                self.answer(
                    client,
                    &Reply {
                        units,
                        manager: Some(self.turns.status()),
                        ..Reply::default()
                    },
                );
            }
            Request::Show { units } => self.show(client, &units),
            Request::Hang { ms } => self.hang(client, ms),
            Request::End { end, force } => self.serve_end(client, end, force),
        }
    }

    /// Splits names into true names of units that exist and those that do not.
    fn sort_out(&mut self, names: &[String]) -> (Vec<String>, Reply) {
        let mut reply = Reply::default();
        let mut known = Vec::new();
        for name in names {
            match self.known(name) {
                Some(unit) => known.push(unit),
                None => reply.unknown.push(name.clone()),
            }
        }
        (known, reply)
    }

    fn serve_jobs(
        &mut self,
        client: u64,
        names: &[String],
        no_block: bool,
        queue: impl Fn(&mut Self, &[String]) -> Vec<String>,
    ) {
        let (mut units, mut reply) = self.sort_out(names);
        if self.ending.is_some() {
            reply.error = Some("the machine is being shut down".to_owned());
            return self.answer(client, &reply);
        }
        for unit in &units {
            let is_masked = !self.units.by_name.get(unit).is_some_and(plan::exists);
            if is_masked && !self.is_up(unit) {
                reply
                    .failed
                    .push((unit.clone(), "the unit is masked".to_owned()));
            }
        }
        units.retain(|unit| !reply.failed.iter().any(|(failed, _)| failed == unit));
        reply.notes = queue(self, &units);
        if no_block {
            return self.answer(client, &reply);
        }
        self.waiting.push(Waiting {
            client,
            units: units.into_iter().collect(),
            reply,
        });
        self.answer_waiting();
    }

    /// Notes a failed job for the clients that wait for it.
    pub(super) fn tell_failed_job(&mut self, unit: &str, reason: &str) {
        for waiting in self
            .waiting
            .iter_mut()
            .filter(|waiting| waiting.units.contains(unit))
        {
            waiting
                .reply
                .failed
                .push((unit.to_owned(), reason.to_owned()));
        }
    }

    /// Answers the clients whose jobs are all over, and forgets those that went away.
    pub(super) fn answer_waiting(&mut self) {
        let (over, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|it| !it.units.iter().any(|unit| self.jobs.get(unit).is_some()));
        self.waiting = waiting;
        let control = self.control.as_ref();
        self.waiting
            .retain(|it| control.is_some_and(|control| control.has(it.client)));
        for it in over {
            self.answer(it.client, &it.reply);
        }
    }

    fn reset_failed(&mut self, client: u64, names: &[String]) {
        let (units, reply) = self.sort_out(names);
        for (unit, runtime) in &mut self.services {
            if names.is_empty() || units.contains(unit) {
                runtime.service.reset_failed();
            }
        }
        self.answer(client, &reply);
    }

    fn kill_units(&mut self, client: u64, names: &[String], signal: i32) {
        let (units, reply) = self.sort_out(names);
        for unit in units {
            if let Some(runtime) = self.services.get(&unit) {
                runtime.signal(Whom::Group, signal);
            }
        }
        self.answer(client, &reply);
    }

    fn show(&mut self, client: u64, names: &[String]) {
        let (units, mut reply) = self.sort_out(names);
        for unit in &units {
            self.drain(unit);
        }
        reply.units = units
            .iter()
            .filter_map(|unit| self.status(unit, true))
            .collect();
        self.answer(client, &reply);
    }

    /// Blocks everything, as a defect would.
    fn hang(&mut self, client: u64, ms: u64) {
        let refusal = "refused: hanging PID 1 needs k3os.debug on the kernel command line";
        let error = (!self.options.debug).then(|| refusal.to_owned());
        let reply = Reply {
            error,
            ..Reply::default()
        };
        self.answer(client, &reply);
        if self.options.debug {
            std::thread::sleep(Duration::from_millis(ms));
        }
    }

    fn serve_end(&mut self, client: u64, end: End, force: bool) {
        self.answer(client, &Reply::default());
        self.begin_end(end, force);
    }
}
