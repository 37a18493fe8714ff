//! What a unit file says, typed. Reading is pure: text in, [`Unit`] and warnings out.

pub mod condition;
pub mod keys;
pub mod name;
pub mod read;
mod service;
mod service_keys;
pub mod specifier;
pub mod syntax;
pub mod values;
pub mod words;

use std::collections::BTreeSet;
use std::path::PathBuf;

use condition::Condition;
pub use service::{
    Directories, Ending, EnvironmentFile, Exec, KillMode, NotifyAccess, Output, Own, Preserve,
    Restart, Service, Tty, Type,
};

/// A unit as it will be obeyed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// The full name, `ssh.service`.
    pub name: String,
    /// `Description=`, or the name.
    pub description: String,
    /// `Documentation=` as written.
    pub documentation: Vec<String>,
    /// The files that it was read from, the main one first. None: the unit was not found.
    pub files: Vec<PathBuf>,
    /// A link to /dev/null stands where the file would: never started.
    pub masked: bool,
    /// `After=`
    pub after: BTreeSet<String>,
    /// `Before=`
    pub before: BTreeSet<String>,
    /// `Wants=` and `*.wants` directories
    pub wants: BTreeSet<String>,
    /// `Requires=`, `BindsTo=`, `Requisite=` and `*.requires` directories
    pub requires: BTreeSet<String>,
    /// `PartOf=`
    pub part_of: BTreeSet<String>,
    /// `DefaultDependencies=`
    pub default_dependencies: bool,
    /// `Condition…=` and `Assert…=`
    pub conditions: Vec<Condition>,
    /// `[Install]`
    pub install: Install,
    /// `[Service]`
    pub service: Service,
    /// Keys that were read but change nothing here, as `Key=value`.
    pub not_applied: Vec<String>,
}

impl Unit {
    /// A unit that has only a name: one that was not found, or a target without a file.
    pub fn empty(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: name.to_owned(),
            default_dependencies: true,
            ..Self::default()
        }
    }

    /// Whether this kind of unit does anything here. Sockets, timers and mounts do not.
    pub fn is_supported(&self) -> bool {
        self.is_service() || self.is_target()
    }

    /// Whether it is a service.
    pub fn is_service(&self) -> bool {
        self.name.ends_with(".service")
    }

    /// Whether it is a target.
    pub fn is_target(&self) -> bool {
        self.name.ends_with(".target")
    }
}

/// `[Install]`: what `enable` does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Install {
    /// `WantedBy=`
    pub wanted_by: BTreeSet<String>,
    /// `RequiredBy=`
    pub required_by: BTreeSet<String>,
    /// `Alias=`
    pub alias: BTreeSet<String>,
    /// `Also=`
    pub also: BTreeSet<String>,
    /// `DefaultInstance=`
    pub default_instance: Option<String>,
}
