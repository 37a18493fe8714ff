//! A machine that can be looked at and not touched: it tells what would change.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use system::host::{CommandLine, Content, Ended, Host, Look, Switch};

/// Looks at a machine and notes what would be done to it.
pub(crate) struct Preview<'a, L: ?Sized> {
    host: &'a L,
    lines: RefCell<Vec<String>>,
}

impl<'a, L: Look + ?Sized> Preview<'a, L> {
    pub(crate) fn of(host: &'a L) -> Self {
        Self {
            host,
            lines: RefCell::new(Vec::new()),
        }
    }

    /// One line for each change.
    pub(crate) fn changes(&self) -> String {
        self.lines
            .borrow()
            .iter()
            .map(|line| format!("{line}\n"))
            .collect()
    }

    fn note(&self, line: String) -> Result<bool> {
        self.lines.borrow_mut().push(line);
        Ok(true)
    }

    fn note_unless(&self, right: bool, line: impl FnOnce() -> String) -> Result<bool> {
        if right { Ok(false) } else { self.note(line()) }
    }

    /// Whether a file of the kernel holds these words already, however they are spaced.
    fn holds(&self, path: &Path, value: &str) -> bool {
        let present = self.host.read(path).ok().flatten().unwrap_or_default();
        String::from_utf8_lossy(&present)
            .split_whitespace()
            .eq(value.split_whitespace())
    }
}

impl<L: Look + ?Sized> Host for Preview<'_, L> {
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        self.host.read(path)
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>> {
        self.host.list(directory)
    }

    fn write(&self, content: &Content<'_>) -> Result<bool> {
        let present = self.host.read(content.path)?;
        match present {
            Some(bytes) if bytes == content.bytes => Ok(false),
            Some(_) => self.note(format!("change {}", content.path.display())),
            None => self.note(format!("create {}", content.path.display())),
        }
    }

    fn write_kernel(&self, path: &Path, value: &str) -> Result<()> {
        self.note_unless(self.holds(path, value), || {
            format!("set {} to {value:?}", path.display())
        })
        .map(drop)
    }

    fn restrict(&self, _path: &Path) -> Result<bool> {
        // Its content stays, and who applies the configuration is its owner.
        Ok(false)
    }

    fn remove(&self, path: &Path) -> Result<bool> {
        let absent = self.host.read(path)?.is_none();
        self.note_unless(absent, || format!("remove {}", path.display()))
    }

    fn link(&self, link: &Path, _target: &Path) -> Result<bool> {
        let there = self.host.read(link)?.is_some();
        self.note_unless(there, || format!("link {}", link.display()))
    }

    fn append(&self, _path: &Path, _bytes: &[u8], _limit: u64) -> Result<()> {
        Ok(())
    }

    fn set_hostname(&self, name: &str) -> Result<()> {
        let right = self.holds(Path::new("/proc/sys/kernel/hostname"), name);
        self.note_unless(right, || format!("set the host name {name}"))
            .map(drop)
    }

    fn load_module(&self, name: &str, _parameters: &str) -> Result<()> {
        let loaded = self
            .host
            .read(Path::new("/proc/modules"))?
            .unwrap_or_default();
        let wanted = name.replace('-', "_");
        let loaded = String::from_utf8_lossy(&loaded)
            .lines()
            .any(|line| line.split(' ').next() == Some(&wanted));
        self.note_unless(loaded, || format!("load the module {name}"))
            .map(drop)
    }

    /// Runs nothing. Of what the plan runs, only the user's commands and restarts are worth a line.
    fn run(&self, line: &CommandLine) -> Result<Ended> {
        match line
            .words
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["systemctl", "restart" | "try-restart", .., unit] => {
                self.note(format!("restart {unit}"))?
            }
            [_, "-c", _] => self.note("run a command of run_cmd".into())?,
            _ => false,
        };
        Ok(Ended {
            code: Some(0),
            signal: None,
            timed_out: false,
            output: Vec::new(),
            duration: Duration::ZERO,
        })
    }

    /// Asking connman would start it; the files say what changes.
    fn switch(&self, _switch: &Switch) -> Result<()> {
        Ok(())
    }

    fn random(&self, buffer: &mut [u8]) -> Result<()> {
        self.host.random(buffer)
    }
}
