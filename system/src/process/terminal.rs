//! Opening a terminal for a session.

use std::os::fd::RawFd;

use nix::libc;

use super::Terminal;

/// # Safety
/// Only in a freshly cloned child that leads a session.
pub(super) unsafe fn open_terminal(terminal: &Terminal) -> RawFd {
    // Without O_NONBLOCK, opening a serial line would wait for its carrier.
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC;
    // SAFETY: a C string, and ioctls on the descriptor just opened.
    unsafe {
        let mut fd = libc::open(terminal.path.as_ptr(), flags);
        if fd >= 0 && terminal.hang_up {
            libc::ioctl(fd, TIOCVHANGUP);
            libc::close(fd);
            fd = libc::open(terminal.path.as_ptr(), flags);
        }
        if fd < 0 {
            return fd;
        }
        if terminal.reset {
            reset_terminal(fd);
        }
        let status = libc::fcntl(fd, libc::F_GETFL);
        libc::fcntl(fd, libc::F_SETFL, status & !libc::O_NONBLOCK);
        if libc::ioctl(fd, libc::TIOCSCTTY, 1) < 0 {
            return -1;
        }
        fd
    }
}

/// asm-generic/ioctls.h; libc has no name for it on musl.
const TIOCVHANGUP: libc::Ioctl = 0x5437;

/// Undoes what a full-screen program may have left: echo, line editing, newline translation.
unsafe fn reset_terminal(fd: RawFd) {
    // SAFETY: termios is plain data that tcgetattr fills.
    unsafe {
        let mut settings: libc::termios = std::mem::zeroed();
        if libc::tcgetattr(fd, &mut settings) != 0 {
            return;
        }
        settings.c_iflag |= libc::ICRNL | libc::IXON | libc::BRKINT | libc::IMAXBEL;
        settings.c_iflag &= !(libc::INLCR | libc::IGNCR | libc::IGNBRK | libc::ISTRIP);
        settings.c_oflag |= libc::OPOST | libc::ONLCR;
        settings.c_cflag |= libc::CREAD;
        settings.c_lflag |= libc::ISIG
            | libc::ICANON
            | libc::IEXTEN
            | libc::ECHO
            | libc::ECHOE
            | libc::ECHOK
            | libc::ECHOCTL
            | libc::ECHOKE;
        settings.c_lflag &= !(libc::ECHONL | libc::NOFLSH | libc::TOSTOP);
        libc::tcsetattr(fd, libc::TCSANOW, &settings);
    }
}
