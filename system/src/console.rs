//! The machine's console: where a person at 3 a.m. looks.
//!
//! Nobody may be looking, and a serial line may stand still (flow control, a terminal that was switched off): a console
//! gets what it takes in a bounded time, and the kernel's log gets every line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};

/// How long a line waits for a console whose buffer is full: a slow one catches up.
const PATIENCE: Duration = Duration::from_millis(300);

static CONSOLES: Mutex<Vec<Console>> = Mutex::new(Vec::new());

/// A terminal that is written to without waiting for it for long.
#[derive(Debug)]
struct Console {
    device: PathBuf,
    /// Non-blocking.
    file: File,
    /// The last line did not fit in time. Until one does, none waits.
    is_stuck: bool,
}

impl Console {
    fn open(device: &Path, read: bool) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(read)
            .write(true)
            // Opening a serial line would otherwise wait for its carrier, too.
            .custom_flags(nix::libc::O_NOCTTY | nix::libc::O_NONBLOCK)
            .open(device)?;
        Ok(Self {
            device: device.into(),
            file,
            is_stuck: false,
        })
    }

    fn line(&mut self, text: &str) {
        let (begin, patience) = match self.is_stuck {
            true => ("\r\n", Duration::ZERO),
            false => ("", PATIENCE),
        };
        let bytes = format!("{begin}{text}\r\n");
        let mut sent = self.send(bytes.as_bytes(), patience);
        if sent.is_err() && self.reopen() {
            sent = self.send(bytes.as_bytes(), patience);
        }
        self.is_stuck = !sent.unwrap_or(false);
    }

    /// A getty hangs its terminal up before it begins, for everybody who has it open.
    fn reopen(&mut self) -> bool {
        Self::open(&self.device, false)
            .map(|console| self.file = console.file)
            .is_ok()
    }

    /// Writes as much as the console takes within `patience`; says whether that was all.
    fn send(&mut self, mut bytes: &[u8], patience: Duration) -> io::Result<bool> {
        let end = Instant::now() + patience;
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Ok(false),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(false);
                    }
                    self.wait(left);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Waits until there is room again. A failure costs nothing: the next attempt to write tells the same.
    fn wait(&self, left: Duration) {
        let millis = u16::try_from(left.as_millis()).unwrap_or(u16::MAX).max(1);
        let mut polled = [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)];
        let _ = poll(&mut polled, PollTimeout::from(millis));
    }
}

/// Opens `/dev/console` for this process: standard input, output and error, and [`line`].
///
/// Does nothing when it cannot be opened (a kernel without any console): PID 1 goes on without.
pub fn attach() {
    let Ok(console) = Console::open(Path::new("/dev/console"), true) else {
        return;
    };
    let _ = dup2_stdin(console.file.as_fd());
    let _ = dup2_stdout(console.file.as_fd());
    let _ = dup2_stderr(console.file.as_fd());
    set_consoles(vec![console]);
}

/// From here on [`line`] writes to every console that the kernel uses, not only to the last `console=` of the cmdline:
/// somebody may be looking at the screen or at the serial line. Needs `/sys`.
pub fn use_all() {
    let open = |device: &PathBuf| Console::open(device, false);
    let consoles: Vec<Console> = active_devices().iter().flat_map(open).collect();
    if !consoles.is_empty() {
        set_consoles(consoles);
    }
}

/// The devices of the kernel's consoles, such as `/dev/tty0` and `/dev/ttyS0`; `/dev/console` when they cannot be told.
pub fn active_devices() -> Vec<PathBuf> {
    let active = fs::read_to_string("/sys/class/tty/console/active").unwrap_or_default();
    devices(&active, Path::exists)
}

/// The last name is the one that the kernel has as `/dev/console`. It may have no device of its own: a Raspberry Pi's first serial
/// port is its Bluetooth chip's, whatever the command line says.
fn devices(active: &str, exists: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut named = active
        .split_whitespace()
        .map(|name| Path::new("/dev").join(name));
    let (mut devices, missing): (Vec<_>, Vec<_>) = named.clone().partition(|path| exists(path));
    if named.next_back().is_none_or(|last| missing.contains(&last)) {
        devices.push("/dev/console".into());
    }
    devices
}

fn set_consoles(opened: Vec<Console>) {
    if let Ok(mut consoles) = CONSOLES.lock() {
        *consoles = opened;
    }
}

/// Writes one line to the kernel's log, where it survives a console that nobody watched, and to the consoles.
pub fn line(text: &str) {
    log_to_kernel(text);
    if let Ok(mut consoles) = CONSOLES.lock() {
        consoles.iter_mut().for_each(|console| console.line(text));
    }
}

/// Writes one line to the kernel's log only (level debug, which the kernel shows on no console by itself).
pub fn log_to_kernel(text: &str) {
    const DEBUG: u8 = 7;
    if let Ok(mut kmsg) = OpenOptions::new().write(true).open("/dev/kmsg") {
        let _ = kmsg.write_all(format!("<{DEBUG}>k3os: {text}\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use nix::pty::openpty;

    use super::*;

    #[test]
    fn a_console_without_a_device_of_its_own_is_reached_all_the_same() {
        let shown = |active, there: bool| {
            let devices = devices(active, |path| there || !path.ends_with("ttyAMA0"));
            let names = devices.iter().map(|device| device.display().to_string());
            names.collect::<Vec<_>>().join(" ")
        };
        let both = "tty1 ttyAMA0\n";
        assert_eq!(shown(both, true), "/dev/tty1 /dev/ttyAMA0");
        assert_eq!(shown(both, false), "/dev/tty1 /dev/console");
        assert_eq!(shown("ttyAMA0 tty1\n", false), "/dev/tty1");
        assert_eq!(shown("", true), "/dev/console");
    }

    /// A console, and the terminal behind it.
    fn console() -> (Console, File) {
        let pair = openpty(None, None).unwrap();
        for end in [&pair.master, &pair.slave] {
            fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        }
        let console = Console {
            device: "/dev/null".into(),
            file: pair.slave.into(),
            is_stuck: false,
        };
        (console, pair.master.into())
    }

    #[test]
    fn a_console_that_nobody_reads_is_waited_for_once() {
        let (mut console, _terminal) = console();
        let begun = Instant::now();
        for _ in 0..1000 {
            console.line(&"x".repeat(100));
        }
        assert!(console.is_stuck);
        // Waiting for each line would take minutes.
        let limit = PATIENCE + Duration::from_secs(20);
        assert!(begun.elapsed() < limit, "{:?}", begun.elapsed());
    }

    #[test]
    fn a_console_that_moves_again_begins_with_a_line_of_its_own() {
        let (mut console, mut terminal) = console();
        while !console.is_stuck {
            console.line(&"x".repeat(100));
        }
        let (mut text, mut buffer) = (String::new(), [0; 4096]);
        let begun = Instant::now();
        while !text.contains("\nafter\r") && begun.elapsed() < Duration::from_secs(20) {
            while let Ok(length) = terminal.read(&mut buffer) {
                text.push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
            console.line("after");
        }
        assert!(text.contains("\nafter\r"), "{} bytes came", text.len());
        assert!(!console.is_stuck);
    }

    #[test]
    fn a_console_that_was_hung_up_is_opened_anew() {
        let directory = tempfile::tempdir().unwrap();
        let (mut console, terminal) = console();
        console.device = directory.path().join("tty");
        fs::write(&console.device, "").unwrap();
        drop(terminal);
        console.line("one");
        console.line("two");
        assert_eq!(fs::read(&console.device).unwrap(), b"one\r\ntwo\r\n");
    }
}
