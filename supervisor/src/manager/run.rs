//! The loop: wait for something to happen, then let every part look at what is theirs.

use std::os::fd::AsFd;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use system::power::uptime_ms;
use system::process::{self, ExecResult, Exit, Step};

use super::Supervisor;
use crate::log::stamp;
use crate::service::{Outcome, Phase, Role};
use crate::unit::{Output, Type};

/// How often ports, files and a bus that does not listen yet are looked at, in milliseconds.
const LOOK_INTERVAL: u64 = 20;

/// How often stopping services are looked at besides when a child ends, in milliseconds.
const STOP_INTERVAL: u64 = 200;

/// How often new power keys are looked for: often while drivers load, in milliseconds.
const KEY_INTERVALS: (u64, u64) = (2_000, 30_000);

/// Until when that is, in milliseconds since the machine's start.
const DRIVERS_LOADED: u64 = 120_000;

impl Supervisor {
    /// Waits until something happens or is due, and handles it.
    pub(super) fn wait(&mut self) {
        self.end_turn();
        let timeout = self.timeout();
        let began;
        let outputs = {
            let (mut polled, outputs) = self.descriptors();
            // An interrupted or failed poll is a turn in which everything is looked at.
            let _ = poll(&mut polled, timeout);
            began = Instant::now();
            let ready = polled
                .iter()
                .map(|it| it.revents().is_some_and(|events| !events.is_empty()));
            let fixed = polled.len().saturating_sub(outputs.len());
            let ready: Vec<bool> = ready.skip(fixed).collect();
            outputs
                .into_iter()
                .zip(ready)
                .filter(|(_, ready)| *ready)
                .map(|(unit, _)| unit)
                .collect::<Vec<_>>()
        };
        self.turns.begin(began);
        self.take_signals();
        for unit in outputs {
            self.drain(&unit);
        }
        self.take_notifications();
        self.take_executed();
        self.take_exits();
        self.take_ended_elsewhere();
        self.take_bus();
        self.look_at_watched();
        self.take_power_keys();
        self.options.sources.iter_mut().for_each(|it| it.take());
        self.tick();
        self.serve_control();
        for line in self.writer.take_news() {
            self.tell(&line);
        }
    }

    /// Everything to poll; the units at the end are those of the last descriptors, in their order.
    fn descriptors(&self) -> (Vec<PollFd<'_>>, Vec<String>) {
        let mut polled = Vec::new();
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        polled.extend(self.signals.as_ref().map(|it| readable(it.as_fd())));
        let notify = self.notify.as_ref();
        // What is not received must not wake us up.
        let notify = notify.filter(|_| !system::closing::is_stalled());
        polled.extend(notify.map(|it| readable(it.as_fd())));
        let services = self.services.values();
        polled.extend(services.filter_map(|it| Some(readable(it.main.as_ref()?.as_fd()))));
        polled.extend(self.bus.as_ref().map(|it| readable(it.as_fd())));
        polled.extend(self.power_keys.descriptors().map(readable));
        let sources = self.options.sources.iter();
        polled.extend(sources.map(|it| readable(it.descriptor())));
        polled.extend(self.control.iter().flat_map(|control| control.polled()));
        for runtime in self.services.values() {
            polled.extend(
                runtime
                    .starting
                    .iter()
                    .map(|it| readable(it.result.as_fd())),
            );
        }
        let mut outputs = Vec::new();
        for (unit, runtime) in &self.services {
            if let Some((reading, _)) = &runtime.pipe {
                polled.push(readable(reading.as_fd()));
                outputs.push(unit.clone());
            }
        }
        (polled, outputs)
    }

    /// How long nothing needs to be done unasked.
    fn timeout(&self) -> PollTimeout {
        let now = uptime_ms();
        if self.has_more {
            return PollTimeout::ZERO;
        }
        let mut next = self.next_key_scan.max(now + 1);
        if system::closing::is_stalled() {
            next = next.min(now + STOP_INTERVAL);
        }
        for runtime in self.services.values() {
            next = next.min(runtime.service.deadline.unwrap_or(u64::MAX));
            if runtime.is_watched && self.needs_looks(runtime) {
                next = next.min(now + LOOK_INTERVAL);
            }
            if matches!(runtime.service.phase, Phase::Terminating | Phase::Killing) {
                next = next.min(now + STOP_INTERVAL);
            }
        }
        next = next.min(self.ending_deadline().unwrap_or(u64::MAX));
        let wait = next.saturating_sub(now).min(60_000);
        let wait = wait.min(self.next_feed().unwrap_or(u64::MAX));
        PollTimeout::try_from(i32::try_from(wait).unwrap_or(60_000)).unwrap_or(PollTimeout::ZERO)
    }

