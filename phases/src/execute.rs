//! Does the steps of a plan, one after the other, each by itself.

mod metadata;
mod password;
mod restart;
mod timezone;
mod wireless;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use config::{Origin, Secret};
use system::host::{CommandLine, Content, Host};

use crate::step::{Action, Command, File, Password, Service, Step};
use crate::{environment, files, remote_keys, unit};

/// Keeps what commands print.
const COMMANDS_LOG: &str = "/var/log/k3os/commands.log";
/// When the log grows over this many bytes, it is put aside, and the one put aside before is dropped.
const LOG_LIMIT: u64 = 1 << 20;

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The step's number, from 1.
    pub number: usize,
    /// The key that asked for it.
    pub key: String,
    /// Where its value came from.
    pub origin: Option<Origin>,
    /// What was done, a gerund. Shows no secrets.
    pub name: String,
    /// Whether the machine is different now.
    pub changed: bool,
    /// How long it took.
    pub duration: Duration,
    /// Why it failed, if it did: the chain of causes, one sentence.
    pub error: Option<String>,
}

impl fmt::Display for Outcome {
    /// `KEY (FILE:LINE:COLUMN): doing something: CAUSE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        write!(f, ": {}", self.name)?;
        match &self.error {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

/// Sets the password of user rancher alone, as the boot phase does. Tells whether it was another one.
///
/// # Errors
/// When /etc/shadow cannot be read or written, or does not know the user.
pub fn set_password(secret: &Secret, host: &dyn Host) -> Result<bool> {
    password::set(&Password::of(secret), host)
}

/// Does every step, whatever becomes of the others, and tells each outcome as soon as it is known.
pub fn execute(steps: &[Step], host: &dyn Host, report: &mut dyn FnMut(&Outcome)) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(steps.len());
    for (step, number) in steps.iter().zip(1..) {
        let begun = Instant::now();
        let result = act(step, host);
        let outcome = Outcome {
            number,
            key: step.key.clone(),
            origin: step.origin.clone(),
            name: step.action.to_string(),
            changed: *result.as_ref().unwrap_or(&false),
            duration: begun.elapsed(),
            error: result.err().map(|error| format!("{error:#}")),
        };
        report(&outcome);
        outcomes.push(outcome);
    }
    outcomes
}

/// Does one step; tells whether the machine is different now.
fn act(step: &Step, host: &dyn Host) -> Result<bool> {
    match &step.action {
        Action::Password(password) => password::set(password, host),
        Action::Write(file) => write(file, host),
        Action::WriteFor(file, unit) => write_for(file, unit, host),
        Action::Want(unit) => want(unit, host),
        Action::Wireless => wireless::switch_on(host),
        Action::Restrict(path) => host.restrict(path),
        Action::Remove(path) => host.remove(path),
        Action::Block { path, lines } => block(path, lines, host),
        Action::Timezone(zone) => timezone::set(zone, host),
        Action::ShieldMetadata => metadata::shield(host),
        Action::UnshieldMetadata => metadata::unshield(host),
        Action::Hostname(name) => host.set_hostname(name).map(|()| true),
        Action::Module { name, parameters } => host.load_module(name, parameters).map(|()| true),
        Action::Sysctl { path, value } => host.write_kernel(path, value).map(|()| true),
        Action::Service(service) => install_service(service, host),
        Action::FetchKeys(fetch) => remote_keys::fetch(fetch, host),
        Action::Command(command) => run(&step.key, command, host).map(|()| true),
        Action::Refuse(reason) => bail!("{reason}"),
    }
}

fn write(file: &File, host: &dyn Host) -> Result<bool> {
    if file.once && host.read(&file.path)?.is_some() {
        return Ok(false);
    }
    let owner = files::owner_ids(
        &file.owner,
        &text(host, "/etc/passwd")?,
        &text(host, "/etc/group")?,
    )?;
    host.write(&Content {
        path: &file.path,
        bytes: &file.content.0,
        mode: file.mode,
        owner,
    })
}

fn write_for(file: &File, unit: &str, host: &dyn Host) -> Result<bool> {
    let changed = write(file, host)?;
    restart::after(changed, unit, &[&["try-restart", unit]], host)
}

fn want(unit: &str, host: &dyn Host) -> Result<bool> {
    let wants = Path::new(unit::DIRECTORY).join("multi-user.target.wants");
    host.link(
        &wants.join(unit),
        &Path::new("/usr/lib/systemd/system").join(unit),
    )
}

fn block(path: &Path, lines: &[String], host: &dyn Host) -> Result<bool> {
    let present = host.read(path)?;
    let before = String::from_utf8_lossy(present.as_deref().unwrap_or_default()).into_owned();
    let after = environment::with_block(&before, lines);
    if present.is_none() && lines.is_empty() {
        return Ok(false);
    }
    host.write(&public(path, &after))
}

/// Writes unit and variables, makes the unit wanted, and lets the supervisor know when that is asked for.
fn install_service(service: &Service, host: &dyn Host) -> Result<bool> {
    let variables = environment::lines(&service.variables.0);
    let unit_path = PathBuf::from(unit::DIRECTORY).join(unit::NAME);
    let wants = PathBuf::from(unit::DIRECTORY)
        .join(format!("{}.wants", unit::WANTED_BY))
        .join(unit::NAME);
    let mut changed = if variables.is_empty() {
        host.remove(Path::new(unit::SECRETS))?
    } else {
        let bytes = (variables.join("\n") + "\n").into_bytes();
        host.write(&Content {
            path: Path::new(unit::SECRETS),
            bytes: &bytes,
            mode: 0o600,
            owner: ROOT,
        })?
    };
    // Arguments may hold secrets too: a token, the password of a datastore.
    changed |= host.write(&Content {
        mode: 0o600,
        ..public(&unit_path, &service.unit)
    })?;
    changed |= host.link(&wants, &Path::new("..").join(unit::NAME))?;
    if !service.restart {
        return Ok(changed);
    }
    let restart: [&[&str]; 2] = [&["daemon-reload"], &["restart", "--no-block", unit::NAME]];
    restart::after(changed, unit::NAME, &restart, host)
}

fn systemctl(arguments: &[&str], host: &dyn Host) -> Result<()> {
    let words = std::iter::once("systemctl")
        .chain(arguments.iter().copied())
        .map(String::from)
        .collect();
    let limit = Some(Duration::from_secs(30));
    let ended = host.run(&CommandLine {
        words,
        environment: Default::default(),
        limit,
    })?;
    if ended.succeeded() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&ended.output);
    bail!(
        "systemctl {} {}: {}",
        arguments.join(" "),
        ended.description(),
        output.trim()
    )
}

