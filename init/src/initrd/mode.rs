//! Which way the machine boots, decided from what was asked and what was found.

use std::time::Duration;

use anyhow::{Result, bail};
use config::BootSwitches;

/// How long a state partition or medium that was asked for is waited for.
pub const DEVICE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a state partition may still turn up once a medium was found and nobody said which of them to use.
const STATE_GRACE: Duration = Duration::from_secs(3);

/// The modes of k3OS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// From a state partition: what is written stays.
    Disk,
    /// From a medium: what is written is in memory.
    Live,
    /// As live, and the installer runs.
    Install,
    /// Root as live, but a shell in place of the services.
    Shell,
    /// From the root of another Linux, on which a release was unpacked.
    Local,
}

impl Mode {
    /// The word used on the command line and in `/run/k3os/mode`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Live => "live",
            Self::Install => "install",
            Self::Shell => "shell",
            Self::Local => "local",
        }
    }

    /// The mode on a board, where `/sbin/init` runs on another system's root.
    ///
    /// # Errors
    /// When the command line asks for a mode that needs the release's own kernel and initrd.
    pub fn on_a_board(switches: &BootSwitches) -> Result<Self> {
        match switches.mode.as_deref() {
            None | Some("local") => Ok(Self::Local),
            Some("shell") => Ok(Self::Shell),
            Some(other) => bail!(
                "k3os.mode={other} cannot be used here: /sbin/init runs on another system's root; take it off the \
                 kernel command line, or use local or shell"
            ),
        }
    }

    fn parse(key: &str, word: &str) -> Result<Self> {
        match word {
            "disk" => Ok(Self::Disk),
            "live" => Ok(Self::Live),
            "install" => Ok(Self::Install),
            "shell" => Ok(Self::Shell),
            "local" => bail!(
                "{key}=local cannot be used here: local is what /sbin/init does on another system's root; \
                 use disk, live, install or shell"
            ),
            other => bail!("invalid {key}={other}; valid: disk, live, install, shell"),
        }
    }
}

/// What the command line asks for, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    mode: Option<Mode>,
    fallback: Option<Mode>,
}

impl Wanted {
    /// Checks the words of the command line.
    ///
    /// # Errors
    /// A word that is no mode, with those that are.
    pub fn from_switches(switches: &BootSwitches) -> Result<Self> {
        let parse = |key, word: &Option<String>| {
            word.as_deref()
                .map(|word| Mode::parse(key, word))
                .transpose()
        };
        Ok(Self {
            mode: parse("k3os.mode", &switches.mode)?,
            fallback: parse("k3os.fallback_mode", &switches.fallback_mode)?,
        })
    }
}

/// What was found so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// A partition labelled K3OS_STATE.
    pub state: bool,
    /// A medium labelled K3OS, or a release inside the initramfs.
    pub release: bool,
    /// An address that a release can be fetched from.
    pub address: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Boot this way.
    Boot(Mode),
    /// Wait for devices at most this long, then ask again.
    Wait(Duration),
    /// Waited long enough for this label.
    GiveUp(&'static str),
}

/// Decides; `waited` is the time since the drivers were loaded.
pub fn decide(wanted: Wanted, found: Found, waited: Duration) -> Decision {
    let left = |limit: Duration| limit.checked_sub(waited).filter(|left| !left.is_zero());
    match wanted.mode {
        Some(Mode::Disk) if found.state => Decision::Boot(Mode::Disk),
        Some(Mode::Disk) => wait_or(left(DEVICE_TIMEOUT), Decision::GiveUp("K3OS_STATE")),
        Some(mode) if found.release => Decision::Boot(mode),
        // A release on the state partition, or from the network, serves as well, but only when no medium turns up.
        Some(mode) if found.state || found.address => {
            wait_or(left(STATE_GRACE), Decision::Boot(mode))
        }
        Some(_) => wait_or(left(DEVICE_TIMEOUT), Decision::GiveUp("K3OS")),
        None if found.state => Decision::Boot(Mode::Disk),
        None if found.release || found.address => {
            let without_state = Decision::Boot(wanted.fallback.unwrap_or(Mode::Live));
            wait_or(left(STATE_GRACE), without_state)
        }
        None => wait_or(left(DEVICE_TIMEOUT), Decision::GiveUp("K3OS_STATE or K3OS")),
    }
}

