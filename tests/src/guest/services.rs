//! The machine's services, through `systemctl`.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Guest;

impl Guest {
    /// The main process of a unit; 0 if it has none.
    pub fn main_pid(&self, unit: &str) -> Result<u32> {
        let answer = self.root(&format!("systemctl show -p MainPID {unit}"))?;
        parse_main_pid(&answer).with_context(|| format!("reading the main process of {unit}"))
    }

    /// Kills a unit's main process and waits until it is active again with another.
    pub fn kill_and_wait(&self, unit: &str, limit: Duration) -> Result<()> {
        let old = self.main_pid(unit)?;
        if old == 0 {
            bail!("killing {unit}: it has no main process");
        }
        self.root(&format!("kill -9 {old}"))?;
        let back = format!(
            "systemctl is-active {unit} && ! systemctl show -p MainPID {unit} | grep -qx -e MainPID={old} -e MainPID=0"
        );
        self.wait_root(&back, limit)
            .with_context(|| format!("waiting for {unit} after kill -9"))
            .map(drop)
    }

    /// Names of the active services.
    pub fn active_services(&self) -> Result<Vec<String>> {
        let listing = self.root("systemctl list-units")?;
        Ok(parse_active(&listing))
    }
}

fn parse_main_pid(answer: &str) -> Result<u32> {
    let value = answer.trim().strip_prefix("MainPID=").unwrap_or_default();
    value
        .parse()
        .with_context(|| format!("reading a number from '{}'", answer.trim()))
}

/// Columns: UNIT LOAD ACTIVE SUB DESCRIPTION.
fn parse_active(listing: &str) -> Vec<String> {
    listing
        .lines()
        .filter_map(|line| {
            let mut columns = line.split_whitespace();
            let unit = columns.next().filter(|unit| unit.ends_with(".service"))?;
            columns.nth(1).filter(|state| *state == "active")?;
            columns.next().filter(|sub| *sub == "running")?;
            Some(unit.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_running_services_are_listed() {
        let listing = "UNIT LOAD ACTIVE SUB DESCRIPTION\n\
            dbus.service loaded active running D-Bus\n\
            once.service loaded active exited Once\n\
            bad.service loaded failed failed Bad\n";
        assert_eq!(parse_active(listing), ["dbus.service"]);
    }

    #[test]
    fn a_main_pid_that_is_no_number_is_an_error() {
        assert_eq!(parse_main_pid("MainPID=17\n").unwrap(), 17);
        assert!(parse_main_pid("Unit not found").is_err());
    }
}
