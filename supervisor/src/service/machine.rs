//! The transitions of [`Service`].
//!
//! ```text
//! Dead → Condition → StartPre → Start → StartPost → Running | Exited
//!            any of them, at a failure or stop ↓        ↓ (Stop)
//!                          Terminating → Killing → StopPost → Dead | Failed | Waiting → Condition …
//! ```

use nix::libc::{SIGCONT, SIGKILL};
use system::process::Exit;

use super::restart::is_clean;
use super::{Action, List, Outcome, Phase, Role, Service, Whom};
use crate::unit::{KillMode, Type};

/// What a service told by sd_notify.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// `READY=1`
    pub ready: bool,
    /// `STOPPING=1`
    pub stopping: bool,
    /// `MAINPID=`
    pub main_pid: Option<i32>,
    /// `STATUS=`
    pub status: Option<String>,
    /// `EXTEND_TIMEOUT_USEC=`, in milliseconds
    pub extend: Option<u64>,
    /// `K3OS_EVENT=`, in their order
    pub events: Vec<String>,
}

impl Notice {
    /// Reads a datagram.
    pub fn parse(text: &str) -> Self {
        let mut notice = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "READY" => notice.ready = value == "1",
                "STOPPING" => notice.stopping = value == "1",
                "MAINPID" => notice.main_pid = value.parse().ok().filter(|&pid| pid > 1),
                "STATUS" => notice.status = Some(value.to_owned()),
                "EXTEND_TIMEOUT_USEC" => {
                    notice.extend = value.parse().ok().map(|us: u64| us / 1000)
                }
                "K3OS_EVENT" => notice.events.push(value.to_owned()),
                _ => {}
            }
        }
        notice
    }
}

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

    fn begin(&mut self, now: u64) -> Vec<Action> {
        self.stop_asked = false;
        self.start_asked = false;
        self.deadline = None;
        if !self.count_start(now) {
            self.outcome = Outcome::StartLimit;
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

    fn enter(&mut self, phase: Phase, now: u64) {
        self.phase = phase;
        self.changed_at = now;
    }

    fn arm(&mut self, now: u64, timeout: Option<u64>) {
        self.deadline = timeout.map(|span| now.saturating_add(span));
    }

    /// Enters a phase that runs a list of commands, and the following ones while their lists are empty.
    fn run(&mut self, phase: Phase, now: u64) -> Vec<Action> {
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

    fn main_ended(&mut self, exit: Exit, now: u64) -> Vec<Action> {
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

    fn fail(&mut self, outcome: Outcome, now: u64) -> Vec<Action> {
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

    fn begin_stop(&mut self, now: u64) -> Vec<Action> {
        self.arm(now, self.settings.timeout_stop);
        self.run(Phase::Stop(0), now)
    }

    fn terminate(&mut self, now: u64) -> Vec<Action> {
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
    fn ended(&mut self, now: u64) -> Vec<Action> {
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
