//! `Condition…=` and `Assert…=`: whether a unit should start here and now.

use std::path::Path;

/// What a condition looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// `PathExists`
    PathExists,
    /// `PathExistsGlob`, with `*` and `?` in the last part of the path
    PathExistsGlob,
    /// `PathIsDirectory`
    PathIsDirectory,
    /// `PathIsSymbolicLink`
    PathIsSymbolicLink,
    /// `PathIsMountPoint`
    PathIsMountPoint,
    /// `PathIsReadWrite`
    PathIsReadWrite,
    /// `DirectoryNotEmpty`
    DirectoryNotEmpty,
    /// `FileNotEmpty`
    FileNotEmpty,
    /// `FileIsExecutable`
    FileIsExecutable,
    /// `KernelCommandLine`: a word, or `key` of `key=value`
    KernelCommandLine,
    /// `Virtualization`: yes, no, vm, container or a product's name
    Virtualization,
    /// `Architecture`: x86-64 or arm64
    Architecture,
    /// `Capability`: one of PID 1's own
    Capability,
}

impl Subject {
    /// From the key behind `Condition` or `Assert`.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "PathExists" => Self::PathExists,
            "PathExistsGlob" => Self::PathExistsGlob,
            "PathIsDirectory" => Self::PathIsDirectory,
            "PathIsSymbolicLink" => Self::PathIsSymbolicLink,
            "PathIsMountPoint" => Self::PathIsMountPoint,
            "PathIsReadWrite" => Self::PathIsReadWrite,
            "DirectoryNotEmpty" => Self::DirectoryNotEmpty,
            "FileNotEmpty" => Self::FileNotEmpty,
            "FileIsExecutable" => Self::FileIsExecutable,
            "KernelCommandLine" => Self::KernelCommandLine,
            "Virtualization" => Self::Virtualization,
            "Architecture" => Self::Architecture,
            "Capability" => Self::Capability,
            _ => return None,
        })
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The key as written, for messages.
    pub key: String,
    /// What it looks at.
    pub subject: Subject,
    /// What it compares with.
    pub parameter: String,
    /// `!`: it holds where it would not.
    pub negated: bool,
    /// `|`: of all such conditions one is enough.
    pub triggering: bool,
    /// `Assert…`: the start fails instead of being skipped.
    pub assertion: bool,
}

impl Condition {
    /// Reads `ConditionKey=value`. `None` if the key is none that we know.
    pub fn parse(key: &str, value: &str) -> Option<Self> {
        let (name, assertion) = match key.strip_prefix("Condition") {
            Some(name) => (name, false),
            None => (key.strip_prefix("Assert")?, true),
        };
        let subject = Subject::parse(name)?;
        let (value, triggering) = strip(value, '|');
        let (value, negated) = strip(value, '!');
        let (key, parameter) = (key.to_owned(), value.to_owned());
        Some(Self {
            key,
            subject,
            parameter,
            negated,
            triggering,
            assertion,
        })
    }

    /// The condition as it stood in the file.
    pub fn text(&self) -> String {
        let pipe = if self.triggering { "|" } else { "" };
        let bang = if self.negated { "!" } else { "" };
        format!("{}={pipe}{bang}{}", self.key, self.parameter)
    }
}

fn strip(value: &str, mark: char) -> (&str, bool) {
    match value.strip_prefix(mark) {
        Some(rest) => (rest.trim_start(), true),
        None => (value, false),
    }
}

/// Where conditions look: the machine, or a test's idea of one.
pub trait Facts {
    /// Whether an unnegated condition holds.
    fn holds(&self, subject: Subject, parameter: &str) -> bool;
}

/// The first condition that keeps a unit from starting: all plain ones must hold, and one of the
/// triggering ones if there are any.
pub fn unmet<'a>(conditions: &'a [Condition], facts: &dyn Facts) -> Option<&'a Condition> {
    let holds = |condition: &&Condition| {
        facts.holds(condition.subject, &condition.parameter) != condition.negated
    };
    let (triggering, plain): (Vec<_>, Vec<_>) = conditions
        .iter()
        .partition(|condition| condition.triggering);
    if let Some(failed) = plain.into_iter().find(|condition| !holds(condition)) {
        return Some(failed);
    }
    match triggering.iter().any(holds) {
        true => None,
        false => triggering.into_iter().next(),
    }
}

/// The machine itself.
#[derive(Debug, Default, Clone, Copy)]
pub struct Machine;

impl Facts for Machine {
    fn holds(&self, subject: Subject, parameter: &str) -> bool {
        let path = Path::new(parameter);
        match subject {
            Subject::PathExists => path.exists(),
            Subject::PathExistsGlob => glob_matches(path),
            Subject::PathIsDirectory => path.is_dir(),
            Subject::PathIsSymbolicLink => path.is_symlink(),
            Subject::PathIsMountPoint => is_mount_point(path),
            Subject::PathIsReadWrite => is_writable(path),
            Subject::DirectoryNotEmpty => path
                .read_dir()
                .is_ok_and(|mut entries| entries.next().is_some()),
            Subject::FileNotEmpty => path
                .metadata()
                .is_ok_and(|meta| meta.is_file() && meta.len() > 0),
            Subject::FileIsExecutable => is_executable(path),
            Subject::KernelCommandLine => on_command_line(&read("/proc/cmdline"), parameter),
            Subject::Virtualization => runs_virtualised(parameter),
            Subject::Architecture => parameter == architecture(),
            Subject::Capability => has_capability(parameter),
        }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn is_mount_point(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(here) = path.metadata() else {
        return false;
    };
    let Ok(parent) = path.join("..").metadata() else {
        return false;
    };
    here.dev() != parent.dev() || here.ino() == parent.ino()
}

fn is_writable(path: &Path) -> bool {
    nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).is_ok()
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn glob_matches(path: &Path) -> bool {
    let (Some(directory), Some(pattern)) = (path.parent(), path.file_name()) else {
        return false;
    };
    let pattern = pattern.to_string_lossy();
    let Ok(entries) = directory.read_dir() else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| matches(&pattern, &entry.file_name().to_string_lossy()))
}

/// Matches `*` and `?`.
fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len())
            .filter_map(|at| text.get(at..))
            .any(|tail| matches(rest.as_str(), tail)),
        Some(letter) => {
            let mut letters = text.chars();
            letters
                .next()
                .is_some_and(|found| letter == '?' || letter == found)
                && matches(rest.as_str(), letters.as_str())
        }
    }
}

