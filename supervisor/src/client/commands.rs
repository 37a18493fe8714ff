//! What each verb of `systemctl` does.

use std::fs;

use super::args::{Args, nearest};
use super::enable::Done;
use super::{Client, code, power, print};
use crate::control::{Reply, Request, UnitStatus};
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

    /// Verbs that change what runs.
    fn change(&self, args: &Args, units: Vec<String>) -> Result<i32, (i32, String)> {
        let no_block = args.no_block;
        let request = match args.verb.as_str() {
            "start" => Request::Start { units, no_block },
            "stop" => Request::Stop { units, no_block },
            "restart" => Request::Restart {
                units,
                only_active: false,
                no_block,
            },
            "try-restart" => Request::Restart {
                units,
                only_active: true,
                no_block,
            },
            "reload" => Request::Reload { units },
            "reset-failed" => Request::ResetFailed { units },
            "kill" => {
                let name = args.signal.as_deref().unwrap_or("SIGTERM");
                let signal = system::signals::by_name(name);
                let signal =
                    signal.ok_or_else(|| (code::USAGE, format!("{name} is not a signal")))?;
                Request::Kill { units, signal }
            }
            verb => return self.reload_or_restart(units, no_block, verb.starts_with("try-")),
        };
        let reply = self.ask(&request).map_err(|error| (code::FAILED, error))?;
        Ok(tell(&reply))
    }

    /// Reloads what can be reloaded and restarts the others.
    fn reload_or_restart(
        &self,
        units: Vec<String>,
        no_block: bool,
        only_active: bool,
    ) -> Result<i32, (i32, String)> {
        let failed = |error| (code::FAILED, error);
        let reply = self
            .ask(&Request::Reload {
                units: units.clone(),
            })
            .map_err(failed)?;
        let rest: Vec<_> = units
            .into_iter()
            .filter(|unit| {
                reply.failed.iter().any(|(name, _)| name == unit) || reply.unknown.contains(unit)
            })
            .collect();
        if rest.is_empty() {
            return Ok(code::OK);
        }
        let restart = Request::Restart {
            units: rest,
            only_active,
            no_block,
        };
        Ok(tell(&self.ask(&restart).map_err(failed)?))
    }

    /// Verbs that change links; the supervisor then reads its units anew, where one runs.
    fn link(&self, args: &Args, units: &[String]) -> Result<i32, (i32, String)> {
        for unit in units {
            let done: Result<Done, String> = match args.verb.as_str() {
                "enable" => self.links.enable(unit),
                "disable" => self.links.disable(unit),
                "mask" => self.links.mask(unit),
                "unmask" => self.links.unmask(unit),
                _ => self.links.disable(unit).and_then(|mut done| {
                    done.extend(self.links.enable(unit)?);
                    Ok(done)
                }),
            };
            let done = done.map_err(|error| (code::FAILED, error))?;
            if !args.quiet {
                done.iter().for_each(|line| eprintln!("{line}"));
            }
        }
        if let Err(error) = self.ask(&Request::DaemonReload)
            && !args.quiet
        {
            eprintln!("systemctl: the links are made, but {error}");
        }
        let (units, no_block) = (units.to_vec(), args.no_block);
        let request = match args.verb.as_str() {
            _ if !args.now => return Ok(code::OK),
            "enable" | "reenable" => Request::Start { units, no_block },
            "disable" | "mask" => Request::Stop { units, no_block },
            _ => return Ok(code::OK),
        };
        Ok(tell(
            &self.ask(&request).map_err(|error| (code::FAILED, error))?,
        ))
    }

    /// Verbs that tell about units.
    fn query(&self, args: &Args, units: Vec<String>) -> Result<i32, (i32, String)> {
        if units.is_empty() {
            return self.list_units(args).map_err(|error| (code::FAILED, error));
        }
        let request = Request::Show {
            units: units.clone(),
        };
        let reply = self.ask(&request).map_err(|error| (code::FAILED, error))?;
        match args.verb.as_str() {
            "is-active" => Ok(print_states(args, &reply, code::NOT_RUNNING, |unit| {
                unit.active_state == "active"
            })),
            "is-failed" => Ok(print_states(args, &reply, code::FAILED, |unit| {
                unit.active_state == "failed"
            })),
            "show" => {
                print::show(&self.with_unknown(&reply), args, |unit| {
                    self.links.state(unit)
                });
                Ok(code::OK)
            }
            _ => {
                print::status(&reply.units, args, |unit| self.links.state(unit));
                for unit in &reply.unknown {
                    eprintln!("Unit {unit} could not be found.");
                }
                Ok(status_code(&reply))
            }
        }
    }

    /// `show` tells units that do not exist as not-found.
    fn with_unknown(&self, reply: &Reply) -> Vec<UnitStatus> {
        let unknown = reply.unknown.iter().map(|name| UnitStatus {
            name: name.clone(),
            description: name.clone(),
            load_state: "not-found".to_owned(),
            active_state: "inactive".to_owned(),
            sub_state: "dead".to_owned(),
            ..UnitStatus::default()
        });
        reply.units.iter().cloned().chain(unknown).collect()
    }

    fn is_enabled(&self, args: &Args, units: &[String]) -> i32 {
        let mut result = code::FAILED;
        for unit in units {
            let state = self.links.state(unit);
            if !args.quiet {
                println!("{state}");
            }
            match state {
                "enabled" | "static" | "alias" | "generated" => result = code::OK,
                "not-found" if result != code::OK => result = code::UNKNOWN,
                _ => {}
            }
        }
        result
    }

    fn list_units(&self, args: &Args) -> Result<i32, String> {
        let mut units = self.ask(&Request::List)?.units;
        units.retain(|unit| print::is_listed(unit, args));
        print::list(&units, args);
        Ok(code::OK)
    }

    fn list_unit_files(&self, args: &Args) -> i32 {
        let names: Vec<_> = self.links.store.all().into_keys().collect();
        let wanted = |name: &String| {
            let kind = name.rsplit('.').next().unwrap_or_default();
            args.types.is_empty() || args.types.contains(kind)
        };
        let rows: Vec<_> = names
            .into_iter()
            .filter(wanted)
            .map(|name| (self.links.state(&name), name))
            .filter(|(state, _)| args.states.is_empty() || args.states.contains(*state))
            .collect();
        print::unit_files(&rows, args);
        code::OK
    }

    fn list_dependencies(&self, units: Vec<String>) -> Result<i32, String> {
        let units = if units.is_empty() {
            vec!["default.target".to_owned()]
        } else {
            units
        };
        for unit in self.ask(&Request::Show { units })?.units {
            println!("{}", unit.name);
            for other in unit.requires.iter().chain(&unit.wants) {
                println!("  {other}");
            }
        }
        Ok(code::OK)
    }

    fn cat(&self, units: &[String]) -> Result<i32, (i32, String)> {
        for unit in units {
            let files = self.links.store.load(unit).0.files;
            if files.is_empty() {
                return Err((code::FAILED, format!("there is no unit file {unit}")));
            }
            for file in files {
                let said = |error| (code::FAILED, format!("reading {}: {error}", file.display()));
                println!(
                    "# {}\n{}",
                    file.display(),
                    fs::read_to_string(&file).map_err(said)?
                );
            }
        }
        Ok(code::OK)
    }

    fn daemon_reload(&self) -> Result<i32, String> {
        let reply = self.ask(&Request::DaemonReload)?;
        reply.notes.iter().for_each(|note| eprintln!("{note}"));
        Ok(code::OK)
    }

    fn is_system_running(&self) -> Result<i32, String> {
        let units = self.ask(&Request::List)?.units;
        let any = |state: &str| units.iter().any(|unit| unit.active_state == state);
        let (word, result) = match (any("activating"), any("failed")) {
            (true, _) => ("starting", code::FAILED),
            (_, true) => ("degraded", code::FAILED),
            _ => ("running", code::OK),
        };
        println!("{word}");
        Ok(result)
    }
}

