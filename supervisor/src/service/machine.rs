//! The transitions of [`Service`] while it starts; those of its end are in [`super::ending`].
//!
//! ```text
//! Dead → Condition → StartPre → Start → StartPost → Running | Exited
//!            any of them, at a failure or stop ↓        ↓ (Stop)
//!                          Terminating → Killing → StopPost → Dead | Failed | Waiting → Condition …
//! ```

use super::notice::Notice;
use super::{Action, List, Outcome, Phase, Role, Service};
use crate::unit::Type;

impl Service {
    /// Asks for a start.
    pub fn start(&mut self, now: u64) -> Vec<Action> {
        match self.phase {
            Phase::Dead | Phase::Failed | Phase::Waiting => {
                // A person who asks again knows of the failures.
                self.forget_starts();
                self.begin(now)
            }
            Phase::Running | Phase::Exited | Phase::Reload(_) => vec![Action::Started(true)],
            Phase::Stop(_) | Phase::Terminating | Phase::Killing | Phase::StopPost(_) => {
                self.start_asked = true;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Asks for a stop.
    pub fn stop(&mut self, now: u64) -> Vec<Action> {
        self.stop_asked = true;
        self.start_asked = false;
        match self.phase {
            Phase::Dead | Phase::Failed => vec![Action::Stopped],
            Phase::Waiting => {
                self.enter(Phase::Dead, now);
                self.deadline = None;
                vec![Action::CleanUp, Action::Stopped]
            }
            Phase::Running | Phase::Exited | Phase::Reload(_) => self.begin_stop(now),
            Phase::Condition(_) | Phase::StartPre(_) | Phase::Start(_) | Phase::StartPost(_) => {
                self.terminate(now)
            }
            _ => Vec::new(),
        }
    }

    /// Asks for a reload.
    pub fn reload(&mut self, now: u64) -> Vec<Action> {
        if self.phase != Phase::Running || self.settings.reload.is_empty() {
            return vec![Action::Reloaded(false)];
        }
        self.arm(now, self.settings.start_timeout());
        self.run(Phase::Reload(0), now)
    }

    pub(super) fn begin(&mut self, now: u64) -> Vec<Action> {
        self.stop_asked = false;
        self.start_asked = false;
        self.deadline = None;
        if !self.count_start(now) {
            self.outcome = Outcome::StartLimit(self.outcome.text());
            self.enter(Phase::Failed, now);
            return vec![
                Action::Started(false),
                Action::CleanUp,
                Action::Failed,
                Action::Stopped,
            ];
        }
        self.outcome = Outcome::Success;
        (self.main_exit, self.ready_at) = (None, None);
        self.status.clear();
        self.started_at = now;
        self.arm(now, self.settings.start_timeout());
        let mut actions = vec![Action::Prepare];
        actions.extend(self.run(Phase::Condition(0), now));
        actions
    }

    /// Fails before anything ran: what it needs is not there.
    pub fn refuse(&mut self, outcome: Outcome, now: u64) -> Vec<Action> {
        self.outcome = outcome;
        self.deadline = None;
        self.enter(Phase::Failed, now);
        vec![Action::Started(false), Action::Failed]
    }

    pub(super) fn enter(&mut self, phase: Phase, now: u64) {
        self.phase = phase;
        self.changed_at = now;
    }

    pub(super) fn arm(&mut self, now: u64, timeout: Option<u64>) {
        self.deadline = timeout.map(|span| now.saturating_add(span));
    }

    /// Enters a phase that runs a list of commands, and the following ones while their lists are empty.
    pub(super) fn run(&mut self, phase: Phase, now: u64) -> Vec<Action> {
        self.enter(phase, now);
        let (list, index, role) = match phase {
            Phase::Condition(index) => (List::Condition, index, Role::Control),
            Phase::StartPre(index) => (List::StartPre, index, Role::Control),
            Phase::Start(index) => (List::Start, index, self.start_role()),
            Phase::StartPost(index) => (List::StartPost, index, Role::Control),
            Phase::Reload(index) => (List::Reload, index, Role::Control),
            Phase::Stop(index) => (List::Stop, index, Role::Control),
            Phase::StopPost(index) => (List::StopPost, index, Role::Control),
            _ => return Vec::new(),
        };
        match index < self.commands(list).len() {
            true => vec![Action::Spawn(list, index, role)],
            false => self.after_list(list, now),
        }
    }

    fn start_role(&self) -> Role {
        match self.settings.effective_type() {
            Type::Forking => Role::Control,
            _ => Role::Main,
        }
    }

    fn after_list(&mut self, list: List, now: u64) -> Vec<Action> {
        match list {
            List::Condition => self.run(Phase::StartPre(0), now),
            List::StartPre => self.run(Phase::Start(0), now),
            List::Start => self.run(Phase::StartPost(0), now),
            List::StartPost => self.started(now),
            List::Reload => {
                self.enter(Phase::Running, now);
                self.deadline = None;
                vec![Action::Reloaded(true)]
            }
            List::Stop => self.terminate(now),
            List::StopPost => self.ended(now),
        }
    }

    /// A command was started.
    pub fn spawned(&mut self, role: Role, pid: i32, now: u64) -> Vec<Action> {
        match role {
            Role::Control => {
                self.control_pid = Some(pid);
                return Vec::new();
            }
            Role::Main => self.main_pid = Some(pid),
        }
        match self.settings.effective_type() {
            Type::Simple if !self.has_own_readiness() => self.run(Phase::StartPost(0), now),
            Type::Simple | Type::Exec if self.has_own_readiness() => vec![Action::Watch],
            Type::Dbus => vec![Action::Watch],
            _ => Vec::new(),
        }
    }

    fn has_own_readiness(&self) -> bool {
        self.settings.own.ready_port.is_some() || self.settings.own.ready_file.is_some()
    }

    /// A command could not be started.
    pub fn spawn_failed(&mut self, reason: String, now: u64) -> Vec<Action> {
        self.fail(Outcome::Resources(reason), now)
    }

    /// The program of the main process was executed.
    pub fn executed(&mut self, now: u64) -> Vec<Action> {
        let waits = matches!(self.phase, Phase::Start(_)) && self.settings.kind == Some(Type::Exec);
        match waits && !self.has_own_readiness() {
            true => self.run(Phase::StartPost(0), now),
            false => Vec::new(),
        }
    }

    /// What it waited for is there: its notification, bus name, port or file.
    pub fn ready(&mut self, now: u64) -> Vec<Action> {
        let long = !matches!(
            self.settings.effective_type(),
            Type::Oneshot | Type::Forking
        );
        match matches!(self.phase, Phase::Start(_)) && long {
            true => self.run(Phase::StartPost(0), now),
            false => Vec::new(),
        }
    }

    /// It told something by sd_notify.
    pub fn noticed(&mut self, notice: &Notice, now: u64) -> Vec<Action> {
        if let Some(status) = &notice.status {
            self.status.clone_from(status);
        }
        if notice.main_pid.is_some() && !self.is_down() {
            self.main_pid = notice.main_pid;
        }
        if let (Some(extend), Some(deadline)) = (notice.extend, self.deadline) {
            self.deadline = Some(deadline.max(now.saturating_add(extend)));
        }
        if notice.stopping && self.phase == Phase::Running {
            self.arm(now, self.settings.timeout_stop);
            self.enter(Phase::Terminating, now);
            return vec![Action::CheckGroup];
        }
        match notice.ready && self.settings.kind == Some(Type::Notify) {
            true => self.ready(now),
            false => Vec::new(),
        }
    }

    /// The answer to [`Action::FindMain`].
    pub fn main_found(&mut self, pid: Option<i32>, now: u64) -> Vec<Action> {
        self.main_pid = pid;
        self.run(Phase::StartPost(0), now)
    }

    fn started(&mut self, now: u64) -> Vec<Action> {
        self.deadline = None;
        self.ready_at = Some(now);
        let kind = self.settings.effective_type();
        if kind == Type::Oneshot {
            let mut actions = vec![Action::Started(true)];
            match self.settings.remain_after_exit {
                true => self.enter(Phase::Exited, now),
                false => actions.extend(self.begin_stop(now)),
            }
            return actions;
        }
        self.enter(Phase::Running, now);
        let mut actions = vec![Action::Started(true)];
        if self.main_pid.is_none() {
            // It ended while ExecStartPost ran, or forked without telling who it is.
            actions.extend(match self.main_exit {
                Some(exit) => self.main_ended(exit, now),
                None => vec![Action::CheckGroup],
            });
        }
        actions
    }
}
