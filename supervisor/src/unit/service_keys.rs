//! The keys of `[Service]`.

use std::path::PathBuf;

use super::read::{Outcome, split};
use super::{
    Ending, EnvironmentFile, Exec, Folders, KillMode, NotifyAccess, Output, Preserve, Restart,
    Service, Type, Unit, values, words,
};

/// Applies one key, trying one family of keys after the other.
pub(super) fn apply(unit: &mut Unit, key: &str, value: &str) -> Outcome {
    let service = &mut unit.service;
    let families = [
        exec_key,
        restart_key,
        process_key,
        environment_key,
        group_key,
        folder_key,
        terminal_key,
        own_key,
    ];
    for family in families {
        match family(service, key, value) {
            Outcome::NotMine => {}
            outcome => return outcome,
        }
    }
    Outcome::NotMine
}

/// Puts a read value into its place.
fn set<T>(place: &mut T, value: Result<T, String>) -> Outcome {
    value.map(|value| *place = value).into()
}

fn exec_key(service: &mut Service, key: &str, value: &str) -> Outcome {
    let list = match key {
        "ExecCondition" => &mut service.exec_condition,
        "ExecStartPre" => &mut service.start_pre,
        "ExecStart" => &mut service.start,
        "ExecStartPost" => &mut service.start_post,
        "ExecReload" => &mut service.reload,
        "ExecStop" => &mut service.stop,
        "ExecStopPost" => &mut service.stop_post,
        _ => return Outcome::NotMine,
    };
    if value.is_empty() {
        list.clear();
        return Outcome::Taken;
    }
    exec(value).map(|exec| list.push(exec)).into()
}

/// Reads a command with its prefixes.
pub(super) fn exec(value: &str) -> Result<Exec, String> {
    let mut result = Exec::default();
    let mut has_argument_zero = false;
    let mut rest = value;
    while let Some(prefix) = rest.chars().next() {
        match prefix {
            '-' => result.ignore_failure = true,
            '@' => has_argument_zero = true,
            '+' | '!' => result.as_root = true,
            ':' => result.literal = true,
            _ => break,
        }
        rest = rest.get(prefix.len_utf8()..).unwrap_or_default();
    }
    let mut words = split(rest)?.into_iter();
    result.program = words
        .next()
        .filter(|program| !program.is_empty())
        .ok_or("no program is named")?;
    if has_argument_zero {
        result.argument_zero = Some(words.next().ok_or("@ needs a zeroth argument")?);
    }
    result.arguments = words.collect();
    Ok(result)
}

fn restart_key(service: &mut Service, key: &str, value: &str) -> Outcome {
    match key {
        "Type" => set(&mut service.kind, kind(value).map(Some)),
        "Restart" => set(&mut service.restart, restart(value)),
        "RestartSec" => set(&mut service.restart_delay, finite(value)),
        "RestartMaxDelaySec" => set(&mut service.restart_delay_most, finite(value)),
        "RestartPreventExitStatus" => set(&mut service.restart_prevent, endings(value)),
        "SuccessExitStatus" => set(&mut service.success, endings(value)),
        "StartLimitBurst" => set(
            &mut service.start_limit_burst,
            value.parse().map_err(|_| not_a_number(value)),
        ),
        "StartLimitInterval" | "StartLimitIntervalSec" => {
            set(&mut service.start_limit_interval, finite(value))
        }
        "TimeoutStartSec" => set(&mut service.timeout_start, timeout(value).map(Some)),
        "TimeoutStopSec" => set(&mut service.timeout_stop, timeout(value)),
        "TimeoutSec" => match timeout(value) {
            Ok(span) => {
                (service.timeout_start, service.timeout_stop) = (Some(span), span);
                Outcome::Taken
            }
            Err(reason) => Outcome::Wrong(reason),
        },
        "RemainAfterExit" => set(&mut service.remain_after_exit, values::boolean(value)),
        "PIDFile" => set(&mut service.pid_file, Ok(text(value))),
        "BusName" => set(&mut service.bus_name, Ok(text(value))),
        "NotifyAccess" => set(&mut service.notify_access, notify_access(value)),
        "KillMode" => set(&mut service.kill_mode, kill_mode(value)),
        "KillSignal" => set(&mut service.kill_signal, signal(value)),
        "SendSIGKILL" => set(&mut service.send_sigkill, values::boolean(value)),
        _ => Outcome::NotMine,
    }
}

fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

fn not_a_number(value: &str) -> String {
    format!("{value:?} is not a number")
}

fn finite(value: &str) -> Result<u64, String> {
    Ok(values::span(value)?.unwrap_or(u64::MAX))
}

/// For time-outs, 0 means none, as `infinity` does.
fn timeout(value: &str) -> Result<Option<u64>, String> {
    Ok(values::span(value)?.filter(|&span| span > 0))
}

fn signal(value: &str) -> Result<i32, String> {
    system::signals::by_name(value).ok_or_else(|| format!("{value:?} is not a signal"))
}

fn kind(value: &str) -> Result<Type, String> {
    Ok(match value {
        "simple" | "idle" => Type::Simple,
        "exec" => Type::Exec,
        "oneshot" => Type::Oneshot,
        "notify" | "notify-reload" => Type::Notify,
        "dbus" => Type::Dbus,
        "forking" => Type::Forking,
        _ => return Err(format!("{value:?} is not a type of service")),
    })
}

fn restart(value: &str) -> Result<Restart, String> {
    Ok(match value {
        "no" => Restart::No,
        "always" => Restart::Always,
        "on-success" => Restart::OnSuccess,
        "on-failure" => Restart::OnFailure,
        "on-abnormal" | "on-watchdog" => Restart::OnAbnormal,
        "on-abort" => Restart::OnAbort,
        _ => return Err(format!("{value:?} is not a restart policy")),
    })
}

fn notify_access(value: &str) -> Result<NotifyAccess, String> {
    Ok(match value {
        "none" => NotifyAccess::None,
        "main" => NotifyAccess::Main,
        "exec" => NotifyAccess::Exec,
        "all" => NotifyAccess::All,
        _ => return Err(format!("{value:?} is none of none, main, exec, all")),
    })
}

fn kill_mode(value: &str) -> Result<KillMode, String> {
    Ok(match value {
        "control-group" => KillMode::ControlGroup,
        "mixed" => KillMode::Mixed,
        "process" => KillMode::Process,
        "none" => KillMode::None,
        _ => {
            return Err(format!(
                "{value:?} is none of control-group, mixed, process, none"
            ));
        }
    })
}

fn endings(value: &str) -> Result<Vec<Ending>, String> {
    value.split_whitespace().map(ending).collect()
}

fn ending(word: &str) -> Result<Ending, String> {
    match word.parse() {
        Ok(code) => Ok(Ending::Code(code)),
        Err(_) => match system::signals::by_name(word) {
            Some(signal) => Ok(Ending::Signal(signal)),
            None => Err(format!("{word:?} is neither an exit code nor a signal")),
        },
    }
}

fn process_key(service: &mut Service, key: &str, value: &str) -> Outcome {
    match key {
        "User" => set(&mut service.user, Ok(text(value))),
        "Group" => set(&mut service.group, Ok(text(value))),
        "SupplementaryGroups" => {
            service
                .supplementary_groups
                .extend(value.split_whitespace().map(str::to_owned));
            Outcome::Taken
        }
        "WorkingDirectory" => set(&mut service.working_directory, Ok(text(value))),
        "UMask" => set(&mut service.umask, values::mode(value)),
        "Nice" => set(&mut service.nice, values::integer(value, -20, 19).map(Some)),
        "OOMScoreAdjust" => set(
            &mut service.oom_score_adjust,
            values::integer(value, -1000, 1000).map(Some),
        ),
        "IgnoreSIGPIPE" => set(&mut service.ignore_sigpipe, values::boolean(value)),
        _ => match key.strip_prefix("Limit").and_then(values::resource) {
            Some(resource) => values::limit(value)
                .map(|limit| {
                    service.limits.insert(resource, limit);
                })
                .into(),
            None => Outcome::NotMine,
        },
    }
}

fn environment_key(service: &mut Service, key: &str, value: &str) -> Outcome {
    match key {
        "Environment" if value.is_empty() => service.environment.clear(),
        "Environment" => return environment(service, value).into(),
        "EnvironmentFile" if value.is_empty() => service.environment_files.clear(),
        "EnvironmentFile" => {
            let (path, optional) = match value.strip_prefix('-') {
                Some(path) => (path, true),
                None => (value, false),
            };
            service.environment_files.push(EnvironmentFile {
                path: path.to_owned(),
                optional,
            });
        }
        "UnsetEnvironment" => {
            service
                .unset_environment
                .extend(value.split_whitespace().map(str::to_owned));
        }
        _ => return Outcome::NotMine,
    }
    Outcome::Taken
}

