//! From text to a [`Unit`]: sections and keys, with a warning for each line that is not understood.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::condition::Condition;
use super::keys::{Knowledge, knowledge};
use super::name::Name;
use super::syntax::{self, Assignment};
use super::{Unit, service_keys, specifier, values, words};

/// A line of a unit file that is not obeyed as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 stands for the whole file.
    pub line: usize,
    /// What is wrong, the key named.
    pub message: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(out, "{}: {}", self.file.display(), self.message),
            line => write!(out, "{}:{line}: {}", self.file.display(), self.message),
        }
    }
}

/// What a key's reader says.
pub(super) enum Outcome {
    /// Taken.
    Taken,
    /// No key of this reader.
    NotMine,
    /// Its key, but the value is wrong.
    Wrong(String),
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self::Taken,
            Err(reason) => Self::Wrong(reason),
        }
    }
}

/// Applies one file's text to `unit`; drop-ins are applied after the main file in the same way.
pub fn apply(unit: &mut Unit, file: &Path, text: &str) -> Vec<Warning> {
    let warn = |line, message| Warning {
        file: file.to_owned(),
        line,
        message,
    };
    let (assignments, malformed) = syntax::parse(text);
    let mut warnings: Vec<_> = malformed
        .iter()
        .map(|bad| warn(bad.line, bad.reason.to_owned()))
        .collect();
    for assignment in &assignments {
        if let Some(message) = apply_one(unit, assignment) {
            warnings.push(warn(assignment.line, message));
        }
    }
    unit.files.push(file.to_owned());
    warnings
}

/// Applies one line; returns what is wrong with it.
fn apply_one(unit: &mut Unit, line: &Assignment) -> Option<String> {
    let (section, key) = (line.section.as_str(), line.key.as_str());
    let full_name = unit.name.clone();
    let Some(name) = Name::parse(&full_name) else {
        return Some("the unit's name is wrong".into());
    };
    let value = match specifier::expand(&line.value, &name) {
        Ok(value) => value,
        Err(reason) => return Some(format!("{key}: {reason}; the line is left out")),
    };
    let outcome = match section {
        "Unit" => unit_key(unit, key, &value),
        "Install" => install_key(unit, key, &value),
        "Service" => service_keys::apply(unit, key, &value),
        _ => Outcome::NotMine,
    };
    match outcome {
        Outcome::Taken => None,
        Outcome::Wrong(reason) => Some(format!("{key}: {reason}; the line is left out")),
        Outcome::NotMine => match knowledge(section, key) {
            Knowledge::NotApplied => {
                unit.not_applied.push(format!("{key}={value}"));
                None
            }
            Knowledge::Unknown => Some(format!("unknown key {key} in [{section}]")),
        },
    }
}

fn unit_key(unit: &mut Unit, key: &str, value: &str) -> Outcome {
    match key {
        "Description" => unit.description = value.to_owned(),
        "Documentation" => unit
            .documentation
            .extend(value.split_whitespace().map(str::to_owned)),
        "After" => names(&mut unit.after, value),
        "Before" => names(&mut unit.before, value),
        "Wants" | "Upholds" => names(&mut unit.wants, value),
        "Requires" | "BindsTo" | "Requisite" => names(&mut unit.requires, value),
        "PartOf" => names(&mut unit.part_of, value),
        "DefaultDependencies" => {
            return values::boolean(value)
                .map(|yes| unit.default_dependencies = yes)
                .into();
        }
        // systemd had these in [Service] once and reads them in both.
        "StartLimitBurst" | "StartLimitInterval" | "StartLimitIntervalSec" => {
            return service_keys::apply(unit, key, value);
        }
        _ if key.starts_with("Condition") || key.starts_with("Assert") => {
            return condition(unit, key, value);
        }
        _ => return Outcome::NotMine,
    }
    Outcome::Taken
}

/// An empty value takes back every condition before it.
fn condition(unit: &mut Unit, key: &str, value: &str) -> Outcome {
    if value.is_empty() {
        unit.conditions.clear();
        return Outcome::Taken;
    }
    match Condition::parse(key, value) {
        Some(condition) => {
            unit.conditions.push(condition);
            Outcome::Taken
        }
        None => Outcome::Wrong("this condition is not known and counts as met".to_owned()),
    }
}

