//! The words of the command line that steer the boot itself, outside the configuration.

use super::words::{Word, split};

/// What the command line asks of the boot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BootSwitches {
    /// `k3os.mode=X`, or `shell` when `rescue` was given behind it. The last of both wins. Not checked:
    /// whether a mode of that name exists is the caller's business.
    pub mode: Option<String>,
    /// `k3os.fallback_mode=X`: the mode when none is given and no state partition is found.
    pub fallback_mode: Option<String>,
    /// The mode is `shell` because the word `rescue` was given.
    pub rescue: bool,
    /// `k3os.debug`, unless its value says no.
    pub debug: bool,
    /// `k3os.takeover=UUID`: the file system that a takeover makes the state partition, before it has its label.
    pub takeover: Option<String>,
    /// `k3os.undo_takeover`: bring the system back that was taken over.
    pub undo_takeover: bool,
    /// `k3os.watchdog=`: seconds, or `off`. Not checked here.
    pub watchdog: Option<String>,
    /// Each `k3os.modules=`, in order: a module with its parameters. They are wanted before the drivers of disks.
    pub modules: Vec<String>,
    /// `k3os.squashfs_url=`: where the release's squashfs is fetched from when the kernel and the initrd were loaded alone.
    pub squashfs_url: Option<String>,
    /// `k3os.install.iso_url=`: where an ISO is fetched from, for the same.
    pub iso_url: Option<String>,
    /// `ip=`: how the machine gets its address while it fetches; PXE's loaders and the kernel's documentation agree on the form.
    pub addressing: Option<String>,
    /// `BOOTIF=`: the card that PXE booted from, as `01-52-54-00-12-34-56`.
    pub boot_card: Option<String>,
    /// Each `console=`, in order and without repeats. The kernel's /dev/console is the last one.
    pub consoles: Vec<Console>,
}

/// One `console=ttyS0,115200n8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// The device's name below /dev, e.g. `ttyS0`.
    pub device: String,
    /// What follows the comma, e.g. `115200n8`; may be empty.
    pub options: String,
}

impl Console {
    /// Bits per second; 9600, the kernel's own default, when the options do not say.
    pub fn baud(&self) -> u32 {
        let digits: String = self
            .options
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().ok().filter(|baud| *baud > 0).unwrap_or(9600)
    }
}

impl BootSwitches {
    /// Reads the switches from the content of /proc/cmdline.
    pub fn from_cmdline(cmdline: &str) -> Self {
        let mut switches = Self::default();
        for word in split(cmdline) {
            switches.take(&word);
        }
        switches
    }

    fn take(&mut self, word: &Word) {
        let value = word.value.as_deref().filter(|value| !value.is_empty());
        match (word.key.as_str(), value) {
            ("rescue", None) => self.set_mode("shell", true),
            ("k3os.mode", Some(mode)) => self.set_mode(mode, false),
            ("k3os.fallback_mode", Some(mode)) => self.fallback_mode = Some(mode.to_owned()),
            ("k3os.debug", value) => {
                self.debug = !matches!(value, Some("false" | "no" | "off" | "0"))
            }
            ("k3os.takeover", Some(uuid)) => self.takeover = Some(uuid.to_owned()),
            ("k3os.undo_takeover", None) => self.undo_takeover = true,
            ("k3os.watchdog", Some(value)) => self.watchdog = Some(value.to_owned()),
            ("k3os.modules" | "k3os.module", Some(module)) => self.modules.push(module.to_owned()),
            ("k3os.squashfs_url", Some(url)) => self.squashfs_url = Some(url.to_owned()),
            ("k3os.install.iso_url" | "k3os.install.isoUrl", Some(url)) => {
                self.iso_url = Some(url.to_owned());
            }
            ("ip", Some(value)) => self.addressing = Some(value.to_owned()),
            ("BOOTIF", Some(card)) => self.boot_card = Some(card.to_owned()),
            ("console", Some(value)) => self.add_console(value),
            _ => {}
        }
    }

