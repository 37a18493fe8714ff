//! An interactive shell on a terminal, with job control, before any getty exists.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::SigSet;
use nix::unistd::{Pid, setsid};

/// A shell to start.
#[derive(Debug, Clone)]
pub struct Shell<'a> {
    /// The program's path.
    pub program: &'a str,
    /// Its arguments, the first being the name it sees of itself.
    pub arguments: &'a [&'a str],
    /// The terminal's device, such as `/dev/ttyS0`.
    pub terminal: &'a PathBuf,
}

impl Shell<'_> {
    /// Starts it as the leader of a session of its own, with the terminal as its controlling one.
    ///
    /// # Errors
    /// When the terminal cannot be opened or the program cannot be started.
    pub fn start(&self) -> Result<Pid> {
        let terminal = open_terminal(self.terminal)
            .with_context(|| format!("opening {}", self.terminal.display()))?;
        let mut command = self.command(&terminal)?;
        take_terminal(&mut command, terminal.as_raw_fd());
        command
            .spawn()
            .map(|child| Pid::from_raw(child.id().cast_signed()))
            .with_context(|| format!("starting {} on {}", self.program, self.terminal.display()))
    }

    fn command(&self, terminal: &OwnedFd) -> Result<Command> {
        let stdio = || terminal.try_clone().map(Stdio::from);
        let (name, rest) = self.arguments.split_first().unwrap_or((&self.program, &[]));
        let mut command = Command::new(self.program);
        command
            .arg0(name)
            .args(rest)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .env("TERM", self.terminal_type())
            .env("PS1", "rescue# ")
            .stdin(stdio()?)
            .stdout(stdio()?)
            .stderr(stdio()?);
        Ok(command)
    }

    fn terminal_type(&self) -> &'static str {
        let name = self
            .terminal
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let virtual_console = name
            .strip_prefix("tty")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
        if virtual_console { "linux" } else { "vt220" }
    }
}

/// Without O_NONBLOCK, opening a serial line would wait for its carrier; the shell itself wants to wait for its input.
fn open_terminal(path: &Path) -> io::Result<OwnedFd> {
    let terminal = File::options()
        .read(true)
        .write(true)
        .custom_flags(nix::libc::O_NOCTTY | nix::libc::O_NONBLOCK)
        .open(path)?;
    let flags = OFlag::from_bits_retain(fcntl(&terminal, FcntlArg::F_GETFL)?);
    fcntl(&terminal, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok(terminal.into())
}

fn take_terminal(command: &mut Command, terminal: i32) {
    let acquire = move || {
        setsid()?;
        // What PID 1 blocks for itself (Ctrl-C among it) must work in the shell.
        SigSet::empty().thread_set_mask()?;
        // SAFETY: the descriptor is open in the child, and the request takes an integer.
        let result = unsafe { nix::libc::ioctl(terminal, nix::libc::TIOCSCTTY as _, 1) };
        Errno::result(result)?;
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes three system calls and allocates nothing.
    unsafe { command.pre_exec(acquire) };
}

/// Runs a program to its end in place of the present one.
///
/// # Errors
/// When it cannot be run; on success it does not return.
pub fn exec(program: &str, arguments: &[&str]) -> Result<std::convert::Infallible> {
    let path = CString::new(program).context("a program's path holds a NUL byte")?;
    let arguments = arguments
        .iter()
        .map(|argument| CString::new(*argument))
        .collect::<Result<Vec<_>, _>>()
        .context("an argument holds a NUL byte")?;
    nix::unistd::execv(&path, &arguments).with_context(|| format!("running {program}"))
}
