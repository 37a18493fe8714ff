//! Verbs that tell.

use std::fs;

use crate::client::args::Args;
use crate::client::{Client, code, print};
use crate::control::{Reply, Request, UnitStatus};

impl Client {
    /// Verbs that tell about units.
    pub(super) fn query(&self, args: &Args, units: Vec<String>) -> Result<i32, (i32, String)> {
        if units.is_empty() && args.verb == "show" {
            return self
                .show_manager(args)
                .map_err(|error| (code::FAILED, error));
        }
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

    /// `show` without a unit tells of the supervisor itself.
    fn show_manager(&self, args: &Args) -> Result<i32, String> {
        let manager = self.ask(&Request::List)?.manager.unwrap_or_default();
        print::manager(&manager, args);
        Ok(code::OK)
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

    pub(super) fn is_enabled(&self, args: &Args, units: &[String]) -> i32 {
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

    pub(super) fn list_units(&self, args: &Args) -> Result<i32, String> {
        let mut units = self.ask(&Request::List)?.units;
        units.retain(|unit| print::is_listed(unit, args));
        print::list(&units, args);
        Ok(code::OK)
    }

    pub(super) fn list_unit_files(&self, args: &Args) -> i32 {
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

    pub(super) fn list_dependencies(&self, units: Vec<String>) -> Result<i32, String> {
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

    pub(super) fn cat(&self, units: &[String]) -> Result<i32, (i32, String)> {
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

    pub(super) fn daemon_reload(&self) -> Result<i32, String> {
        let reply = self.ask(&Request::DaemonReload)?;
        reply.notes.iter().for_each(|note| eprintln!("{note}"));
        Ok(code::OK)
    }

    pub(super) fn is_system_running(&self) -> Result<i32, String> {
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

pub(super) fn print_states(
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

pub(super) fn status_code(reply: &Reply) -> i32 {
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
