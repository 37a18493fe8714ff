//! The machine's console: where a person at 3 a.m. looks.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Mutex;

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};

static CONSOLES: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Opens `/dev/console` for this process: standard input, output and error, and [`line`].
///
/// Does nothing when it cannot be opened (a kernel without any console): PID 1 goes on without.
pub fn attach() {
    let Ok(file) = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/console")
    else {
        return;
    };
    let _ = dup2_stdin(file.as_fd());
    let _ = dup2_stdout(file.as_fd());
    let _ = dup2_stderr(file.as_fd());
    set_consoles(vec![file]);
}

/// From here on [`line`] writes to every console that the kernel uses, not only to the last `console=` of the cmdline:
/// somebody may be looking at the screen or at the serial line. Needs `/sys`.
pub fn use_all() {
    let open = |device: PathBuf| {
        OpenOptions::new()
            .write(true)
            .custom_flags(nix::libc::O_NOCTTY | nix::libc::O_NONBLOCK)
            .open(device)
    };
    let files: Vec<File> = active_devices().into_iter().flat_map(open).collect();
    if !files.is_empty() {
        set_consoles(files);
    }
}

/// The devices of the kernel's consoles, such as `/dev/tty0` and `/dev/ttyS0`; `/dev/console` when they cannot be told.
pub fn active_devices() -> Vec<PathBuf> {
    let active = fs::read_to_string("/sys/class/tty/console/active").unwrap_or_default();
    let devices: Vec<PathBuf> = active
        .split_whitespace()
        .map(|name| PathBuf::from("/dev").join(name))
        .collect();
    if devices.is_empty() {
        vec!["/dev/console".into()]
    } else {
        devices
    }
}

fn set_consoles(files: Vec<File>) {
    if let Ok(mut consoles) = CONSOLES.lock() {
        *consoles = files;
    }
}

/// Writes one line to the consoles and to the kernel's log, where it survives a console that nobody watched.
pub fn line(text: &str) {
    if let Ok(mut consoles) = CONSOLES.lock() {
        for console in consoles.iter_mut() {
            let _ = console.write_all(format!("{text}\r\n").as_bytes());
        }
    }
    log_to_kernel(text);
}

/// Writes one line to the kernel's log only (level debug, which the kernel shows on no console by itself).
pub fn log_to_kernel(text: &str) {
    const DEBUG: u8 = 7;
    if let Ok(mut kmsg) = OpenOptions::new().write(true).open("/dev/kmsg") {
        let _ = kmsg.write_all(format!("<{DEBUG}>k3os: {text}\n").as_bytes());
    }
}
