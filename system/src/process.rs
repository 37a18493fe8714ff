//! Starting and reaping the processes of PID 1.
//!
//! A child is born in its own control group (`clone3` with `CLONE_INTO_CGROUP`), prepares itself with
//! plain system calls only, and executes. Everything it needs is made before the clone, so the child
//! allocates nothing. Reaping happens in one place, [`reap`]: it takes orphans too.

mod child;
mod terminal;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use child::{Child, clone_into, open_group};

/// What to execute and how to prepare for it.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// The program's path.
    pub program: CString,
    /// Its arguments, the zeroth included.
    pub arguments: Vec<CString>,
    /// Its whole environment, `NAME=value`.
    pub environment: Vec<CString>,
    /// The control group to be born in; it must exist.
    pub cgroup: Option<PathBuf>,
    /// Who to become. `None` stays root.
    pub identity: Option<Identity>,
    /// The working directory, entered as the new user; `/` where empty.
    pub directory: CString,
    /// Whether a missing working directory is accepted.
    pub directory_optional: bool,
    /// The controlling terminal, which also becomes standard input.
    pub terminal: Option<Terminal>,
    /// Resource limits: resource (`RLIMIT_…`), soft, hard.
    pub limits: Vec<(i32, u64, u64)>,
    /// The value for `/proc/self/oom_score_adj`, −1000 … 1000.
    pub oom_score_adjust: Option<i32>,
    /// The nice level, −20 … 19.
    pub nice: Option<i32>,
    /// The file mode mask.
    pub umask: u32,
    /// Whether SIGPIPE stays ignored, as services of systemd find it.
    pub ignore_sigpipe: bool,
}

/// The user and groups of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids.
    pub groups: Vec<u32>,
}

/// A terminal for a login prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terminal {
    /// The device, such as `/dev/tty1`.
    pub path: CString,
    /// Whether to restore sane settings first.
    pub reset: bool,
    /// Whether to cut off others that hold it first.
    pub hang_up: bool,
    /// Whether the terminal also takes standard output and error.
    pub output: bool,
}

/// Standard input, output and error.
#[derive(Debug)]
pub struct Streams<'a> {
    /// Standard input; a terminal replaces it.
    pub input: BorrowedFd<'a>,
    /// Standard output.
    pub output: Stream<'a>,
    /// Standard error; `None`: where standard output goes.
    pub error: Option<Stream<'a>>,
}

/// Where an output goes.
#[derive(Debug)]
pub enum Stream<'a> {
    /// An open descriptor.
    Open(BorrowedFd<'a>),
    /// A file that the child opens, as root: the disk that it is on may stand still. A FIFO that nobody reads is an error
    /// (ENXIO), it is not waited for.
    File(CString, FileMode),
}

/// How an output's file is opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FileMode {
    /// Written from its beginning, what is behind stays; made if missing.
    #[default]
    Keep,
    /// Written behind what it has; made if missing.
    Append,
    /// Emptied first; made if missing.
    Truncate,
    /// A device: it must exist and does not become the controlling terminal.
    Device,
}

impl FileMode {
    fn flags(self) -> i32 {
        let common = libc::O_WRONLY | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
        common
            | match self {
                Self::Keep => libc::O_CREAT,
                Self::Append => libc::O_CREAT | libc::O_APPEND,
                Self::Truncate => libc::O_CREAT | libc::O_TRUNC,
                Self::Device => 0,
            }
    }
}

/// A process that was started.
#[derive(Debug)]
pub struct Started {
    /// Its process id. It is ours until [`reap`] has told its end.
    pub pid: i32,
    /// Reads as end-of-file when the program was executed, see [`exec_result`].
    pub result: OwnedFd,
}

/// The step at which a child failed before its program ran. The number is systemd's exit code for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Entering the working directory.
    Directory = 200,
    /// Setting the nice level.
    Nice = 201,
    /// Executing the program.
    Execute = 203,
    /// Setting a resource limit.
    Limits = 205,
    /// Opening the terminal.
    Input = 208,
    /// Connecting output.
    Output = 209,
    /// Setting the groups.
    Group = 216,
    /// Setting the user.
    User = 217,
    /// Entering the control group.
    Cgroup = 219,
    /// Starting a session.
    Session = 220,
}

impl Step {
    const ALL: [Self; 10] = [
        Self::Directory,
        Self::Nice,
        Self::Execute,
        Self::Limits,
        Self::Input,
        Self::Output,
        Self::Group,
        Self::User,
        Self::Cgroup,
        Self::Session,
    ];

    /// The step as a gerund with its object, for an error message.
    pub fn text(self) -> &'static str {
        match self {
            Self::Directory => "entering the working directory",
            Self::Nice => "setting the nice level",
            Self::Execute => "executing the program",
            Self::Limits => "setting a resource limit",
            Self::Input => "opening the terminal",
            Self::Output => "connecting its output",
            Self::Group => "setting the groups",
            Self::User => "setting the user",
            Self::Cgroup => "entering the control group",
            Self::Session => "starting a session",
        }
    }
}

/// How far a started child has come.
#[derive(Debug)]
pub enum ExecResult {
    /// Still preparing itself.
    Pending,
    /// The program runs, or has run.
    Executed,
    /// The child failed at this step and exits with the step's number.
    Failed(Step, io::Error),
}

/// Reads what a child reported. Never blocks.
pub fn exec_result(result: &OwnedFd) -> ExecResult {
    let mut report = [0u8; 5];
    let Ok(copy) = result.try_clone() else {
        return ExecResult::Pending;
    };
    match File::from(copy).read(&mut report) {
        Ok(0) => ExecResult::Executed,
        Ok(_) => {
            let [code, errno @ ..] = report;
            let step = Step::ALL.into_iter().find(|step| *step as u8 == code);
            let error = io::Error::from_raw_os_error(i32::from_ne_bytes(errno));
            ExecResult::Failed(step.unwrap_or(Step::Execute), error)
        }
        Err(_) => ExecResult::Pending,
    }
}

