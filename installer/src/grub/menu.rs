//! The menu of an installed disk. Upgrades do not touch it: which release it boots is in the environment block.

use system::layout::RELEASES;
use system::power::PANIC_ARGUMENT;

mod takeover;

/// What differs between installations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Menu {
    /// Boot with `k3os.debug`.
    pub debug: bool,
    /// A second console, e.g. `ttyS0` or `ttyS0,9600`.
    pub tty: Option<String>,
}

/// Speed of a serial console, where none is said.
const SPEED: &str = "115200";
/// How the kernel names serial ports, of PCs and of ARM.
const SERIAL: [&str; 2] = ["ttyS", "ttyAMA"];

const HEAD: &str = r#"# Written by the k3OS installer. What is booted is in the environment block beside it:
# current, previous, and, after an upgrade, trial with the number of its tries.
search --no-floppy --set=root --label K3OS_STATE --hint "$root"
load_env
set default=0
set timeout=3
"#;

/// (`chosen` would be the obvious name, but GRUB sets a variable of that name itself when an entry starts.)
/// A release on trial is booted once for each of its tries; if it never calls itself good, the current one is back.
const TRIAL: &str = r#"
set release="${current}"
if [ -n "${trial}" ]; then
  if [ "${tries}" = "2" ]; then
    set tries=1
    set release="${trial}"
    save_env tries
  elif [ "${tries}" = "1" ]; then
    set tries=0
    set release="${trial}"
    save_env tries
  fi
fi
"#;

/// What an installation that kept the file system found there, e.g. k3OS 0.2x.
///
/// As long as no release of ours is chosen, because an installation was cut off between menu and choice, it is what starts.
const BEFORE: &str = r#"
if [ -f /boot/grub/before.cfg ]; then
  if [ -z "${current}" ]; then
    configfile /boot/grub/before.cfg
  fi
  menuentry "The system that was here before (its own menu)" {
    configfile /boot/grub/before.cfg
  }
fi
"#;

impl Menu {
    /// The text of `grub.cfg`.
    pub fn text(&self) -> String {
        let words = self.kernel_words();
        let debug = if self.debug { " k3os.debug" } else { "" };
        [
            HEAD.to_owned(),
            self.serial().unwrap_or_default(),
            TRIAL.to_owned(),
            entry(
                "k3OS Current (${release})",
                "release",
                &format!("{words}{debug}"),
                "",
            ),
            previous("k3OS Previous (${previous})", &format!("{words}{debug}")),
            entry(
                "k3OS Rescue (current)",
                "release",
                &format!("{words} rescue"),
                "",
            ),
            previous("k3OS Rescue (previous)", &format!("{words} rescue")),
            BEFORE.to_owned(),
        ]
        .concat()
    }

    /// The last console is the one that the kernel's /dev/console is, so the given one comes last.
    fn kernel_words(&self) -> String {
        let second = self.second_console().map(|(device, speed)| {
            if speed.is_empty() {
                format!(" console={device}")
            } else {
                format!(" console={device},{speed}")
            }
        });
        format!(
            "printk.devkmsg=on {PANIC_ARGUMENT} console=tty1{} quiet loglevel=5",
            second.unwrap_or_default()
        )
    }

    /// Device and speed of the second console, unless that is the first or none.
    fn second_console(&self) -> Option<(&str, &str)> {
        let tty = self.tty.as_deref()?;
        let (device, speed) = tty.split_once(',').unwrap_or((tty, ""));
        let plain = !device.is_empty() && device.chars().all(|c| c.is_ascii_alphanumeric());
        let known = matches!(device, "tty1" | "console");
        let speed = match speed {
            "" if SERIAL.iter().any(|kind| device.starts_with(kind)) => SPEED,
            other => other,
        };
        let speed_is_plain = speed.chars().all(|c| c.is_ascii_alphanumeric());
        (plain && !known && speed_is_plain).then_some((device, speed))
    }

    /// The menu on the serial port too, when that is a console.
    fn serial(&self) -> Option<String> {
        let (device, speed) = self.second_console()?;
        let unit = device.strip_prefix("ttyS")?;
        let digits: String = speed.chars().take_while(char::is_ascii_digit).collect();
        Some(format!(
            "if serial --unit={unit} --speed={digits}; then\n  terminal_input console serial\n  terminal_output console serial\nfi\n"
        ))
    }
}

/// A menu entry that boots the release in a variable.
fn entry(title: &str, variable: &str, words: &str, indent: &str) -> String {
    let directory = format!("/{RELEASES}/${{{variable}}}");
    format!(
        "\n{indent}menuentry \"{title}\" {{\n{indent}  linux {directory}/vmlinuz {words}\n{indent}  initrd {directory}/initrd\n{indent}}}\n"
    )
}

/// One for the previous release, shown only when there is one.
fn previous(title: &str, words: &str) -> String {
    let entry = entry(title, "previous", words, "  ");
    format!("\nif [ -n \"${{previous}}\" ]; then{entry}fi\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_the_golden_one() {
        let menu = Menu {
            debug: true,
            tty: Some("ttyS0".into()),
        };
        let golden = include_str!("golden.cfg");
        if std::env::var_os("UPDATE").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/grub/golden.cfg");
            std::fs::write(path, menu.text()).unwrap();
        } else {
            assert_eq!(menu.text(), golden, "UPDATE=1 writes it anew");
        }
    }

    #[test]
    fn consoles_that_are_there_already_or_are_no_names_are_left_out() {
        for tty in ["tty1", "console", "", "../x", "ttyS0;reboot", "ttyS0,1;2"] {
            let menu = Menu {
                debug: false,
                tty: Some(tty.into()),
            };
            assert_eq!(menu.text(), Menu::default().text(), "{tty}");
        }
        let menu = Menu {
            debug: false,
            tty: Some("ttyS1,9600n8".into()),
        };
        assert!(
            menu.text()
                .contains("console=tty1 console=ttyS1,9600n8 quiet")
        );
        assert!(menu.text().contains("serial --unit=1 --speed=9600;"));
        let menu = Menu {
            debug: false,
            tty: Some("ttyAMA0".into()),
        };
        // The firmware's own console is there already.
        assert!(menu.text().contains("console=ttyAMA0,115200 quiet"));
        assert!(!menu.text().contains("serial"));
        let menu = Menu {
            debug: false,
            tty: Some("hvc0".into()),
        };
        assert!(menu.text().contains("console=hvc0 quiet") && !menu.text().contains("serial"));
    }
}
