//! One service's life as a state machine without side effects: what happened goes in, what to do comes
//! out. The manager does it and feeds back how it went.

mod ending;
mod machine;
mod notice;
mod restart;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

pub use notice::Notice;

use crate::unit::{self, Unit};

/// Where a service is in its life. Numbers count the commands of the list that is being run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Not running.
    #[default]
    Dead,
    /// ExecCondition
    Condition(usize),
    /// ExecStartPre
    StartPre(usize),
    /// ExecStart, until it counts as started
    Start(usize),
    /// ExecStartPost
    StartPost(usize),
    /// Started, with a process.
    Running,
    /// Started, without a process.
    Exited,
    /// ExecReload
    Reload(usize),
    /// ExecStop
    Stop(usize),
    /// KillSignal was sent.
    Terminating,
    /// SIGKILL was sent.
    Killing,
    /// ExecStopPost
    StopPost(usize),
    /// Waits until it is started again.
    Waiting,
    /// Not running because it failed.
    Failed,
}

/// How a service's last run ended, or is going.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing went wrong.
    #[default]
    Success,
    /// A command exited with this code.
    Code(i32),
    /// This signal ended a command.
    Signal(i32),
    /// A timeout passed.
    Timeout,
    /// It ended before it was ready.
    Protocol,
    /// It could not be started at all.
    Resources(String),
    /// It was started too often; how it ended the last time.
    StartLimit(String),
    /// ExecCondition said no.
    Condition,
    /// What it requires failed; where that only went along, the unit that failed first.
    Dependency(String, Option<String>),
}

impl Outcome {
    /// systemd's word for it (`Result=`).
    pub fn word(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Code(_) => "exit-code",
            Self::Signal(_) => "signal",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Resources(_) => "resources",
            Self::StartLimit(_) => "start-limit-hit",
            Self::Condition => "exec-condition",
            Self::Dependency(..) => "dependency",
        }
    }

    /// What happened, for a person.
    pub fn text(&self) -> String {
        match self {
            Self::Success => "exited successfully".to_owned(),
            Self::Code(code) => format!("it exited with code {code}"),
            Self::Signal(signal) => format!("{} ended it", system::signals::name(*signal)),
            Self::Timeout => "timed out".to_owned(),
            Self::Protocol => "it ended before it was ready".to_owned(),
            Self::Resources(reason) => reason.clone(),
            Self::StartLimit(last) => {
                format!("it was started too often in too short a time; the last time {last}")
            }
            Self::Condition => "its ExecCondition did not hold".to_owned(),
            Self::Dependency(unit, None) => format!("{unit}, which it requires, failed"),
            Self::Dependency(unit, Some(first)) => {
                format!("{unit}, which it requires, failed because {first} failed")
            }
        }
    }
}

/// Which list of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// ExecCondition
    Condition,
    /// ExecStartPre
    StartPre,
    /// ExecStart
    Start,
    /// ExecStartPost
    StartPost,
    /// ExecReload
    Reload,
    /// ExecStop
    Stop,
    /// ExecStopPost
    StopPost,
}

/// What a process is to its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The service itself.
    Main,
    /// A command that helps it to start, stop or reload.
    Control,
}

/// Whom a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// The main process.
    Main,
    /// The command of `Exec…=` that is being run.
    Control,
    /// Every process of the control group.
    Group,
}

/// What the manager is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make directories and the control group.
    Prepare,
    /// Start a command and answer with [`Service::spawned`] or [`Service::spawn_failed`].
    Spawn(List, usize, Role),
    /// Watch for what makes it ready: bus name, port, file.
    Watch,
    /// Find the main process of a forking service and answer with [`Service::main_found`].
    FindMain,
    /// Send a signal.
    Signal(Whom, i32),
    /// Look whether the control group is empty and answer with [`Service::group_checked`].
    CheckGroup,
    /// Remove directories and the control group.
    CleanUp,
    /// A start has ended, well or not.
    Started(bool),
    /// It has stopped, or a stop had nothing to do.
    Stopped,
    /// A reload has ended, well or not.
    Reloaded(bool),
    /// It will be started again after this many milliseconds.
    Restarting(u64),
    /// It failed and stays so.
    Failed,
}

