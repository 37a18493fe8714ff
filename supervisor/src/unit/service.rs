//! What the `[Service]` section says, typed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use system::process::FileMode;

/// `Type=`: when a service counts as started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Type {
    /// At once.
    #[default]
    Simple,
    /// When the program was executed.
    Exec,
    /// When the command has ended.
    Oneshot,
    /// When it says `READY=1`.
    Notify,
    /// When its bus name has an owner.
    Dbus,
    /// When the command has ended; what it left behind is the service.
    Forking,
}

impl Type {
    /// systemd's word.
    pub fn text(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Exec => "exec",
            Self::Oneshot => "oneshot",
            Self::Notify => "notify",
            Self::Dbus => "dbus",
            Self::Forking => "forking",
        }
    }
}

/// `Restart=`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Restart {
    /// `no`
    #[default]
    No,
    /// `always`
    Always,
    /// `on-success`
    OnSuccess,
    /// `on-failure`
    OnFailure,
    /// `on-abnormal`: signal or time-out
    OnAbnormal,
    /// `on-abort`: signal
    OnAbort,
}

/// `KillMode=`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KillMode {
    /// Every process of the control group gets the signals.
    #[default]
    ControlGroup,
    /// The main process gets KillSignal, in the end the whole group SIGKILL.
    Mixed,
    /// Only the main process.
    Process,
    /// None: only ExecStop is run.
    None,
}

/// `NotifyAccess=`: whose notifications count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NotifyAccess {
    /// Nobody's; read as `Main` for `Type=notify`.
    #[default]
    None,
    /// The main process's.
    Main,
    /// Also those of Exec…= commands.
    Exec,
    /// Every process's of the control group.
    All,
}

/// Where an output stream goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Output {
    /// Into the unit's log.
    #[default]
    Log,
    /// Nowhere.
    Null,
    /// To the terminal of `TTYPath=`.
    Terminal,
    /// Where standard output or input goes.
    Inherit,
    /// Into a file: its path, and how it is opened.
    File(PathBuf, FileMode),
}

/// One `Exec…=` line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exec {
    /// The program, absolute or to be searched in PATH.
    pub program: String,
    /// `@`: the zeroth argument differs from the program.
    pub argument_zero: Option<String>,
    /// The arguments, variables not yet replaced.
    pub arguments: Vec<String>,
    /// `-`: a failure counts as success.
    pub ignore_failure: bool,
    /// `+` or `!`: runs as root whatever `User=` says.
    pub as_root: bool,
    /// `:`: variables are not replaced.
    pub literal: bool,
}

impl Exec {
    /// The command as one would type it.
    pub fn text(&self) -> String {
        std::iter::once(&self.program)
            .chain(&self.arguments)
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// A directory made for a service under /run, /var/lib, …
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directories {
    /// Names below the base directory.
    pub names: Vec<String>,
    /// File mode.
    pub mode: Option<u32>,
}

/// An environment file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentFile {
    /// Its path.
    pub path: String,
    /// `-`: it may be missing.
    pub optional: bool,
}

/// The terminal of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tty {
    /// `StandardInput=tty`: it is standard input and the controlling terminal.
    pub is_input: bool,
    /// `TTYPath=`
    pub path: Option<String>,
    /// `TTYReset=`
    pub reset: bool,
    /// `TTYVHangup=`
    pub hang_up: bool,
}

/// Our own keys, `X-K3OS-…`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// `X-K3OS-ReadyPort=`: started when something listens on this TCP port.
    pub ready_port: Option<u16>,
    /// `X-K3OS-ReadyFile=`: started when this path exists.
    pub ready_file: Option<String>,
    /// `X-K3OS-ShutdownSignal=`: sent to the main process before anything is stopped.
    pub shutdown_signal: Option<i32>,
    /// `X-K3OS-ShutdownTimeoutSec=`: how long it may then take, in milliseconds.
    pub shutdown_timeout: u64,
}