fn on_command_line(cmdline: &str, parameter: &str) -> bool {
    cmdline.split_whitespace().any(|word| {
        word == parameter
            || word
                .split_once('=')
                .is_some_and(|(key, _)| key == parameter)
    })
}

fn runs_virtualised(parameter: &str) -> bool {
    let in_container = std::env::var_os("container").is_some();
    let in_vm = !in_container && read("/proc/cpuinfo").contains(" hypervisor");
    match parameter {
        "container" => in_container,
        "vm" => in_vm,
        product => match values_boolean(product) {
            Some(wanted) => (in_container || in_vm) == wanted,
            None => in_vm && hypervisor(&read("/sys/class/dmi/id/sys_vendor")) == product,
        },
    }
}

fn values_boolean(text: &str) -> Option<bool> {
    super::values::boolean(text).ok()
}

/// systemd's name of a hypervisor from the vendor that its firmware tells.
fn hypervisor(vendor: &str) -> &'static str {
    const VENDORS: [(&str, &str); 6] = [
        ("VMware", "vmware"),
        ("innotek", "oracle"),
        ("Oracle", "oracle"),
        ("Microsoft", "microsoft"),
        ("Xen", "xen"),
        ("QEMU", "qemu"),
    ];
    VENDORS
        .iter()
        .find(|(start, _)| vendor.starts_with(start))
        .map_or("kvm", |(_, name)| name)
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x86-64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The capabilities that Debian's units ask for, by number.
fn has_capability(name: &str) -> bool {
    const NUMBERS: [(&str, u32); 7] = [
        ("CAP_NET_ADMIN", 12),
        ("CAP_SYS_MODULE", 16),
        ("CAP_SYS_RAWIO", 17),
        ("CAP_SYS_ADMIN", 21),
        ("CAP_SYS_TIME", 25),
        ("CAP_MKNOD", 27),
        ("CAP_SYSLOG", 34),
    ];
    let status = read("/proc/self/status");
    let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bounding = bounding
        .and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .unwrap_or(0);
    let number = NUMBERS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    number.is_some_and(|(_, number)| bounding >> number & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Exist(&'static [&'static str]);
    impl Facts for Exist {
        fn holds(&self, _: Subject, parameter: &str) -> bool {
            self.0.contains(&parameter)
        }
    }

    fn conditions(values: &[&str]) -> Vec<Condition> {
        values
            .iter()
            .filter_map(|value| Condition::parse("ConditionPathExists", value))
            .collect()
    }

    #[test]
    fn all_plain_ones_must_hold() {
        let all = conditions(&["/a", "!/b"]);
        assert_eq!(unmet(&all, &Exist(&["/a"])), None);
        assert_eq!(
            unmet(&all, &Exist(&["/a", "/b"])).unwrap().text(),
            "ConditionPathExists=!/b"
        );
        assert_eq!(unmet(&all, &Exist(&[])).unwrap().parameter, "/a");
    }

    #[test]
    fn one_triggering_is_enough() {
        let some = conditions(&["|/a", "|!/b"]);
        assert_eq!(unmet(&some, &Exist(&["/a", "/b"])), None);
        assert_eq!(
            unmet(&some, &Exist(&["/b"])).unwrap().text(),
            "ConditionPathExists=|/a"
        );
        assert_eq!(unmet(&[], &Exist(&[])), None);
    }

    #[test]
    fn unknown_subjects_are_not_conditions() {
        assert_eq!(Condition::parse("ConditionMoonPhase", "full"), None);
        assert!(Condition::parse("AssertPathExists", "/").unwrap().assertion);
    }

    #[test]
    fn the_machine_answers() {
        let root = Path::new("/");
        assert!(Machine.holds(Subject::PathIsDirectory, "/"));
        assert!(is_mount_point(root));
        assert!(Machine.holds(Subject::PathExistsGlob, "/proc/sel*"));
        assert!(!Machine.holds(Subject::PathExists, "/nonexistent"));
        assert!(!Machine.holds(Subject::FileNotEmpty, "/dev/null"));
    }

    #[test]
    fn command_line_words_and_globs() {
        assert!(on_command_line("quiet console=ttyS0", "console"));
        assert!(on_command_line("quiet console=ttyS0", "console=ttyS0"));
        assert!(!on_command_line("quieter", "quiet"));
        assert!(matches("tty[S]*x?", "tty[S]aaxb"));
        assert!(!matches("a*b", "abc"));
        assert_eq!(hypervisor("VMware, Inc."), "vmware");
    }
}