/// Starts `command`. The child's own failures come later, through [`exec_result`] and its exit.
pub fn spawn(command: &Command, streams: Streams<'_>) -> io::Result<Started> {
    let (result, report) =
        nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC | nix::fcntl::OFlag::O_NONBLOCK)?;
    let group = command.cgroup.as_deref().map(open_group).transpose()?;
    let arguments = pointers(&command.arguments);
    let environment = pointers(&command.environment);
    let oom_score = command.oom_score_adjust.map(|score| score.to_string());
    let child = Child {
        command,
        arguments: &arguments,
        environment: &environment,
        oom_score: oom_score.as_deref().map(str::as_bytes),
        input: streams.input.as_raw_fd(),
        output: &streams.output,
        error: streams.error.as_ref(),
        report: report.as_raw_fd(),
    };
    let pid = clone_into(group.as_ref(), &child)?;
    Ok(Started { pid, result })
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings
        .iter()
        .map(|text| text.as_ptr())
        .chain([std::ptr::null()])
        .collect()
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// Collects every child that has ended, orphans included. Never blocks.
///
/// The only place that waits: nothing else in PID 1 may, or exits are lost.
///
/// At most [`MOST_REAPED`] at once: a machine that forks faster than that must not keep its caller here.
pub fn reap() -> Vec<(i32, Exit)> {
    std::iter::from_fn(reap_one).take(MOST_REAPED).collect()
}

/// How many ended children [`reap`] collects in one call; where it returns so many there may be more.
pub const MOST_REAPED: usize = 1024;

fn reap_one() -> Option<(i32, Exit)> {
    // SAFETY: siginfo_t is plain data; waitid fills it or leaves si_pid zero.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let flags = libc::WEXITED | libc::WNOHANG;
        if libc::waitid(libc::P_ALL, 0, &mut info, flags) != 0 || info.si_pid() == 0 {
            return None;
        }
        let exit = match info.si_code {
            libc::CLD_EXITED => Exit::Code(info.si_status()),
            _ => Exit::Signal(info.si_status()),
        };
        Some((info.si_pid(), exit))
    }
}

/// Sends a signal by number, real-time ones included. `pid` is as for kill(2).
pub fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill takes numbers only.
    match unsafe { libc::kill(pid, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sends a signal to every process but this one. Does nothing unless this is PID 1 of its namespace:
/// elsewhere it would reach the whole machine.
pub fn kill_all_others(signal: i32) {
    if std::process::id() == 1 {
        // No process left is no failure.
        let _ = kill(-1, signal);
    }
}

/// A process that may not be our child: its id may be another's once it has ended, this stays its own.
#[derive(Debug)]
pub struct Handle {
    pid: i32,
    fd: OwnedFd,
}

impl Handle {
    /// A handle of a process that runs, or has ended and was not collected yet.
    pub fn open(pid: i32) -> io::Result<Self> {
        // SAFETY: numbers only; the descriptor returned is new and nobody else's.
        let fd = unsafe {
            let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd as RawFd)
        };
        Ok(Self { pid, fd })
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Sends a signal by number; an error when it has ended.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        let fd = self.fd.as_raw_fd();
        let info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: numbers, and no siginfo: the kernel makes that of kill(2).
        match unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, info, 0) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Whether it has ended and somebody else collected it, or will: [`reap`] never reports its end.
    pub fn ended_elsewhere(&self) -> bool {
        let mut polled = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
        if !poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| ready > 0) {
            return false;
        }
        let id = self.fd.as_raw_fd() as libc::id_t;
        // SAFETY: siginfo_t is plain data; WNOWAIT collects nothing.
        unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
            libc::waitid(libc::P_PIDFD, id, &mut info, flags) != 0
        }
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Makes this process the one that orphans below it come to, as PID 1 is anyway.
pub fn adopt_orphans() -> io::Result<()> {
    // SAFETY: prctl with numbers only.
    match unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether any process but PID 1 and the kernel's is left. Only PID 1 can tell; elsewhere: no.
pub fn any_other() -> bool {
    if std::process::id() != 1 {
        return false;
    }
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return false;
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let stats = pids
        .filter(|&pid| pid != 1)
        .map(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")));
    stats.flatten().any(|stat| is_user_process(&stat))
}

/// Reads `/proc/PID/stat`: neither a zombie nor a kernel thread.
fn is_user_process(stat: &str) -> bool {
    const PF_KTHREAD: u64 = 0x0020_0000;
    // The name in parentheses may hold anything, parentheses too.
    let Some((_, fields)) = stat.rsplit_once(')') else {
        return false;
    };
    let fields: Vec<_> = fields.split_whitespace().collect();
    let flags = fields.get(6).and_then(|flags| flags.parse::<u64>().ok());
    fields.first() != Some(&"Z") && flags.is_some_and(|flags| flags & PF_KTHREAD == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_threads_and_zombies_are_no_user_processes() {
        assert!(is_user_process("812 (a) b) S 1 812 812 0 -1 4194304 100 0"));
        assert!(!is_user_process("812 (sh) Z 1 812 812 0 -1 4194304 100 0"));
        assert!(!is_user_process("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0"));
        assert!(!is_user_process("nonsense"));
    }

    #[test]
    fn steps_have_systemds_exit_codes() {
        assert_eq!(Step::Execute as i32, 203);
        assert!(Step::ALL.iter().all(|step| !step.text().is_empty()));
    }
}