fn wait_or(left: Option<Duration>, otherwise: Decision) -> Decision {
    left.map_or(otherwise, Decision::Wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(cmdline: &str) -> Wanted {
        Wanted::from_switches(&BootSwitches::from_cmdline(cmdline)).unwrap()
    }

    fn decide_after(cmdline: &str, state: bool, release: bool, seconds: u64) -> Decision {
        let found = Found {
            state,
            release,
            address: false,
        };
        decide(wanted(cmdline), found, Duration::from_secs(seconds))
    }

    #[test]
    fn the_network_serves_when_neither_disk_nor_medium_turn_up() {
        let after = |cmdline, state, seconds| {
            let found = Found {
                state,
                release: false,
                address: true,
            };
            decide(wanted(cmdline), found, Duration::from_secs(seconds))
        };
        assert!(matches!(after("", false, 1), Decision::Wait(_)));
        assert_eq!(after("", false, 3), Decision::Boot(Mode::Live));
        assert_eq!(
            after("k3os.mode=install", false, 3),
            Decision::Boot(Mode::Install)
        );
        assert_eq!(
            after("k3os.fallback_mode=install", false, 3),
            Decision::Boot(Mode::Install)
        );
        assert_eq!(
            after("k3os.fallback_mode=install", true, 0),
            Decision::Boot(Mode::Disk)
        );
        assert_eq!(
            after("k3os.mode=disk", false, 30),
            Decision::GiveUp("K3OS_STATE")
        );
    }

    #[test]
    fn a_state_partition_means_disk_unless_another_mode_is_asked_for() {
        assert_eq!(decide_after("", true, true, 0), Decision::Boot(Mode::Disk));
        assert_eq!(
            decide_after("k3os.mode=live", true, true, 0),
            Decision::Boot(Mode::Live)
        );
    }

    #[test]
    fn without_a_word_a_medium_waits_a_little_for_a_state_partition() {
        assert!(matches!(
            decide_after("", false, true, 1),
            Decision::Wait(_)
        ));
        assert_eq!(decide_after("", false, true, 3), Decision::Boot(Mode::Live));
        assert_eq!(
            decide_after("k3os.fallback_mode=install", false, true, 3),
            Decision::Boot(Mode::Install)
        );
    }

    #[test]
    fn an_explicit_mode_does_not_wait_for_what_it_does_not_need() {
        assert_eq!(
            decide_after("k3os.mode=live", false, true, 0),
            Decision::Boot(Mode::Live)
        );
        assert_eq!(
            decide_after("rescue", false, true, 0),
            Decision::Boot(Mode::Shell)
        );
    }

    #[test]
    fn what_never_turns_up_is_named() {
        assert_eq!(
            decide_after("k3os.mode=disk", false, true, 30),
            Decision::GiveUp("K3OS_STATE")
        );
        assert_eq!(
            decide_after("k3os.mode=live", false, false, 31),
            Decision::GiveUp("K3OS")
        );
        assert_eq!(
            decide_after("", false, false, 30),
            Decision::GiveUp("K3OS_STATE or K3OS")
        );
    }

    #[test]
    fn on_a_board_the_mode_is_local_or_a_shell() {
        let mode = |cmdline| Mode::on_a_board(&BootSwitches::from_cmdline(cmdline));
        assert_eq!(mode("root=/dev/mmcblk0p2").unwrap(), Mode::Local);
        assert_eq!(mode("k3os.mode=local").unwrap(), Mode::Local);
        assert_eq!(mode("rescue").unwrap(), Mode::Shell);
        let error = mode("k3os.mode=live").unwrap_err().to_string();
        assert!(error.contains("k3os.mode=live"), "{error}");
    }

    #[test]
    fn a_wrong_mode_is_refused_with_the_right_ones() {
        let switches = BootSwitches::from_cmdline("k3os.mode=lvie");
        let error = Wanted::from_switches(&switches).unwrap_err().to_string();
        assert!(error.contains("lvie") && error.contains("live"), "{error}");
    }
}