/// Tells what went wrong and returns the exit code.
fn tell(reply: &Reply) -> i32 {
    if let Some(error) = &reply.error {
        eprintln!("systemctl: {error}");
    }
    for unit in &reply.unknown {
        eprintln!("Unit {unit} not found.");
    }
    for (unit, reason) in &reply.failed {
        let short = unit.strip_suffix(".service").unwrap_or(unit);
        eprintln!("{unit} failed: {reason}");
        eprintln!("See \"systemctl status {short}\" and \"k3os logs {short}\".");
    }
    match (
        reply.unknown.is_empty(),
        reply.failed.is_empty() && reply.error.is_none(),
    ) {
        (false, _) => code::NOT_INSTALLED,
        (_, false) => code::FAILED,
        _ => code::OK,
    }
}

fn print_states(
    args: &Args,
    reply: &Reply,
    otherwise: i32,
    is_so: impl Fn(&UnitStatus) -> bool,
) -> i32 {
    if !args.quiet {
        reply
            .units
            .iter()
            .for_each(|unit| println!("{}", unit.active_state));
        reply.unknown.iter().for_each(|_| println!("inactive"));
    }
    match (reply.units.iter().any(is_so), reply.unknown.is_empty()) {
        (true, _) => code::OK,
        (false, true) => otherwise,
        (false, false) => code::UNKNOWN,
    }
}

fn status_code(reply: &Reply) -> i32 {
    let is_running = |unit: &UnitStatus| {
        matches!(
            unit.active_state.as_str(),
            "active" | "reloading" | "activating"
        )
    };
    match (reply.unknown.is_empty(), reply.units.iter().all(is_running)) {
        (false, _) => code::UNKNOWN,
        (true, false) => code::NOT_RUNNING,
        (true, true) => code::OK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