fn environment(service: &mut Service, value: &str) -> Result<(), String> {
    for word in split(value)? {
        match word.split_once('=') {
            Some((name, value)) if words::is_variable(name) => {
                service
                    .environment
                    .insert(name.to_owned(), value.to_owned());
            }
            _ => return Err(format!("{word:?} is not NAME=value")),
        }
    }
    Ok(())
}

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

fn group_key(service: &mut Service, key: &str, value: &str) -> Outcome {
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

fn folder_key(service: &mut Service, key: &str, value: &str) -> Outcome {
    if key == "RuntimeDirectoryPreserve" {
        return set(&mut service.runtime_preserve, preserve(value));
    }
    let (name, is_mode) = match key.strip_suffix("Mode") {
        Some(name) => (name, true),
        None => (key, false),
    };
    let folders = match name {
        "RuntimeDirectory" => &mut service.runtime,
        "StateDirectory" => &mut service.state,
        "CacheDirectory" => &mut service.cache,
        "LogsDirectory" => &mut service.logs,
        "ConfigurationDirectory" => &mut service.configuration,
        _ => return Outcome::NotMine,
    };
    match is_mode {
        true => set(&mut folders.mode, values::mode(value).map(Some)),
        false => folder_names(folders, value).into(),
    }
}

fn folder_names(folders: &mut Folders, value: &str) -> Result<(), String> {
    if value.is_empty() {
        folders.names.clear();
    }
    for word in split(value)? {
        // `name:link` also makes a link, which nothing here needs.
        let name = word.split(':').next().unwrap_or_default().to_owned();
        if name.starts_with('/') || name.split('/').any(|part| part == ".." || part.is_empty()) {
            return Err(format!("{word:?} is not a name below the base folder"));
        }
        folders.names.push(name);
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

fn terminal_key(service: &mut Service, key: &str, value: &str) -> Outcome {
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
            "file" | "truncate" => Ok(Output::File(PathBuf::from(path), false)),
            "append" => Ok(Output::File(PathBuf::from(path), true)),
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

fn own_key(service: &mut Service, key: &str, value: &str) -> Outcome {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_commands() {
        let got = exec("-@/usr/bin/dbus-daemon @dbus-daemon --system \"a b\"").unwrap();
        assert!(got.ignore_failure);
        assert_eq!(got.program, "/usr/bin/dbus-daemon");
        assert_eq!(got.argument_zero.as_deref(), Some("@dbus-daemon"));
        assert_eq!(got.arguments, vec!["--system", "a b"]);
        assert!(exec("+/bin/a").unwrap().as_root);
        assert!(exec(":/bin/a $x").unwrap().literal);
        assert!(exec("-").is_err());
        assert!(exec("@/bin/a").is_err());
    }

    #[test]
    fn groups_folders_and_own_keys() {
        let mut unit = Unit::empty("a.service");
        for (key, value) in [
            ("TasksMax", "infinity"),
            ("MemoryMax", "1G"),
            ("RuntimeDirectory", "a b/c"),
            ("X-K3OS-ReadyPort", "22"),
            ("X-K3OS-ShutdownSignal", "SIGUSR1"),
            ("LimitNOFILE", "1024:4096"),
            ("Delegate", "cpu memory"),
        ] {
            assert!(
                matches!(apply(&mut unit, key, value), Outcome::Taken),
                "{key}"
            );
        }
        let service = unit.service;
        assert_eq!(service.cgroup["pids.max"], "max");
        assert_eq!(service.cgroup["memory.max"], "1073741824");
        assert_eq!(service.runtime.names, vec!["a", "b/c"]);
        assert_eq!(service.own.ready_port, Some(22));
        assert_eq!(service.own.shutdown_signal, Some(10));
        assert_eq!(service.limits[&7], (1024, 4096));
        assert!(service.delegate);
    }

    #[test]
    fn a_folder_cannot_leave_its_base() {
        let mut unit = Unit::empty("a.service");
        for bad in ["../x", "/x", "a//b"] {
            assert!(
                matches!(apply(&mut unit, "RuntimeDirectory", bad), Outcome::Wrong(_)),
                "{bad}"
            );
        }
    }
}
