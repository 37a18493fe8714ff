//! Starting and reaping the processes of PID 1.
//!
//! A child is born in its own control group (`clone3` with `CLONE_INTO_CGROUP`), prepares itself with
//! plain system calls only, and executes. Everything it needs is made before the clone, so the child
//! allocates nothing. Reaping happens in one place, [`reap`]: it takes orphans too.

use std::ffi::{CStr, CString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc;

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

/// The descriptors of standard input, output and error.
#[derive(Debug, Clone, Copy)]
pub struct Streams<'a> {
    /// Standard input; a terminal replaces it.
    pub input: BorrowedFd<'a>,
    /// Standard output.
    pub output: BorrowedFd<'a>,
    /// Standard error.
    pub error: BorrowedFd<'a>,
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
    /// Setting the OOM score.
    OomScore = 206,
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
    const ALL: [Self; 11] = [
        Self::Directory,
        Self::Nice,
        Self::Execute,
        Self::Limits,
        Self::OomScore,
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
            Self::OomScore => "setting the OOM score",
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
        output: streams.output.as_raw_fd(),
        error: streams.error.as_raw_fd(),
        report: report.as_raw_fd(),
    };
    let pid = clone_into(group.as_ref(), &child)?;
    Ok(Started { pid, result })
}

/// The group's folder, for the clone, and its `cgroup.procs`, for kernels that refuse it.
struct Group {
    folder: File,
    members: File,
}

fn open_group(path: &Path) -> io::Result<Group> {
    let folder = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_PATH)
        .open(path)?;
    let members = OpenOptions::new()
        .write(true)
        .open(path.join("cgroup.procs"))?;
    Ok(Group { folder, members })
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings
        .iter()
        .map(|text| text.as_ptr())
        .chain([std::ptr::null()])
        .collect()
}

/// `struct clone_args` of linux/sched.h, version 2.
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

fn clone_into(group: Option<&Group>, child: &Child<'_>) -> io::Result<i32> {
    let folder = group.map(|group| group.folder.as_raw_fd());
    match clone_child(folder, None, child) {
        // A kernel or a filter without the flag: the child moves itself.
        Err(error) if group.is_some() && error.raw_os_error() != Some(libc::EAGAIN) => {
            clone_child(None, group.map(|group| group.members.as_raw_fd()), child)
        }
        outcome => outcome,
    }
}

fn clone_child(
    born_in: Option<RawFd>,
    move_to: Option<RawFd>,
    child: &Child<'_>,
) -> io::Result<i32> {
    let mut arguments = CloneArguments {
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArguments::default()
    };
    if let Some(folder) = born_in {
        arguments.flags = CLONE_INTO_CGROUP;
        arguments.cgroup = folder as u64;
    }
    // SAFETY: without CLONE_VM this is fork(2): the child has its own copy of memory. It runs only
    // `Child::run`, which makes system calls on data prepared before and never returns.
    let pid = unsafe {
        let size = size_of::<CloneArguments>();
        let pid = libc::syscall(libc::SYS_clone3, &raw const arguments, size);
        if pid == 0 {
            child.run(move_to);
        }
        pid
    };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        pid => i32::try_from(pid).map_err(io::Error::other),
    }
}

/// Everything the child needs, as plain pointers and numbers.
struct Child<'a> {
    command: &'a Command,
    arguments: &'a [*const libc::c_char],
    environment: &'a [*const libc::c_char],
    oom_score: Option<&'a [u8]>,
    input: RawFd,
    output: RawFd,
    error: RawFd,
    report: RawFd,
}

