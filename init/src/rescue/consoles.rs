//! A shell for whoever presses Enter on a console; nobody, and the machine starts again by itself.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use system::console;
use system::shell::Shell;
use system::signals::SignalFd;

/// A shell that ends sooner was not left by a person: the program or its terminal is broken.
const SHORTEST_VISIT: Duration = Duration::from_secs(1);
const ENTER: [u8; 2] = [b'\n', b'\r'];

/// Why the consoles were closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// Somebody left the shell, or pressed Ctrl-Alt-Del.
    Left,
    /// Nobody came in time.
    Nobody,
}

/// Program and arguments of a shell.
pub(super) type Program = (&'static str, &'static [&'static str]);

/// The consoles, each with at most one shell.
#[derive(Debug)]
pub(super) struct Consoles {
    /// Never empty. The first is started; one that crashes is no longer used, if there is another.
    programs: Vec<Program>,
    seats: Vec<Seat>,
    signals: SignalFd,
    patience: Option<Duration>,
}

#[derive(Debug)]
struct Seat {
    terminal: PathBuf,
    input: File,
    shell: Option<(Pid, Instant)>,
}

impl Consoles {
    /// Opens the consoles. Those that cannot be opened are left out. With `patience`, it closes when nobody has
    /// come for so long.
    pub(super) fn open(
        programs: Vec<Program>,
        patience: Option<Duration>,
    ) -> std::io::Result<Self> {
        let seats = console::active_devices().into_iter().flat_map(Seat::open);
        Ok(Self {
            programs,
            seats: seats.collect(),
            signals: SignalFd::open(&[libc::SIGCHLD, libc::SIGINT])?,
            patience,
        })
    }

    /// Serves until somebody leaves, or until nobody has come.
    pub(super) fn serve(&mut self) -> Closing {
        let mut waiting_since = Instant::now();
        loop {
            let busy = self.seats.iter().any(|seat| seat.shell.is_some());
            let left = self
                .patience
                .map(|patience| patience.saturating_sub(waiting_since.elapsed()));
            if busy {
                waiting_since = Instant::now();
            } else if left == Some(Duration::ZERO) {
                return Closing::Nobody;
            }
            self.wait(left.filter(|_| !busy));
            if self.signals.take().contains(&libc::SIGINT) || self.reap() {
                return Closing::Left;
            }
            self.seat_those_who_came();
        }
    }

    /// Sleeps until a signal or a key comes, at most for `limit`.
    fn wait(&self, limit: Option<Duration>) {
        let limit = limit.map_or(PollTimeout::NONE, |limit| {
            PollTimeout::try_from(limit.saturating_add(Duration::from_millis(1)))
                .unwrap_or(PollTimeout::MAX)
        });
        let idle = self.seats.iter().filter(|seat| seat.shell.is_none());
        let mut sources = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        sources.extend(idle.map(|seat| PollFd::new(seat.input.as_fd(), PollFlags::POLLIN)));
        let _ = poll(&mut sources, limit);
    }

    /// Reaps whatever has ended, and says whether somebody left a shell.
    fn reap(&mut self) -> bool {
        let mut left = false;
        while let Some((pid, how)) = reap_one() {
            let ended = self.seats.iter_mut().find(|seat| seat.has(pid));
            let visit = ended.and_then(|seat| seat.vacate(how));
            left |= visit == Some(Visit::Left);
            if visit == Some(Visit::Crashed) && self.programs.len() > 1 {
                self.programs.remove(0);
            }
        }
        left
    }

    fn seat_those_who_came(&mut self) {
        let Some(program) = self.programs.first().copied() else {
            return;
        };
        // A console that has gone would wake us for ever.
        self.seats.retain_mut(|seat| match seat.pressed() {
            Pressed::Enter => {
                seat.start(program);
                true
            }
            Pressed::Nothing => true,
            Pressed::Gone => false,
        });
    }
}

fn reap_one() -> Option<(Pid, How)> {
    match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::Exited(pid, status)) => Some((pid, How::Status(status))),
        Ok(WaitStatus::Signaled(pid, signal, _)) => Some((pid, How::Signal(signal))),
        _ => None,
    }
}

/// How a shell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Status(i32),
    Signal(Signal),
}

/// What a shell's end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visit {
    /// A person has done what there was to do.
    Left,
    /// Nobody typed anything, or nobody knew the password.
    Nobody,
    /// The program or its terminal does not work.
    Broken,
    /// The program has a defect. (No key sends these signals.)
    Crashed,
}

impl Visit {
    fn of(how: How, stayed: Duration) -> Self {
        match how {
            How::Signal(Signal::SIGABRT | Signal::SIGSEGV | Signal::SIGBUS | Signal::SIGILL) => {
                Self::Crashed
            }
            How::Status(status) if status == i32::from(super::NOBODY) => Self::Nobody,
            _ if stayed < SHORTEST_VISIT => Self::Broken,
            _ => Self::Left,
        }
    }
}

/// What came from a console.
enum Pressed {
    Nothing,
    Enter,
    Gone,
}

impl Seat {
    fn open(terminal: PathBuf) -> std::io::Result<Self> {
        let input = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK)
            .open(&terminal)?;
        Ok(Self {
            terminal,
            input,
            shell: None,
        })
    }

    fn has(&self, pid: Pid) -> bool {
        self.shell.is_some_and(|(shell, _)| shell == pid)
    }

    /// Reads only while no shell does.
    fn pressed(&mut self) -> Pressed {
        if self.shell.is_some() {
            return Pressed::Nothing;
        }
        let mut keys = [0; 256];
        match self.input.read(&mut keys) {
            Ok(0) => Pressed::Gone,
            Ok(count) if keys[..count].iter().any(|key| ENTER.contains(key)) => Pressed::Enter,
            Ok(_) => Pressed::Nothing,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Pressed::Nothing,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Pressed::Nothing,
            Err(_) => Pressed::Gone,
        }
    }

    fn start(&mut self, (program, arguments): Program) {
        let shell = Shell {
            program,
            arguments,
            terminal: &self.terminal,
        };
        match shell.start() {
            Ok(pid) => self.shell = Some((pid, Instant::now())),
            Err(error) => console::line(&format!("{error:#}")),
        }
    }

    /// The shell has ended.
    fn vacate(&mut self, how: How) -> Option<Visit> {
        let (_, since) = self.shell.take()?;
        let visit = Visit::of(how, since.elapsed());
        match visit {
            Visit::Left => {}
            Visit::Nobody => console::line("Press Enter for the rescue shell."),
            Visit::Broken | Visit::Crashed => {
                console::line("The shell ended at once. Press Enter to try again.");
            }
        }
        Some(visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_person_who_leaves_starts_the_machine_again() {
        let visit = |how, seconds| Visit::of(how, Duration::from_secs(seconds));
        assert_eq!(visit(How::Status(0), 60), Visit::Left);
        assert_eq!(visit(How::Status(1), 0), Visit::Broken);
        assert_eq!(visit(How::Status(75), 120), Visit::Nobody);
        assert_eq!(visit(How::Signal(Signal::SIGABRT), 0), Visit::Crashed);
    }

    #[test]
    fn no_key_at_the_prompt_counts_as_a_defect_of_the_program() {
        for signal in [
            Signal::SIGINT,
            Signal::SIGQUIT,
            Signal::SIGTSTP,
            Signal::SIGHUP,
        ] {
            let visit = Visit::of(How::Signal(signal), Duration::ZERO);
            assert_eq!(visit, Visit::Broken, "{signal}");
        }
    }
}