    fn needs_looks(&self, runtime: &super::runtime::Runtime) -> bool {
        runtime.service.settings.effective_type() != Type::Dbus || self.bus.is_none()
    }

    fn tick(&mut self) {
        let now = uptime_ms();
        let due: Vec<_> = self
            .services
            .iter()
            .filter(|(_, it)| it.service.deadline.is_some_and(|deadline| deadline <= now))
            .map(|(unit, _)| unit.clone())
            .collect();
        for unit in due {
            if let Some(runtime) = self.services.get_mut(&unit) {
                let actions = runtime.service.tick(now);
                self.perform(&unit, actions);
            }
        }
        let stopping = |it: &super::runtime::Runtime| {
            matches!(it.service.phase, Phase::Terminating | Phase::Killing)
                || it.service.phase == Phase::Running && it.service.main_pid.is_none()
        };
        let stopping: Vec<_> = self
            .services
            .iter()
            .filter(|(_, it)| stopping(it))
            .map(|(unit, _)| unit.clone())
            .collect();
        for unit in stopping {
            let actions = self.check_group(&unit);
            self.perform(&unit, actions);
        }
    }

    /// Collects ended children, ours and orphans.
    fn take_exits(&mut self) {
        let ended = process::reap();
        self.has_more = ended.len() >= process::MOST_REAPED;
        for (pid, exit) in ended {
            if let Some(unit) = self.processes.get(&pid).cloned() {
                self.exited(&unit, pid, exit);
            }
        }
    }

    /// A process of a unit has ended.
    pub(super) fn exited(&mut self, unit: &str, pid: i32, exit: Exit) {
        self.processes.remove(&pid);
        self.drain(unit);
        self.take_result_of(unit, pid);
        let Some(runtime) = self.services.get_mut(unit) else {
            return;
        };
        let failure = runtime.exec_failure.take();
        let actions = runtime.service.exited(pid, exit, uptime_ms());
        if let (Some(reason), Outcome::Code(_)) = (failure, &runtime.service.outcome) {
            runtime.service.outcome = Outcome::Resources(reason);
        }
        self.perform(unit, actions);
    }

    fn take_executed(&mut self) {
        let pids: Vec<_> = self
            .services
            .iter()
            .flat_map(|(unit, it)| it.starting.iter().map(|it| (unit.clone(), it.pid)))
            .collect();
        for (unit, pid) in pids {
            self.take_result_of(&unit, pid);
        }
    }

    /// Looks whether a process has executed its program, and tells its service.
    fn take_result_of(&mut self, unit: &str, pid: i32) {
        let Some(runtime) = self.services.get_mut(unit) else {
            return;
        };
        let Some(at) = runtime.starting.iter().position(|it| it.pid == pid) else {
            return;
        };
        let starting = runtime.starting.swap_remove(at);
        match process::exec_result(&starting.result) {
            ExecResult::Pending => runtime.starting.push(starting),
            ExecResult::Executed => {
                if starting.role == Role::Main {
                    let actions = runtime.service.executed(uptime_ms());
                    self.perform(unit, actions);
                }
            }
            ExecResult::Failed(step, error) => {
                let place = match (&runtime.service.settings.output, step) {
                    (Output::File(path, _), Step::Output) => format!(" to {}", path.display()),
                    _ => String::new(),
                };
                let text = format!(
                    "starting {}: {}{place}: {error}",
                    starting.program,
                    step.text()
                );
                runtime.exec_failure = Some(text.clone());
                self.note(unit, &text);
            }
        }
    }

    fn take_power_keys(&mut self) {
        let now = uptime_ms();
        if !self.options.power_key {
            self.next_key_scan = u64::MAX;
            return;
        }
        if now >= self.next_key_scan {
            self.power_keys.scan();
            let (often, seldom) = KEY_INTERVALS;
            self.next_key_scan = now + if now < DRIVERS_LOADED { often } else { seldom };
        }
        if self.power_keys.is_pressed() {
            self.tell("The power key was pressed.");
            self.begin_end(crate::options::End::PowerOff, false);
        }
    }

    /// Takes the rest of every service's output before the end.
    pub(super) fn drain_all(&mut self) {
        let stamp = stamp::now();
        for runtime in self.services.values_mut() {
            runtime.drain(&stamp);
            runtime.log.flush(&stamp);
        }
    }
}
