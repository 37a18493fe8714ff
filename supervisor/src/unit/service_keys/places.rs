//! What a service gets: control group, directories, streams, and our own keys.

use std::path::PathBuf;

use system::process::FileMode;

use super::{finite, not_a_number, set, signal, text};
use crate::unit::read::{Outcome, split};
use crate::unit::{Directories, Output, Preserve, Service, values};

/// Keys that are one attribute of the control group each.
const ATTRIBUTES: [(&str, &str); 8] = [
    ("MemoryMin", "memory.min"),
    ("MemoryLow", "memory.low"),
    ("MemoryHigh", "memory.high"),
    ("MemoryMax", "memory.max"),
    ("MemorySwapMax", "memory.swap.max"),
    ("TasksMax", "pids.max"),
    ("CPUWeight", "cpu.weight"),
    ("IOWeight", "io.weight"),
];

/// Its control group.
pub(super) fn group_key(service: &mut Service, key: &str, value: &str) -> Outcome {
    match key {
        // A list of controllers is a yes: every known controller is handed down anyway.
        "Delegate" => {
            service.delegate = values::boolean(value).unwrap_or(!value.is_empty());
            return Outcome::Taken;
        }
        "DelegateSubgroup" if value.contains('/') => {
            return Outcome::Wrong("a subgroup's name has no slash".to_owned());
        }
        "DelegateSubgroup" => return set(&mut service.delegate_subgroup, Ok(text(value))),
        _ => {}
    }
    let Some((_, file)) = ATTRIBUTES.iter().find(|(name, _)| *name == key) else {
        return Outcome::NotMine;
    };
    attribute(value)
        .map(|value| {
            service.cgroup.insert(file, value);
        })
        .into()
}

fn attribute(value: &str) -> Result<String, String> {
    Ok(match values::size(value)? {
        values::UNLIMITED => "max".to_owned(),
        size => size.to_string(),
    })
}

/// Its directories.
pub(super) fn directory_key(service: &mut Service, key: &str, value: &str) -> Outcome {
    if key == "RuntimeDirectoryPreserve" {
        return set(&mut service.runtime_preserve, preserve(value));
    }
    let (name, is_mode) = match key.strip_suffix("Mode") {
        Some(name) => (name, true),
        None => (key, false),
    };
    let directories = match name {
        "RuntimeDirectory" => &mut service.runtime,
        "StateDirectory" => &mut service.state,
        "CacheDirectory" => &mut service.cache,
        "LogsDirectory" => &mut service.logs,
        "ConfigurationDirectory" => &mut service.configuration,
        _ => return Outcome::NotMine,
    };
    match is_mode {
        true => set(&mut directories.mode, values::mode(value).map(Some)),
        false => directory_names(directories, value).into(),
    }
}

fn directory_names(directories: &mut Directories, value: &str) -> Result<(), String> {
    if value.is_empty() {
        directories.names.clear();
    }
    for word in split(value)? {
        // `name:link` also makes a link, which nothing here needs.
        let name = word.split(':').next().unwrap_or_default().to_owned();
        if name.starts_with('/') || name.split('/').any(|part| part == ".." || part.is_empty()) {
            return Err(format!("{word:?} is not a name below the base directory"));
        }
        directories.names.push(name);
    }
    Ok(())
}

fn preserve(value: &str) -> Result<Preserve, String> {
    match value {
        "restart" => Ok(Preserve::Restart),
        _ => Ok(if values::boolean(value)? {
            Preserve::Yes
        } else {
            Preserve::No
        }),
    }
}

/// Its streams.
pub(super) fn terminal_key(service: &mut Service, key: &str, value: &str) -> Outcome {
    let tty = &mut service.tty;
    match key {
        "StandardInput" => set(&mut tty.is_input, input(value)),
        "StandardOutput" => set(&mut service.output, output(value)),
        "StandardError" => set(&mut service.error, output(value)),
        "TTYPath" => set(&mut tty.path, Ok(text(value))),
        "TTYReset" => set(&mut tty.reset, values::boolean(value)),
        "TTYVHangup" => set(&mut tty.hang_up, values::boolean(value)),
        // Log lines carry the unit's name; there is no syslog.
        "SyslogIdentifier" | "SyslogLevel" | "SyslogFacility" | "SyslogLevelPrefix" => {
            Outcome::Taken
        }
        _ => Outcome::NotMine,
    }
}

fn input(value: &str) -> Result<bool, String> {
    match value {
        "null" => Ok(false),
        "tty" | "tty-force" | "tty-fail" => Ok(true),
        _ => Err(format!("{value:?} is neither null nor tty")),
    }
}

fn output(value: &str) -> Result<Output, String> {
    if let Some((kind, path)) = value.split_once(':') {
        return match kind {
            "file" => Ok(Output::File(PathBuf::from(path), FileMode::Keep)),
            "truncate" => Ok(Output::File(PathBuf::from(path), FileMode::Truncate)),
            "append" => Ok(Output::File(PathBuf::from(path), FileMode::Append)),
            _ => Err(format!("{value:?} is not an output")),
        };
    }
    match value {
        "null" => Ok(Output::Null),
        "tty" => Ok(Output::Terminal),
        "inherit" => Ok(Output::Inherit),
        "journal" | "kmsg" | "syslog" | "journal+console" | "kmsg+console" | "syslog+console" => {
            Ok(Output::Log)
        }
        _ => Err(format!("{value:?} is not an output")),
    }
}

/// Our own keys.
pub(super) fn own_key(service: &mut Service, key: &str, value: &str) -> Outcome {
    let own = &mut service.own;
    match key {
        "X-K3OS-ReadyPort" => set(
            &mut own.ready_port,
            value.parse().map(Some).map_err(|_| not_a_number(value)),
        ),
        "X-K3OS-ReadyFile" => set(&mut own.ready_file, Ok(text(value))),
        "X-K3OS-ShutdownSignal" => set(&mut own.shutdown_signal, signal(value).map(Some)),
        "X-K3OS-ShutdownTimeoutSec" => set(&mut own.shutdown_timeout, finite(value)),
        _ => Outcome::NotMine,
    }
}