/// Runs a command and keeps what it prints.
fn run(key: &str, command: &Command, host: &dyn Host) -> Result<()> {
    let words = [command.shell, "-c", command.script.reveal()]
        .map(String::from)
        .to_vec();
    let line = CommandLine {
        words,
        environment: command.variables.0.clone(),
        limit: command.limit,
    };
    let ended = host.run(&line)?;
    let mut record = format!(
        "== {key} {} after {:.1} s\n",
        ended.description(),
        ended.duration.as_secs_f64()
    )
    .into_bytes();
    record.extend_from_slice(&ended.output);
    if !record.ends_with(b"\n") {
        record.push(b'\n');
    }
    let logged = host.append(Path::new(COMMANDS_LOG), &record, LOG_LIMIT);
    if !ended.succeeded() {
        bail!(
            "it {}; its output is in {COMMANDS_LOG}",
            ended.description()
        );
    }
    logged
}

const ROOT: (Option<u32>, Option<u32>) = (Some(0), Some(0));

fn public<'a>(path: &'a Path, text: &'a str) -> Content<'a> {
    Content {
        path,
        bytes: text.as_bytes(),
        mode: 0o644,
        owner: ROOT,
    }
}

fn text(host: &dyn Host, path: &str) -> Result<String> {
    let bytes = host.read(Path::new(path)).context("looking up the owner")?;
    Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
}

#[cfg(test)]
mod tests;
