//! Signals as a file descriptor that PID 1 polls, so that no handler ever runs.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;

/// Every signal that PID 1 acts on, blocked and delivered through one descriptor.
#[derive(Debug)]
pub struct SignalFd {
    fd: OwnedFd,
}

impl SignalFd {
    /// Blocks `signals` (numbers as in signal(7)) for this thread and opens a descriptor for them.
    ///
    /// Real-time signals are allowed: that is why this does not use nix's `SigSet`.
    pub fn open(signals: &[i32]) -> io::Result<Self> {
        // SAFETY: sigset_t is plain data; sigemptyset initialises it before anything reads it.
        let fd = unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            for &signal in signals {
                libc::sigaddset(&mut set, signal);
            }
            if libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: signalfd returned a new descriptor that nobody else owns.
        Ok(Self {
            fd: unsafe { OwnedFd::from_raw_fd(fd) },
        })
    }

    /// The numbers of the signals that arrived since the last call. Never blocks.
    pub fn take(&self) -> Vec<i32> {
        let mut taken = Vec::new();
        while let Some(signal) = self.take_one() {
            taken.push(signal);
        }
        taken
    }

    fn take_one(&self) -> Option<i32> {
        const SIZE: usize = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the kernel writes a whole signalfd_siginfo or fails; the struct is plain data.
        let info = unsafe {
            let mut info: libc::signalfd_siginfo = std::mem::zeroed();
            let read = libc::read(self.fd.as_raw_fd(), (&raw mut info).cast(), SIZE);
            if read != SIZE as isize {
                return None;
            }
            info
        };
        i32::try_from(info.ssi_signo).ok()
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The first real-time signal, for the numbers of systemd's `SIGRTMIN+n`.
pub fn first_realtime() -> i32 {
    libc::SIGRTMIN()
}

/// The number of a signal from its name (`SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`).
pub fn by_name(name: &str) -> Option<i32> {
    if let Ok(number) = name.parse::<i32>() {
        return (1..=64).contains(&number).then_some(number);
    }
    let short = name.strip_prefix("SIG").unwrap_or(name);
    if let Some(offset) = short.strip_prefix("RTMIN+") {
        let number = first_realtime().checked_add(offset.parse().ok()?)?;
        return (number <= 64).then_some(number);
    }
    format!("SIG{short}")
        .parse::<nix::sys::signal::Signal>()
        .ok()
        .map(|signal| signal as i32)
}

/// The name of a signal (`SIGTERM`), or its number where it has none.
pub fn name(signal: i32) -> String {
    match nix::sys::signal::Signal::try_from(signal) {
        Ok(known) => known.as_str().to_owned(),
        Err(_) => format!("signal {signal}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read() {
        assert_eq!(by_name("SIGTERM"), Some(15));
        assert_eq!(by_name("USR1"), Some(10));
        assert_eq!(by_name("9"), Some(9));
        assert_eq!(by_name("SIGRTMIN+3"), Some(first_realtime() + 3));
        assert_eq!(by_name("SIGNONE"), None);
        assert_eq!(by_name("SIGRTMIN+99"), None);
        assert_eq!(by_name("0"), None);
    }

    #[test]
    fn a_blocked_signal_arrives_through_the_descriptor() {
        let signal = first_realtime() + 7;
        let signals = SignalFd::open(&[signal]).unwrap();
        // SAFETY: raise sends to this thread, which has just blocked the signal.
        unsafe { libc::raise(signal) };
        assert_eq!(signals.take(), vec![signal]);
        assert_eq!(signals.take(), Vec::<i32>::new());
    }

    #[test]
    fn numbers_have_names() {
        assert_eq!(name(9), "SIGKILL");
        assert_eq!(name(60), "signal 60");
    }
}
