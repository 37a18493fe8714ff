//! Which program this is, by the name it was called by.

use std::ffi::OsStr;
use std::path::Path;

/// What to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "full"), allow(dead_code))]
pub enum Call {
    /// PID 1 in the initramfs.
    FirstStage,
    /// PID 1 on the root of another Linux, over which a release was unpacked.
    Board,
    /// PID 1 in the real root.
    SecondStage,
    /// The kernel's helper in the initramfs.
    Modprobe,
    /// The face on the supervisor.
    Systemctl,
    /// `reboot`, `poweroff`, `halt` or `shutdown`: end the machine.
    Power(&'static str),
    /// `k3os COMMAND`.
    Command,
}

impl Call {
    /// Tells it from argv[0], from being PID 1 or not, and from whether the root is a release's.
    pub fn from_name(name: &OsStr, is_pid_1: bool, in_release: bool) -> Self {
        let base = Path::new(name).file_name().unwrap_or_default();
        match base.to_str().unwrap_or_default() {
            "init" if is_pid_1 && name == "/init" => Self::FirstStage,
            _ if is_pid_1 && in_release => Self::SecondStage,
            _ if is_pid_1 => Self::Board,
            "modprobe" => Self::Modprobe,
            "systemctl" => Self::Systemctl,
            "reboot" => Self::Power("reboot"),
            "poweroff" => Self::Power("poweroff"),
            "halt" => Self::Power("halt"),
            "shutdown" => Self::Power("shutdown"),
            _ => Self::Command,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, is_pid_1: bool) -> Call {
        Call::from_name(OsStr::new(name), is_pid_1, true)
    }

    #[test]
    fn pid_1_is_an_init_whatever_its_name() {
        assert_eq!(call("/init", true), Call::FirstStage);
        assert_eq!(call("/usr/sbin/init", true), Call::SecondStage);
        assert_eq!(call("k3os", true), Call::SecondStage);
    }

    #[test]
    fn on_another_system_s_root_pid_1_enters_the_release_first() {
        let call = |name: &str| Call::from_name(OsStr::new(name), true, false);
        assert_eq!(call("/sbin/init"), Call::Board);
        assert_eq!(call("/init"), Call::FirstStage);
    }

    #[test]
    fn anybody_else_is_what_the_name_says() {
        assert_eq!(call("/usr/bin/systemctl", false), Call::Systemctl);
        assert_eq!(call("reboot", false), Call::Power("reboot"));
        assert_eq!(call("/sbin/modprobe", false), Call::Modprobe);
        assert_eq!(call("init", false), Call::Command);
        assert_eq!(call("k3os", false), Call::Command);
    }
}
