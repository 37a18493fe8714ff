//! What each verb of `systemctl` does.

mod change;
mod query;

use super::args::{Args, nearest};
use super::{Client, code, power};
use crate::options::End;
use crate::unit::name::complete;

const VERBS: [&str; 31] = [
    "status",
    "start",
    "stop",
    "restart",
    "try-restart",
    "reload",
    "reload-or-restart",
    "try-reload-or-restart",
    "enable",
    "disable",
    "reenable",
    "is-active",
    "is-enabled",
    "is-failed",
    "list-units",
    "list-unit-files",
    "list-dependencies",
    "show",
    "cat",
    "daemon-reload",
    "mask",
    "unmask",
    "reset-failed",
    "kill",
    "poweroff",
    "reboot",
    "halt",
    "is-system-running",
    "get-default",
    "help",
    "daemon-reexec",
];

const HELP: &str = "systemctl [OPTION…] VERB [UNIT…]: services of k3OS

  status, start, stop, restart, try-restart, reload, reload-or-restart, kill, reset-failed UNIT…
  enable, disable, reenable, mask, unmask [--now] UNIT…   kept in /var/lib/k3os/systemd
  is-active, is-enabled, is-failed UNIT…                  exit code 0, or 3, 1, 4 (no such unit)
  list-units [--all] [--failed], list-unit-files, show [-p PROPERTY], cat UNIT…
  daemon-reload, poweroff, reboot, halt, is-system-running

  -n LINES      log lines in status        -o json       machine-readable output
  --no-block    do not wait                --no-pager, -l, … are accepted
Logs: k3os logs [-f] [-n LINES] SERVICE";

impl Client {
    /// Runs one verb and returns the exit code.
    pub(super) fn run(&self, args: &Args) -> i32 {
        if args.help || args.verb == "help" {
            println!("{HELP}");
            return code::OK;
        }
        if args.version {
            println!(
                "systemctl of k3OS {}, no systemd",
                env!("CARGO_PKG_VERSION")
            );
            return code::OK;
        }
        let result = match self.check(args) {
            Ok(()) => self.dispatch(args),
            Err(error) => Err((code::USAGE, error)),
        };
        result.unwrap_or_else(|(code, error)| {
            eprintln!("systemctl: {error}");
            code
        })
    }

    fn check(&self, args: &Args) -> Result<(), String> {
        let verb = args.verb.as_str();
        if !VERBS.contains(&verb) {
            let near = nearest(verb, VERBS.into_iter());
            let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
            return Err(format!("unknown verb {verb}{near}"));
        }
        let needs_none = [
            "status",
            "list-",
            "show",
            "reset-failed",
            "daemon-",
            "poweroff",
            "reboot",
            "halt",
            "is-system-running",
            "get-default",
        ];
        match args.units.is_empty() && !needs_none.iter().any(|start| verb.starts_with(start)) {
            true => Err(format!("{verb} needs the name of a unit")),
            false => Ok(()),
        }
    }

    fn dispatch(&self, args: &Args) -> Result<i32, (i32, String)> {
        let failed = |error| (code::FAILED, error);
        let units: Vec<_> = args.units.iter().map(|unit| complete(unit)).collect();
        match args.verb.as_str() {
            "start"
            | "stop"
            | "restart"
            | "try-restart"
            | "reload"
            | "reload-or-restart"
            | "try-reload-or-restart"
            | "kill"
            | "reset-failed" => self.change(args, units),
            "enable" | "disable" | "reenable" | "mask" | "unmask" => self.link(args, &units),
            "status" | "is-active" | "is-failed" | "show" => self.query(args, units),
            "is-enabled" => Ok(self.is_enabled(args, &units)),
            "list-units" => self.list_units(args).map_err(failed),
            "list-unit-files" => Ok(self.list_unit_files(args)),
            "list-dependencies" => self.list_dependencies(units).map_err(failed),
            "cat" => self.cat(&units),
            "daemon-reload" => self.daemon_reload().map_err(failed),
            "daemon-reexec" => Err((
                code::FAILED,
                "PID 1 is replaced by a new release only".to_owned(),
            )),
            "is-system-running" => self.is_system_running().map_err(failed),
            "get-default" => {
                println!("default.target");
                Ok(code::OK)
            }
            verb => {
                let end = match verb {
                    "reboot" => End::Reboot,
                    "poweroff" => End::PowerOff,
                    _ => End::Halt,
                };
                power::end(self, end, args.force)
                    .map(|()| code::OK)
                    .map_err(failed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::change::tell;
    use super::query::{print_states, status_code};
    use super::*;
    use crate::control::{Reply, UnitStatus};

    fn reply(states: &[&str], unknown: &[&str]) -> Reply {
        let unit = |state: &&str| UnitStatus {
            active_state: (*state).to_owned(),
            ..UnitStatus::default()
        };
        let unknown = unknown.iter().map(|name| (*name).to_owned()).collect();
        Reply {
            units: states.iter().map(unit).collect(),
            unknown,
            ..Reply::default()
        }
    }

    #[test]
    fn exit_codes_are_systemds() {
        assert_eq!(status_code(&reply(&["active"], &[])), 0);
        assert_eq!(status_code(&reply(&["active", "failed"], &[])), 3);
        assert_eq!(status_code(&reply(&["active"], &["x"])), 4);
        let quiet = Args {
            quiet: true,
            ..Args::default()
        };
        let is_active =
            |reply: &Reply| print_states(&quiet, reply, 3, |unit| unit.active_state == "active");
        assert_eq!(is_active(&reply(&["inactive", "active"], &[])), 0);
        assert_eq!(is_active(&reply(&["inactive"], &[])), 3);
        assert_eq!(is_active(&reply(&[], &["x"])), 4);
        let failed = Reply {
            failed: vec![("a".into(), "b".into())],
            ..Reply::default()
        };
        assert_eq!(tell(&failed), 1);
        assert_eq!(tell(&reply(&[], &["x"])), 5);
    }

    #[test]
    fn wrong_verbs_and_missing_names_are_usage_errors() {
        let client = Client::machine();
        let run = |verb: &str| {
            client.run(&Args {
                verb: verb.to_owned(),
                ..Args::default()
            })
        };
        assert_eq!(run("statsu"), code::USAGE);
        assert_eq!(run("start"), code::USAGE);
    }
}