/// One service's state. Times are milliseconds of one clock, the caller's.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// What its unit file says.
    pub settings: unit::Service,
    /// Where it is in its life.
    pub phase: Phase,
    /// The main process.
    pub main_pid: Option<i32>,
    /// The command of `Exec…=` that is being run.
    pub control_pid: Option<i32>,
    /// How the last run ended, or is going.
    pub outcome: Outcome,
    /// How the main process last ended.
    pub main_exit: Option<system::process::Exit>,
    /// When the time-out of this phase passes, or the next start is due.
    pub deadline: Option<u64>,
    /// What it says of itself (`STATUS=`).
    pub status: String,
    /// How often it was restarted without being asked.
    pub restarts: u32,
    /// When it was last started.
    pub started_at: u64,
    /// When it last became ready.
    pub ready_at: Option<u64>,
    /// When this phase began.
    pub changed_at: u64,
    /// Restarts in a row after short runs, for the back-off.
    failures_in_a_row: u32,
    /// When it was started lately, for the start limit.
    starts: VecDeque<u64>,
    /// Somebody asked it to stop: it is not restarted.
    stop_asked: bool,
    /// Somebody asked it to start while it was stopping.
    start_asked: bool,
}

impl Service {
    /// A service that does not run.
    pub fn new(unit: &Unit) -> Self {
        Self {
            settings: unit.service.clone(),
            ..Self::default()
        }
    }

    /// systemd's `ActiveState`.
    pub fn active_state(&self) -> &'static str {
        match self.phase {
            Phase::Dead => "inactive",
            Phase::Failed => "failed",
            Phase::Running | Phase::Exited => "active",
            Phase::Reload(_) => "reloading",
            Phase::Stop(_) | Phase::Terminating | Phase::Killing | Phase::StopPost(_) => {
                "deactivating"
            }
            _ => "activating",
        }
    }

    /// systemd's `SubState`.
    pub fn sub_state(&self) -> &'static str {
        match self.phase {
            Phase::Dead => "dead",
            Phase::Condition(_) => "condition",
            Phase::StartPre(_) => "start-pre",
            Phase::Start(_) => "start",
            Phase::StartPost(_) => "start-post",
            Phase::Running => "running",
            Phase::Exited => "exited",
            Phase::Reload(_) => "reload",
            Phase::Stop(_) => "stop",
            Phase::Terminating => "stop-sigterm",
            Phase::Killing => "stop-sigkill",
            Phase::StopPost(_) => "stop-post",
            Phase::Waiting => "auto-restart",
            Phase::Failed => "failed",
        }
    }

    /// Whether it is started.
    pub fn is_active(&self) -> bool {
        matches!(
            self.phase,
            Phase::Running | Phase::Exited | Phase::Reload(_)
        )
    }

    /// Whether nothing of it runs and nothing will by itself.
    pub fn is_down(&self) -> bool {
        matches!(self.phase, Phase::Dead | Phase::Failed)
    }

    /// The commands of a list.
    pub fn commands(&self, list: List) -> &[unit::Exec] {
        match list {
            List::Condition => &self.settings.exec_condition,
            List::StartPre => &self.settings.start_pre,
            List::Start => &self.settings.start,
            List::StartPost => &self.settings.start_post,
            List::Reload => &self.settings.reload,
            List::Stop => &self.settings.stop,
            List::StopPost => &self.settings.stop_post,
        }
    }

    /// It was told to end by itself: it is not started again.
    pub fn expect_end(&mut self) {
        self.stop_asked = true;
    }

    /// Forgets a failure and the start limit.
    pub fn reset_failed(&mut self) {
        self.forget_starts();
        if self.phase == Phase::Failed {
            self.phase = Phase::Dead;
            self.outcome = Outcome::Success;
        }
    }
}