fn install_key(unit: &mut Unit, key: &str, value: &str) -> Outcome {
    let install = &mut unit.install;
    match key {
        "WantedBy" => names(&mut install.wanted_by, value),
        "RequiredBy" => names(&mut install.required_by, value),
        "Alias" => names(&mut install.alias, value),
        "Also" => names(&mut install.also, value),
        "DefaultInstance" => install.default_instance = Some(value.to_owned()),
        _ => return Outcome::NotMine,
    }
    Outcome::Taken
}

/// Adds the names of a list; an empty value empties it.
fn names(list: &mut BTreeSet<String>, value: &str) {
    if value.is_empty() {
        list.clear();
    }
    list.extend(value.split_whitespace().map(str::to_owned));
}

/// Splits a value into words, or says what is wrong.
pub(super) fn split(value: &str) -> Result<Vec<String>, String> {
    words::split(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::{KillMode, Restart, Type};

    fn read(name: &str, text: &str) -> (Unit, Vec<String>) {
        let mut unit = Unit::empty(name);
        let warnings = apply(&mut unit, Path::new("/u"), text);
        (unit, warnings.iter().map(Warning::to_string).collect())
    }

    #[test]
    fn debians_ssh_service_is_understood() {
        let text = "[Unit]\nDescription=OpenBSD Secure Shell server\nDocumentation=man:sshd(8)\n\
            After=network.target nss-user-lookup.target auditd.service\n\
            ConditionPathExists=!/etc/ssh/sshd_not_to_be_run\n\n[Service]\n\
            EnvironmentFile=-/etc/default/ssh\nExecStartPre=/usr/sbin/sshd -t\n\
            ExecStart=/usr/sbin/sshd -D $SSHD_OPTS\nExecReload=/usr/sbin/sshd -t\n\
            ExecReload=/bin/kill -HUP $MAINPID\nKillMode=process\nRestart=on-failure\n\
            RestartPreventExitStatus=255\nType=notify\nRuntimeDirectory=sshd\n\
            RuntimeDirectoryMode=0755\n\n[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\n";
        let (unit, warnings) = read("ssh.service", text);
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(unit.service.effective_type(), Type::Notify);
        assert_eq!(unit.service.kill_mode, KillMode::Process);
        assert_eq!(unit.service.restart, Restart::OnFailure);
        assert_eq!(unit.service.reload.len(), 2);
        assert_eq!(unit.service.runtime.mode, Some(0o755));
        assert_eq!(unit.after.len(), 3);
        assert!(unit.install.wanted_by.contains("multi-user.target"));
        assert_eq!(unit.not_applied, Vec::<String>::new());
    }

    #[test]
    fn unknown_keys_name_file_line_and_key() {
        let (unit, warnings) = read(
            "a.service",
            "[Service]\nExecStart=/bin/a\nExecStrat=/bin/b\nProtectSystem=full\n",
        );
        assert_eq!(warnings, vec!["/u:3: unknown key ExecStrat in [Service]"]);
        assert_eq!(unit.not_applied, vec!["ProtectSystem=full"]);
    }

    #[test]
    fn wrong_values_leave_the_default() {
        let (unit, warnings) = read("a.service", "[Service]\nRestartSec=soon\nUMask=9\n");
        assert_eq!(unit.service.restart_delay, 100);
        assert_eq!(unit.service.umask, 0o022);
        assert_eq!(warnings.len(), 2);
        assert!(
            warnings[0].starts_with("/u:2: RestartSec: \"soon\" is not a span"),
            "{warnings:?}"
        );
    }

    #[test]
    fn an_empty_value_takes_back() {
        let (unit, _) = read(
            "a.service",
            "[Unit]\nAfter=b.service\nAfter=\nAfter=c.service\n[Service]\nExecStart=/a\nExecStart=\nExecStart=/b\n",
        );
        assert_eq!(
            unit.after.into_iter().collect::<Vec<_>>(),
            vec!["c.service"]
        );
        assert_eq!(unit.service.start.len(), 1);
        assert_eq!(unit.service.start[0].program, "/b");
    }
}