    fn set_mode(&mut self, mode: &str, rescue: bool) {
        self.mode = Some(mode.to_owned());
        self.rescue = rescue;
    }

    fn add_console(&mut self, value: &str) {
        let (device, options) = value.split_once(',').unwrap_or((value, ""));
        let device = device.strip_prefix("/dev/").unwrap_or(device);
        let plain = !device.is_empty() && device.chars().all(|c| c.is_ascii_alphanumeric());
        if plain && device != "null" && !self.consoles.iter().any(|known| known.device == device) {
            self.consoles.push(Console {
                device: device.to_owned(),
                options: options.to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_switch() {
        let cmdline = "quiet k3os.mode=live k3os.fallback_mode=install k3os.debug console=tty1 console=ttyS0,115200n8";
        let switches = BootSwitches::from_cmdline(cmdline);
        assert_eq!(switches.mode.as_deref(), Some("live"));
        assert_eq!(switches.fallback_mode.as_deref(), Some("install"));
        assert!(switches.debug && !switches.rescue);
        let consoles: Vec<_> = switches
            .consoles
            .iter()
            .map(|c| (c.device.as_str(), c.baud()))
            .collect();
        assert_eq!(consoles, [("tty1", 9600), ("ttyS0", 115_200)]);
    }

    #[test]
    fn the_last_of_rescue_and_mode_wins() {
        let rescue = BootSwitches::from_cmdline("k3os.mode=disk rescue");
        assert_eq!(
            (rescue.mode.as_deref(), rescue.rescue),
            (Some("shell"), true)
        );
        let disk = BootSwitches::from_cmdline("rescue k3os.mode=disk");
        assert_eq!((disk.mode.as_deref(), disk.rescue), (Some("disk"), false));
    }

    #[test]
    fn modules_come_with_their_parameters() {
        let switches =
            BootSwitches::from_cmdline("k3os.module=nvme k3os.modules=\"kvm nested=1\" modules=x");
        assert_eq!(switches.modules, ["nvme", "kvm nested=1"]);
    }

    #[test]
    fn a_takeover_names_its_file_system() {
        let switches = BootSwitches::from_cmdline("k3os.takeover=0a-1b k3os.undo_takeover");
        assert_eq!(switches.takeover.as_deref(), Some("0a-1b"));
        assert!(switches.undo_takeover);
    }

    #[test]
    fn what_a_network_boot_says_is_taken() {
        let switches = BootSwitches::from_cmdline(
            "k3os.squashfs_url=http://a/s k3os.install.iso_url=http://a/i ip=dhcp BOOTIF=01-52-54-00-12-34-56",
        );
        assert_eq!(switches.squashfs_url.as_deref(), Some("http://a/s"));
        assert_eq!(switches.iso_url.as_deref(), Some("http://a/i"));
        assert_eq!(switches.addressing.as_deref(), Some("dhcp"));
        assert_eq!(switches.boot_card.as_deref(), Some("01-52-54-00-12-34-56"));
    }

    #[test]
    fn the_watchdogs_time_is_taken_as_it_is() {
        let watchdog = |cmdline| BootSwitches::from_cmdline(cmdline).watchdog;
        assert_eq!(watchdog("k3os.watchdog=30").as_deref(), Some("30"));
        assert_eq!(watchdog("watchdog=30 k3os.watchdog="), None);
    }

    #[test]
    fn debug_can_be_denied() {
        assert!(!BootSwitches::from_cmdline("k3os.debug=false").debug);
        assert!(BootSwitches::from_cmdline("k3os.debug=true").debug);
        assert!(!BootSwitches::from_cmdline("k3os.debugger").debug);
    }

    #[test]
    fn odd_consoles_are_left_out() {
        let switches = BootSwitches::from_cmdline(
            "console= console=null console=../../x console=ttyS0 console=ttyS0,9600",
        );
        assert_eq!(switches.consoles.len(), 1);
    }
}
