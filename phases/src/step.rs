//! The steps of a plan: what to do, and which key asks for it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use config::{Content, Origin, Secret};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The key that asks for it, e.g. `write_files[0]`.
    pub key: String,
    /// Where its value came from; `None` when it follows from the key not being set.
    pub origin: Option<Origin>,
    /// What to do.
    pub action: Action,
}

/// What to do. Every action may be repeated: what is right already stays untouched, except that commands run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Set how user rancher logs in with a password.
    Password(Password),
    /// Make a file what it shall be.
    Write(File),
    /// Make a file what it shall be, and restart the running service that reads it only when it starts.
    WriteFor(File, &'static str),
    /// Have the supervisor start a service of the image with the others.
    Want(&'static str),
    /// Switch the running machine's wireless devices on.
    Wireless,
    /// Take a file's rights from everybody but its owner.
    Restrict(PathBuf),
    /// Remove a file that an earlier configuration asked for.
    Remove(PathBuf),
    /// Make our part of a file consist of these lines, and leave the rest of it alone.
    Block {
        /// The file.
        path: PathBuf,
        /// The lines; none removes our part.
        lines: Vec<String>,
    },
    /// Set the machine's time zone.
    Timezone(Timezone),
    /// Keep pods from metadata services.
    ShieldMetadata,
    /// Let pods reach metadata services again.
    UnshieldMetadata,
    /// Set the kernel's host name.
    Hostname(String),
    /// Load a kernel module.
    Module {
        /// Its name.
        name: String,
        /// Its parameters.
        parameters: String,
    },
    /// Write a kernel setting.
    Sysctl {
        /// Its file below /proc/sys.
        path: PathBuf,
        /// Its value.
        value: String,
    },
    /// Write the Kubernetes service, and restart it when that changes it.
    Service(Service),
    /// Fetch lists of ssh keys.
    FetchKeys(FetchKeys),
    /// Run a shell command.
    Command(Command),
    /// Nothing can be done: the value does not allow it.
    Refuse(String),
}

/// How a user logs in with a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// Not at all.
    Locked,
    /// With none, on the console.
    Empty,
    /// With this one.
    Clear(Secret),
    /// With the one of this crypt hash.
    Hash(Secret),
}

impl Password {
    /// A configured one: a crypt hash begins with `$`.
    pub fn of(secret: &Secret) -> Self {
        if secret.reveal().starts_with('$') {
            Self::Hash(secret.clone())
        } else {
            Self::Clear(secret.clone())
        }
    }
}

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timezone {
    /// The one of this name.
    This(String),
    /// UTC, where there is none yet.
    UtcWhereNone,
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where.
    pub path: PathBuf,
    /// What it holds.
    pub content: Content,
    /// Its mode.
    pub mode: u32,
    /// `user`, `user:group` or `:group`, by name or number; empty for root.
    pub owner: String,
    /// Leave it alone when it is there.
    pub once: bool,
}

/// The Kubernetes service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The unit file.
    pub unit: String,
    /// Its secret variables, by name.
    pub variables: Variables,
    /// Restart it when the unit or a variable changed.
    pub restart: bool,
}

/// Lists of ssh keys to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchKeys {
    /// Keys that are configured as they are.
    pub literal: Vec<String>,
    /// What to fetch: `github:USER`, `gitlab:USER`, or a URL.
    pub entries: Vec<String>,
    /// Variables of the configuration, proxies among them.
    pub variables: Variables,
    /// Fetch what an earlier step of this phase could not, and try for minutes.
    pub patient: bool,
}

/// A shell command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The shell, which gets it behind `-c`.
    pub shell: &'static str,
    /// What to run.
    pub script: Secret,
    /// Variables of the configuration.
    pub variables: Variables,
    /// When to end it; `None`: never.
    pub limit: Option<Duration>,
}

/// Environment variables, whose values are not shown: a proxy's address may hold a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(pub BTreeMap<String, String>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl fmt::Display for Step {
    /// `KEY: doing something`. Shows no secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.action)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Password(Password::Locked) => f.write_str("locking the password of rancher"),
            Action::Password(Password::Empty) => f.write_str("removing the password of rancher"),
            Action::Password(_) => f.write_str("setting the password of rancher"),
            Action::Write(file) => write!(f, "writing {}", file.path.display()),
            Action::WriteFor(file, unit) => {
                write!(f, "writing {} for {unit}", file.path.display())
            }
            Action::Want(unit) => write!(f, "adding {unit} to the services"),
            Action::Wireless => f.write_str("switching wireless devices on"),
            Action::Restrict(path) => {
                write!(f, "restricting {} to its owner", path.display())
            }
            Action::Remove(path) => write!(f, "removing {}", path.display()),
            Action::Block { path, .. } => write!(f, "writing our part of {}", path.display()),
            Action::Timezone(Timezone::This(zone)) => write!(f, "setting the time zone {zone}"),
            Action::Timezone(Timezone::UtcWhereNone) => {
                f.write_str("setting the time zone UTC where there is none")
            }
            Action::ShieldMetadata => f.write_str("keeping pods from the metadata service"),
            Action::UnshieldMetadata => f.write_str("letting pods reach the metadata service"),
            Action::Hostname(name) => write!(f, "setting the host name {name}"),
            Action::Module { name, .. } => write!(f, "loading the module {name}"),
            Action::Sysctl { path, value } => write!(f, "setting {} to {value:?}", path.display()),
            Action::Service(_) => f.write_str("writing the service k3s"),
            Action::FetchKeys(fetch) if fetch.patient => {
                f.write_str("fetching keys that could not be had before")
            }
            Action::FetchKeys(_) => f.write_str("fetching keys"),
            Action::Command(_) => f.write_str("running the command"),
            Action::Refuse(_) => f.write_str("reading the value"),
        }
    }
}
