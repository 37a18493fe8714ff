//! Logins: a getty on tty1 to tty6 and on every serial `console=`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use config::{BootSwitches, Console};

/// Where units of this boot only are made.
const RUN_UNITS: &str = "/run/systemd/system";
/// Where the templates are.
const TEMPLATES: &str = "/usr/lib/systemd/system";
/// In mode install, the installer comes before the login. It asks, so it may take as long as it likes.
const INSTALLER: &str =
    "[Service]\nTimeoutStartSec=infinity\nExecStartPre=-/usr/bin/k3os install --on-console\n";
/// The virtual terminals with a login, as in k3OS.
const VIRTUAL_TERMINALS: std::ops::RangeInclusive<u8> = 1..=6;

/// Makes the services wanted; those whose device does not exist are left out. With `installer`, that runs first on the screen
/// and on each serial console.
///
/// # Errors
/// When the links or drop-ins cannot be written.
pub fn want(switches: &BootSwitches, installer: bool) -> Result<()> {
    let wants = Path::new(RUN_UNITS).join("default.target.wants");
    fs::create_dir_all(&wants).with_context(|| format!("making {}", wants.display()))?;
    for console in serial_consoles(switches) {
        write_speed(console)?;
    }
    for unit in units(switches, &|device| Path::new("/dev").join(device).exists()) {
        if installer && shows_installer(&unit) {
            write_drop_in(&unit, "install.conf", INSTALLER)?;
        }
        let link = wants.join(&unit);
        symlink(Path::new(TEMPLATES).join(template(&unit)), &link)
            .with_context(|| format!("making {}", link.display()))?;
    }
    Ok(())
}

/// The unit names, in order.
fn units(switches: &BootSwitches, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let virtual_ones = VIRTUAL_TERMINALS
        .map(|number| format!("tty{number}"))
        .filter(|tty| exists(tty))
        .map(|tty| format!("getty@{tty}.service"));
    let serial = serial_consoles(switches)
        .filter(|console| exists(&console.device))
        .map(|console| format!("serial-getty@{}.service", console.device));
    virtual_ones.chain(serial).collect()
}

/// The first screen and every serial line.
fn shows_installer(unit: &str) -> bool {
    unit == "getty@tty1.service" || unit.starts_with("serial-getty@")
}

/// Those `console=` that are no virtual terminal (`tty0`, `tty1`, …).
fn serial_consoles(switches: &BootSwitches) -> impl Iterator<Item = &Console> {
    switches.consoles.iter().filter(|console| {
        let number = console.device.strip_prefix("tty");
        !number.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// The line's speed as the command line gives it, for the unit's `$BAUD`.
fn write_speed(console: &Console) -> Result<()> {
    if console.options.is_empty() {
        return Ok(());
    }
    let unit = format!("serial-getty@{}.service", console.device);
    let text = format!("[Service]\nEnvironment=BAUD={}\n", console.baud());
    write_drop_in(&unit, "speed.conf", &text)
}

fn write_drop_in(unit: &str, name: &str, text: &str) -> Result<()> {
    let directory = PathBuf::from(RUN_UNITS).join(format!("{unit}.d"));
    fs::create_dir_all(&directory).with_context(|| format!("making {}", directory.display()))?;
    let file = directory.join(name);
    fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
}

/// `getty@tty1.service` → `getty@.service`.
fn template(unit: &str) -> String {
    match unit.split_once('@') {
        Some((name, _)) => format!("{name}@.service"),
        None => unit.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_serial_console_and_six_terminals_get_a_login() {
        let switches = BootSwitches::from_cmdline(
            "console=tty1 console=ttyS0,115200 console=hvc0 console=ttyS9",
        );
        let units = units(&switches, &|device| device != "ttyS9" && device != "tty6");
        assert_eq!(units.len(), 7);
        assert_eq!(units[0], "getty@tty1.service");
        assert_eq!(units[5], "serial-getty@ttyS0.service");
        assert_eq!(units[6], "serial-getty@hvc0.service");
        assert_eq!(template(&units[5]), "serial-getty@.service");
        let installing: Vec<&String> = units.iter().filter(|u| shows_installer(u)).collect();
        assert_eq!(installing, [&units[0], &units[5], &units[6]]);
    }
}
