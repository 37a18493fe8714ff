//! Verbs that change what runs, and what is enabled.

use crate::client::args::Args;
use crate::client::enable::Done;
use crate::client::{Client, code};
use crate::control::{Reply, Request};

impl Client {
    /// Verbs that change what runs.
    pub(super) fn change(&self, args: &Args, units: Vec<String>) -> Result<i32, (i32, String)> {
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
    pub(super) fn link(&self, args: &Args, units: &[String]) -> Result<i32, (i32, String)> {
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
}

/// Tells what went wrong and returns the exit code.
pub(super) fn tell(reply: &Reply) -> i32 {
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
