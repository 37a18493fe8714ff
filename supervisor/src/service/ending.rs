//! The transitions of [`Service`] when something of it ends, is to end, or takes too long.

use nix::libc::{SIGCONT, SIGKILL};
use system::process::Exit;

use super::restart::is_clean;
use super::{Action, List, Outcome, Phase, Service, Whom};
use crate::unit::{KillMode, Type};

impl Service {
    /// A process of this service has ended.
    pub fn exited(&mut self, pid: i32, exit: Exit, now: u64) -> Vec<Action> {
        if self.control_pid == Some(pid) {
            self.control_pid = None;
            return self.control_ended(exit, now);
        }
        if self.main_pid == Some(pid) {
            self.main_pid = None;
            self.main_exit = Some(exit);
            return self.main_ended(exit, now);
        }
        Vec::new()
    }

    fn control_ended(&mut self, exit: Exit, now: u64) -> Vec<Action> {
        let ok = exit == Exit::Code(0) || self.failure_ignored();
        match self.phase {
            Phase::Condition(index) => self.condition_ended(index, exit, now),
            Phase::StartPre(index) if ok => self.run(Phase::StartPre(index + 1), now),
            Phase::StartPost(index) if ok => self.run(Phase::StartPost(index + 1), now),
            Phase::Start(index) if ok && index + 1 < self.settings.start.len() => {
                self.run(Phase::Start(index + 1), now)
            }
            Phase::Start(_) if ok => vec![Action::FindMain],
            Phase::StartPre(_) | Phase::Start(_) | Phase::StartPost(_) => {
                self.fail(outcome(exit), now)
            }
            Phase::Reload(index) if ok => self.run(Phase::Reload(index + 1), now),
            Phase::Reload(_) => {
                self.enter(Phase::Running, now);
                self.deadline = None;
                vec![Action::Reloaded(false)]
            }
            Phase::Stop(index) => self.run(Phase::Stop(index + 1), now),
            Phase::StopPost(index) => self.run(Phase::StopPost(index + 1), now),
            _ => vec![Action::CheckGroup],
        }
    }

    /// ExecCondition: 0 goes on, 1–254 skips the unit, anything else is a failure.
    fn condition_ended(&mut self, index: usize, exit: Exit, now: u64) -> Vec<Action> {
        match exit {
            Exit::Code(0) => self.run(Phase::Condition(index + 1), now),
            Exit::Code(1..=254) => {
                self.outcome = Outcome::Condition;
                self.terminate(now)
            }
            exit => self.fail(outcome(exit), now),
        }
    }

    fn failure_ignored(&self) -> bool {
        let (list, index) = match self.phase {
            Phase::StartPre(index) => (List::StartPre, index),
            Phase::Start(index) => (List::Start, index),
            Phase::StartPost(index) => (List::StartPost, index),
            Phase::Reload(index) => (List::Reload, index),
            _ => return false,
        };
        self.commands(list)
            .get(index)
            .is_some_and(|exec| exec.ignore_failure)
    }

    pub(super) fn main_ended(&mut self, exit: Exit, now: u64) -> Vec<Action> {
        let clean = is_clean(&self.settings, exit) || self.main_failure_ignored();
        let result = if clean {
            Outcome::Success
        } else {
            outcome(exit)
        };
        match self.phase {
            Phase::Start(index) if self.settings.effective_type() == Type::Oneshot => match clean {
                true => self.run(Phase::Start(index + 1), now),
                false => self.fail(result, now),
            },
            Phase::Start(_) if clean => self.fail(Outcome::Protocol, now),
            Phase::Start(_) => self.fail(result, now),
            Phase::Running => {
                self.note(result);
                self.begin_stop(now)
            }
            Phase::Reload(_) => {
                self.note(result);
                let mut actions = vec![Action::Reloaded(false)];
                actions.extend(self.begin_stop(now));
                actions
            }
            Phase::StartPost(_) => Vec::new(),
            // Ended by us or while being stopped: how does not matter unless nobody asked.
            _ => {
                if !self.stop_asked {
                    self.note(result);
                }
                vec![Action::CheckGroup]
            }
        }
    }

    fn main_failure_ignored(&self) -> bool {
        let index = if let Phase::Start(index) = self.phase {
            index
        } else {
            0
        };
        self.settings
            .start
            .get(index)
            .is_some_and(|exec| exec.ignore_failure)
    }

    /// Keeps the first thing that went wrong.
    fn note(&mut self, outcome: Outcome) {
        if self.outcome == Outcome::Success {
            self.outcome = outcome;
        }
    }

    pub(super) fn fail(&mut self, outcome: Outcome, now: u64) -> Vec<Action> {
        self.note(outcome);
        match self.phase {
            // Stopping goes on whatever fails.
            Phase::Stop(index) => self.run(Phase::Stop(index + 1), now),
            Phase::StopPost(index) => self.run(Phase::StopPost(index + 1), now),
            Phase::Reload(_) => {
                self.outcome = Outcome::Success;
                self.enter(Phase::Running, now);
                self.deadline = None;
                vec![Action::Reloaded(false)]
            }
            _ => self.terminate(now),
        }
    }