impl Child<'_> {
    /// # Safety
    /// Only in a freshly cloned child: it takes over descriptors 0–2 and ends in exec or exit.
    unsafe fn run(&self, move_to: Option<RawFd>) -> ! {
        // SAFETY: the contract of this function.
        let failed = unsafe { self.prepare(move_to) };
        let mut report = [0u8; 5];
        report[0] = failed as u8;
        // SAFETY: errno is this thread's; the report is a live array of the length given.
        unsafe {
            let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
            report[1..].copy_from_slice(&errno.to_ne_bytes());
            libc::write(self.report, report.as_ptr().cast(), report.len());
            libc::_exit(failed as i32);
        }
    }

    /// Runs every step; returns the one that failed, with errno set.
    ///
    /// Ids are set by raw system calls: the C library's functions want to tell threads that this
    /// copy does not have.
    ///
    /// # Safety
    /// As [`Child::run`].
    unsafe fn prepare(&self, move_to: Option<RawFd>) -> Step {
        // SAFETY: system calls on descriptors and pointers that live as long as `self`.
        unsafe {
            if let Some(members) = move_to
                && libc::write(members, c"0".as_ptr().cast(), 1) < 0
            {
                return Step::Cgroup;
            }
            if libc::setsid() < 0 {
                return Step::Session;
            }
            if let Err(step) = self.connect_streams() {
                return step;
            }
            if let Err(step) = self.apply_limits() {
                return step;
            }
            if let Err(step) = self.become_identity() {
                return step;
            }
            if let Err(step) = self.enter_directory() {
                return step;
            }
            self.restore_signals();
            libc::syscall(
                libc::SYS_close_range,
                3u32,
                u32::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            );
            let program = self.command.program.as_ptr();
            libc::execve(program, self.arguments.as_ptr(), self.environment.as_ptr());
            Step::Execute
        }
    }

    unsafe fn connect_streams(&self) -> Result<(), Step> {
        // SAFETY: descriptors are open; a terminal's path is a C string.
        unsafe {
            let (mut input, mut output, mut error) = (self.input, self.output, self.error);
            if let Some(terminal) = &self.command.terminal {
                input = open_terminal(terminal);
                if input < 0 {
                    return Err(Step::Input);
                }
                if terminal.output {
                    (output, error) = (input, input);
                }
            }
            // Out of the way of 0–2 first: a source may itself be one of them.
            let copies = [input, output, error].map(|fd| libc::fcntl(fd, libc::F_DUPFD, 3));
            for (target, copy) in (0..).zip(copies) {
                if copy < 0 || libc::dup2(copy, target) < 0 {
                    return Err(Step::Output);
                }
            }
            Ok(())
        }
    }

    unsafe fn apply_limits(&self) -> Result<(), Step> {
        // SAFETY: plain system calls; the rlimit64 lives across its call.
        unsafe {
            for &(resource, soft, hard) in &self.command.limits {
                let limit = libc::rlimit64 {
                    rlim_cur: soft,
                    rlim_max: hard,
                };
                let old = std::ptr::null_mut::<libc::rlimit64>();
                let resource = libc::c_long::from(resource);
                let limit = &raw const limit;
                if libc::syscall(libc::SYS_prlimit64, 0, resource, limit, old) < 0 {
                    return Err(Step::Limits);
                }
            }
            if let Some(score) = self.oom_score
                && !write_file(c"/proc/self/oom_score_adj", score)
            {
                return Err(Step::OomScore);
            }
            if let Some(nice) = self.command.nice
                && libc::setpriority(libc::PRIO_PROCESS, 0, nice) < 0
            {
                return Err(Step::Nice);
            }
            libc::umask(self.command.umask);
            Ok(())
        }
    }

    unsafe fn become_identity(&self) -> Result<(), Step> {
        let Some(identity) = &self.command.identity else {
            return Ok(());
        };
        let (uid, gid) = (
            libc::c_long::from(identity.uid),
            libc::c_long::from(identity.gid),
        );
        // SAFETY: the group list lives across its call.
        unsafe {
            let groups = identity.groups.as_ptr();
            if libc::syscall(libc::SYS_setgroups, identity.groups.len(), groups) < 0
                || libc::syscall(libc::SYS_setresgid, gid, gid, gid) < 0
            {
                return Err(Step::Group);
            }
            if libc::syscall(libc::SYS_setresuid, uid, uid, uid) < 0 {
                return Err(Step::User);
            }
        }
        Ok(())
    }

    unsafe fn enter_directory(&self) -> Result<(), Step> {
        let command = self.command;
        // SAFETY: both are C strings.
        unsafe {
            if command.directory.is_empty() || libc::chdir(command.directory.as_ptr()) < 0 {
                let asked_for = !command.directory.is_empty() && !command.directory_optional;
                if asked_for || libc::chdir(c"/".as_ptr()) < 0 {
                    return Err(Step::Directory);
                }
            }
        }
        Ok(())
    }

    /// Gives the program default dispositions and an empty mask: PID 1 blocks what it polls for.
    unsafe fn restore_signals(&self) {
        // SAFETY: sigset_t is plain data, initialised by sigemptyset before use.
        unsafe {
            for signal in 1..32 {
                libc::signal(signal, libc::SIG_DFL);
            }
            if self.command.ignore_sigpipe {
                libc::signal(libc::SIGPIPE, libc::SIG_IGN);
            }
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        }
    }
}

