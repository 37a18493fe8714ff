//! The keys of `[Service]`, in families.

mod lifetime;
mod places;
mod process;

use super::read::{Outcome, split};
use super::values;
use super::{Exec, Service, Unit};

/// Applies one key, trying one family of keys after the other.
pub(super) fn apply(unit: &mut Unit, key: &str, value: &str) -> Outcome {
    let service = &mut unit.service;
    let families = [
        exec_key,
        lifetime::lifetime_key,
        process::process_key,
        process::environment_key,
        places::group_key,
        places::directory_key,
        places::terminal_key,
        places::own_key,
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

fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

fn not_a_number(value: &str) -> String {
    format!("{value:?} is not a number")
}

fn finite(value: &str) -> Result<u64, String> {
    Ok(values::span(value)?.unwrap_or(u64::MAX))
}

fn signal(value: &str) -> Result<i32, String> {
    system::signals::by_name(value).ok_or_else(|| format!("{value:?} is not a signal"))
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
    fn groups_directories_and_own_keys() {
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
    fn a_directory_cannot_leave_its_base() {
        let mut unit = Unit::empty("a.service");
        for bad in ["../x", "/x", "a//b"] {
            assert!(
                matches!(apply(&mut unit, "RuntimeDirectory", bad), Outcome::Wrong(_)),
                "{bad}"
            );
        }
    }
}