/// `[Service]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// `Type=`; `None` where it is not said.
    pub kind: Option<Type>,
    /// `BusName=`
    pub bus_name: Option<String>,
    /// `PIDFile=`
    pub pid_file: Option<String>,
    /// `RemainAfterExit=`
    pub remain_after_exit: bool,
    /// `ExecCondition=`
    pub exec_condition: Vec<Exec>,
    /// `ExecStartPre=`
    pub start_pre: Vec<Exec>,
    /// `ExecStart=`
    pub start: Vec<Exec>,
    /// `ExecStartPost=`
    pub start_post: Vec<Exec>,
    /// `ExecReload=`
    pub reload: Vec<Exec>,
    /// `ExecStop=`
    pub stop: Vec<Exec>,
    /// `ExecStopPost=`
    pub stop_post: Vec<Exec>,
    /// `Restart=`
    pub restart: Restart,
    /// `RestartSec=` in milliseconds
    pub restart_delay: u64,
    /// `RestartMaxDelaySec=` in milliseconds: where the back-off ends
    pub restart_delay_most: u64,
    /// `RestartPreventExitStatus=`
    pub restart_prevent: Vec<Ending>,
    /// `SuccessExitStatus=`
    pub success: Vec<Ending>,
    /// `StartLimitBurst=`
    pub start_limit_burst: u32,
    /// `StartLimitIntervalSec=` in milliseconds; 0 is no limit
    pub start_limit_interval: u64,
    /// `TimeoutStartSec=` in milliseconds; outer `None` where it is not said, inner is no limit
    pub timeout_start: Option<Option<u64>>,
    /// `TimeoutStopSec=` in milliseconds; `None` is no limit
    pub timeout_stop: Option<u64>,
    /// `Environment=`
    pub environment: BTreeMap<String, String>,
    /// `EnvironmentFile=`
    pub environment_files: Vec<EnvironmentFile>,
    /// `UnsetEnvironment=`
    pub unset_environment: BTreeSet<String>,
    /// `User=`
    pub user: Option<String>,
    /// `Group=`
    pub group: Option<String>,
    /// `SupplementaryGroups=`
    pub supplementary_groups: Vec<String>,
    /// `WorkingDirectory=`; `-` in front is kept
    pub working_directory: Option<String>,
    /// `UMask=`
    pub umask: u32,
    /// `Nice=`
    pub nice: Option<i32>,
    /// `OOMScoreAdjust=`
    pub oom_score_adjust: Option<i32>,
    /// `IgnoreSIGPIPE=`
    pub ignore_sigpipe: bool,
    /// `Limit…=`: resource → soft and hard
    pub limits: BTreeMap<i32, (u64, u64)>,
    /// `Delegate=`
    pub delegate: bool,
    /// `DelegateSubgroup=`
    pub delegate_subgroup: Option<String>,
    /// Attributes of the control group: file → value
    pub cgroup: BTreeMap<&'static str, String>,
    /// `KillMode=`
    pub kill_mode: KillMode,
    /// `KillSignal=`
    pub kill_signal: i32,
    /// `SendSIGKILL=`
    pub send_sigkill: bool,
    /// `NotifyAccess=`
    pub notify_access: NotifyAccess,
    /// `RuntimeDirectory=`
    pub runtime: Directories,
    /// `RuntimeDirectoryPreserve=`: yes; `restart` counts as no at a stop
    pub runtime_preserve: Preserve,
    /// `StateDirectory=`
    pub state: Directories,
    /// `CacheDirectory=`
    pub cache: Directories,
    /// `LogsDirectory=`
    pub logs: Directories,
    /// `ConfigurationDirectory=`
    pub configuration: Directories,
    /// The terminal.
    pub tty: Tty,
    /// `StandardOutput=`
    pub output: Output,
    /// `StandardError=`
    pub error: Output,
    /// Our own keys.
    pub own: Own,
}

/// `RuntimeDirectoryPreserve=`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Preserve {
    /// Removed at every stop.
    #[default]
    No,
    /// Kept over a restart.
    Restart,
    /// Kept.
    Yes,
}

/// An exit code or a signal in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// An exit code.
    Code(i32),
    /// A signal's number.
    Signal(i32),
}

impl Service {
    /// The type that applies: what is said, or what follows from the other keys.
    pub fn effective_type(&self) -> Type {
        match self.kind {
            Some(kind) => kind,
            None if self.bus_name.is_some() => Type::Dbus,
            None if self.start.is_empty() => Type::Oneshot,
            None => Type::Simple,
        }
    }

    /// How long a start may take, in milliseconds; `None` is without limit.
    pub fn start_timeout(&self) -> Option<u64> {
        match self.timeout_start {
            Some(said) => said,
            None if self.effective_type() == Type::Oneshot => None,
            None => Some(DEFAULT_TIMEOUT),
        }
    }
}

/// systemd's `DefaultTimeoutStartSec=`, in milliseconds.
const DEFAULT_TIMEOUT: u64 = 90_000;

impl Default for Service {
    fn default() -> Self {
        Self {
            kind: None,
            bus_name: None,
            pid_file: None,
            remain_after_exit: false,
            exec_condition: Vec::new(),
            start_pre: Vec::new(),
            start: Vec::new(),
            start_post: Vec::new(),
            reload: Vec::new(),
            stop: Vec::new(),
            stop_post: Vec::new(),
            restart: Restart::No,
            restart_delay: 100,
            restart_delay_most: 30_000,
            restart_prevent: Vec::new(),
            success: Vec::new(),
            start_limit_burst: 5,
            start_limit_interval: 10_000,
            timeout_start: None,
            timeout_stop: Some(DEFAULT_TIMEOUT),
            environment: BTreeMap::new(),
            environment_files: Vec::new(),
            unset_environment: BTreeSet::new(),
            user: None,
            group: None,
            supplementary_groups: Vec::new(),
            working_directory: None,
            umask: 0o022,
            nice: None,
            oom_score_adjust: None,
            ignore_sigpipe: true,
            limits: BTreeMap::new(),
            delegate: false,
            delegate_subgroup: None,
            cgroup: BTreeMap::new(),
            kill_mode: KillMode::ControlGroup,
            kill_signal: nix::libc::SIGTERM,
            send_sigkill: true,
            notify_access: NotifyAccess::None,
            runtime: Directories::default(),
            runtime_preserve: Preserve::No,
            state: Directories::default(),
            cache: Directories::default(),
            logs: Directories::default(),
            configuration: Directories::default(),
            tty: Tty::default(),
            output: Output::Log,
            error: Output::Inherit,
            own: Own {
                shutdown_timeout: 60_000,
                ..Own::default()
            },
        }
    }
}
