//! The child between its clone and its program: system calls only, on what was made before.

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;

use super::terminal::open_terminal;
use super::{Command, Step, Stream};

/// The group's directory, for the clone, and its `cgroup.procs`, for kernels that refuse it.
pub(super) struct Group {
    directory: File,
    members: File,
}

pub(super) fn open_group(path: &Path) -> io::Result<Group> {
    let directory = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_PATH)
        .open(path)?;
    let members = OpenOptions::new()
        .write(true)
        .open(path.join("cgroup.procs"))?;
    Ok(Group { directory, members })
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

/// Clones a child into the group.
pub(super) fn clone_into(group: Option<&Group>, child: &Child<'_>) -> io::Result<i32> {
    let directory = group.map(|group| group.directory.as_raw_fd());
    match clone_child(directory, None, child) {
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
    if let Some(directory) = born_in {
        arguments.flags = CLONE_INTO_CGROUP;
        arguments.cgroup = directory as u64;
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
pub(super) struct Child<'a> {
    pub(super) command: &'a Command,
    pub(super) arguments: &'a [*const libc::c_char],
    pub(super) environment: &'a [*const libc::c_char],
    pub(super) oom_score: Option<&'a [u8]>,
    pub(super) input: RawFd,
    pub(super) output: &'a Stream<'a>,
    pub(super) error: Option<&'a Stream<'a>>,
    pub(super) report: RawFd,
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
            let mut input = self.input;
            let mut terminal_output = None;
            if let Some(terminal) = &self.command.terminal {
                input = open_terminal(terminal);
                if input < 0 {
                    return Err(Step::Input);
                }
                terminal_output = terminal.output.then_some(input);
            }
            let output = terminal_output.unwrap_or_else(|| open_stream(self.output));
            let error = match (terminal_output, self.error) {
                (None, Some(error)) => open_stream(error),
                _ => output,
            };
            if output < 0 || error < 0 {
                return Err(Step::Output);
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
            if let Some(score) = self.oom_score {
                // A hint: without the right to lower it, the service still runs.
                write_file(c"/proc/self/oom_score_adj", score);
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

/// The descriptor of a stream, opened here where it is a file; -1 with errno set where that fails.
///
/// # Safety
/// Only in a freshly cloned child.
unsafe fn open_stream(stream: &Stream<'_>) -> RawFd {
    let (path, mode) = match stream {
        Stream::Open(descriptor) => return descriptor.as_raw_fd(),
        Stream::File(path, mode) => (path, mode),
    };
    // SAFETY: a C string, and calls on the descriptor just opened.
    unsafe {
        let fd = libc::open(path.as_ptr(), mode.flags(), 0o640);
        if fd >= 0 {
            // The program expects its writes to wait.
            let status = libc::fcntl(fd, libc::F_GETFL);
            libc::fcntl(fd, libc::F_SETFL, status & !libc::O_NONBLOCK);
        }
        fd
    }
}

unsafe fn write_file(path: &CStr, text: &[u8]) {
    // SAFETY: a C string and a live slice.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if fd >= 0 {
            libc::write(fd, text.as_ptr().cast(), text.len());
            libc::close(fd);
        }
    }
}
