//! When a service is started, restarted and stopped.

use super::{finite, not_a_number, set, signal, text};
use crate::unit::read::Outcome;
use crate::unit::{Ending, KillMode, NotifyAccess, Restart, Service, Type, values};

pub(super) fn lifetime_key(service: &mut Service, key: &str, value: &str) -> Outcome {
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

/// For time-outs, 0 means none, as `infinity` does.
fn timeout(value: &str) -> Result<Option<u64>, String> {
    Ok(values::span(value)?.filter(|&span| span > 0))
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
