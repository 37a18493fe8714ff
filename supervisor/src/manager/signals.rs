//! Signals of PID 1.

use nix::libc::{SIGCHLD, SIGHUP, SIGINT, SIGPWR, SIGTERM, SIGUSR1, SIGUSR2};
use system::signals::first_realtime;

use super::Supervisor;
use crate::options::End;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    ChildEnded,
    Reload,
    End(End),
}

/// The meaning of signals: busybox init's (k3OS's users have it in their fingers), systemd's real-time
/// ones (container and VM tools send them), and the kernel's SIGINT for Ctrl-Alt-Del.
fn meanings() -> [(i32, Meaning); 10] {
    let realtime = first_realtime();
    [
        (SIGCHLD, Meaning::ChildEnded),
        (SIGHUP, Meaning::Reload),
        (SIGINT, Meaning::End(End::Reboot)),
        (SIGTERM, Meaning::End(End::Reboot)),
        (SIGUSR1, Meaning::End(End::Halt)),
        (SIGUSR2, Meaning::End(End::PowerOff)),
        (SIGPWR, Meaning::End(End::PowerOff)),
        (realtime + 3, Meaning::End(End::Halt)),
        (realtime + 4, Meaning::End(End::PowerOff)),
        (realtime + 5, Meaning::End(End::Reboot)),
    ]
}

/// Every signal to be blocked and polled for.
pub(super) fn all() -> Vec<i32> {
    meanings().map(|(signal, _)| signal).to_vec()
}

impl Supervisor {
    pub(super) fn take_signals(&mut self) {
        let taken = self
            .signals
            .as_ref()
            .map(|signals| signals.take())
            .unwrap_or_default();
        for signal in taken {
            let meaning = meanings().into_iter().find(|(number, _)| *number == signal);
            match meaning.map(|(_, meaning)| meaning) {
                // Children are collected at every turn of the loop.
                Some(Meaning::ChildEnded) | None => {}
                Some(Meaning::Reload) => drop(self.reload_units()),
                Some(Meaning::End(end)) => self.begin_end(end, false),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_has_one_meaning() {
        let mut signals = all();
        signals.sort_unstable();
        signals.dedup();
        assert_eq!(signals.len(), meanings().len());
    }
}
