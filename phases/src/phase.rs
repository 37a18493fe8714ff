//! The phases.

use std::fmt;
use std::time::Duration;

/// When a part of the configuration applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// First, with no network and no services.
    Initrd,
    /// The file systems are there; before any service starts.
    Boot,
    /// The services run.
    Runtime,
    /// What must be done anew when a running machine is told to (re)start its Kubernetes.
    Install,
}

impl Phase {
    /// Its name, as `write_files` and messages spell it.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Initrd => "initrd",
            Phase::Boot => "boot",
            Phase::Runtime => "runtime",
            Phase::Install => "install",
        }
    }

    /// How long a command may take when the configuration does not say. The machine waits for those of the first phases.
    pub fn command_limit(self) -> Duration {
        match self {
            Phase::Initrd | Phase::Boot => Duration::from_secs(60),
            Phase::Runtime | Phase::Install => Duration::from_secs(3600),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