/// # Safety
/// Only in a freshly cloned child that leads a session.
unsafe fn open_terminal(terminal: &Terminal) -> RawFd {
    // Without O_NONBLOCK, opening a serial line would wait for its carrier.
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC;
    // SAFETY: a C string, and ioctls on the descriptor just opened.
    unsafe {
        let mut fd = libc::open(terminal.path.as_ptr(), flags);
        if fd >= 0 && terminal.hang_up {
            libc::ioctl(fd, TIOCVHANGUP);
            libc::close(fd);
            fd = libc::open(terminal.path.as_ptr(), flags);
        }
        if fd < 0 {
            return fd;
        }
        if terminal.reset {
            reset_terminal(fd);
        }
        let status = libc::fcntl(fd, libc::F_GETFL);
        libc::fcntl(fd, libc::F_SETFL, status & !libc::O_NONBLOCK);
        if libc::ioctl(fd, libc::TIOCSCTTY, 1) < 0 {
            return -1;
        }
        fd
    }
}

/// asm-generic/ioctls.h; libc has no name for it on musl.
const TIOCVHANGUP: libc::Ioctl = 0x5437;

/// Undoes what a full-screen program may have left: echo, line editing, newline translation.
unsafe fn reset_terminal(fd: RawFd) {
    // SAFETY: termios is plain data that tcgetattr fills.
    unsafe {
        let mut settings: libc::termios = std::mem::zeroed();
        if libc::tcgetattr(fd, &mut settings) != 0 {
            return;
        }
        settings.c_iflag |= libc::ICRNL | libc::IXON | libc::BRKINT | libc::IMAXBEL;
        settings.c_iflag &= !(libc::INLCR | libc::IGNCR | libc::IGNBRK | libc::ISTRIP);
        settings.c_oflag |= libc::OPOST | libc::ONLCR;
        settings.c_cflag |= libc::CREAD;
        settings.c_lflag |= libc::ISIG
            | libc::ICANON
            | libc::IEXTEN
            | libc::ECHO
            | libc::ECHOE
            | libc::ECHOK
            | libc::ECHOCTL
            | libc::ECHOKE;
        settings.c_lflag &= !(libc::ECHONL | libc::NOFLSH | libc::TOSTOP);
        libc::tcsetattr(fd, libc::TCSANOW, &settings);
    }
}

unsafe fn write_file(path: &CStr, text: &[u8]) -> bool {
    // SAFETY: a C string and a live slice.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if fd < 0 {
            return false;
        }
        let written = libc::write(fd, text.as_ptr().cast(), text.len());
        libc::close(fd);
        written == text.len() as isize
    }
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
pub fn reap() -> Vec<(i32, Exit)> {
    let mut ended = Vec::new();
    while let Some(exit) = reap_one() {
        ended.push(exit);
    }
    ended
}

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