    pub(super) fn begin_stop(&mut self, now: u64) -> Vec<Action> {
        self.arm(now, self.settings.timeout_stop);
        self.run(Phase::Stop(0), now)
    }

    pub(super) fn terminate(&mut self, now: u64) -> Vec<Action> {
        self.enter(Phase::Terminating, now);
        self.arm(now, self.settings.timeout_stop);
        let signal = self.settings.kill_signal;
        let mut actions = match self.settings.kill_mode {
            KillMode::ControlGroup => self.signals(Whom::Group, signal),
            KillMode::Mixed | KillMode::Process => self.signals(Whom::Main, signal),
            KillMode::None => Vec::new(),
        };
        if self.control_pid.is_some() && self.settings.kill_mode != KillMode::ControlGroup {
            actions.push(Action::Signal(Whom::Control, signal));
        }
        actions.push(Action::CheckGroup);
        actions
    }

    /// A stopped process only sees a signal when it is continued.
    fn signals(&self, whom: Whom, signal: i32) -> Vec<Action> {
        vec![Action::Signal(whom, signal), Action::Signal(whom, SIGCONT)]
    }

    /// The answer to [`Action::CheckGroup`]: whether any process is left in the control group.
    pub fn group_checked(&mut self, populated: bool, now: u64) -> Vec<Action> {
        let own = self.main_pid.is_some() || self.control_pid.is_some();
        let mode = self.settings.kill_mode;
        match self.phase {
            Phase::Running if !own && !populated => self.begin_stop(now),
            Phase::Terminating if mode == KillMode::None => self.run(Phase::StopPost(0), now),
            Phase::Terminating | Phase::Killing if own => Vec::new(),
            Phase::Terminating if mode == KillMode::Mixed && populated => self.kill(now),
            Phase::Terminating | Phase::Killing if populated && mode != KillMode::Process => {
                Vec::new()
            }
            Phase::Terminating | Phase::Killing => {
                self.arm(now, self.settings.timeout_stop);
                self.run(Phase::StopPost(0), now)
            }
            _ => Vec::new(),
        }
    }

    fn kill(&mut self, now: u64) -> Vec<Action> {
        self.enter(Phase::Killing, now);
        self.arm(now, self.settings.timeout_stop);
        let whom = match self.settings.kill_mode {
            KillMode::Process | KillMode::None => Whom::Main,
            KillMode::ControlGroup | KillMode::Mixed => Whom::Group,
        };
        vec![Action::Signal(whom, SIGKILL), Action::CheckGroup]
    }

    /// Everything of it is gone: it is down, failed, or waits for its next start.
    pub(super) fn ended(&mut self, now: u64) -> Vec<Action> {
        let was_ready = self.ready_at.is_some();
        self.deadline = None;
        self.main_pid = None;
        let mut actions = Vec::new();
        if !was_ready {
            actions.push(Action::Started(self.outcome == Outcome::Condition));
        }
        if self.stop_asked && !matches!(self.outcome, Outcome::Timeout) {
            self.outcome = Outcome::Success;
        }
        if self.wants_restart() && !self.start_asked {
            let wait = self.restart_wait(now);
            self.restarts = self.restarts.saturating_add(1);
            self.enter(Phase::Waiting, now);
            self.arm(now, Some(wait));
            actions.push(Action::Restarting(wait));
            return actions;
        }
        actions.push(Action::CleanUp);
        match self.outcome {
            Outcome::Success | Outcome::Condition => self.enter(Phase::Dead, now),
            _ => {
                self.enter(Phase::Failed, now);
                actions.push(Action::Failed);
            }
        }
        actions.push(Action::Stopped);
        if self.start_asked {
            actions.extend(self.begin(now));
        }
        actions
    }

    /// Time has passed; does something only when the deadline is over.
    pub fn tick(&mut self, now: u64) -> Vec<Action> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        self.deadline = None;
        match self.phase {
            Phase::Waiting => self.begin(now),
            Phase::Condition(_) | Phase::StartPre(_) | Phase::Start(_) | Phase::StartPost(_) => {
                self.note(Outcome::Timeout);
                self.terminate(now)
            }
            Phase::Reload(_) => vec![Action::Signal(Whom::Control, SIGKILL)],
            Phase::Stop(_) => {
                self.note(Outcome::Timeout);
                self.terminate(now)
            }
            Phase::Terminating if self.settings.send_sigkill => {
                self.note(Outcome::Timeout);
                self.kill(now)
            }
            Phase::Terminating | Phase::Killing => self.run(Phase::StopPost(0), now),
            Phase::StopPost(_) => {
                let mut actions = vec![Action::Signal(Whom::Control, SIGKILL)];
                self.control_pid = None;
                actions.extend(self.ended(now));
                actions
            }
            _ => Vec::new(),
        }
    }
}

fn outcome(exit: Exit) -> Outcome {
    match exit {
        Exit::Code(code) => Outcome::Code(code),
        Exit::Signal(signal) => Outcome::Signal(signal),
    }
}
