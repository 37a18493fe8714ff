//! Waiting for a file descriptor that the kernel makes readable when something happens (inotify, netlink).

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe::Receiver;

/// A non-blocking descriptor whose content does not matter: only that there is some.
pub struct Events(Receiver);

impl Events {
    /// Takes over `fd`. It is no pipe, but waited for and read like one.
    ///
    /// # Errors
    /// A descriptor that cannot be polled.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        Receiver::from_file_unchecked(File::from(fd)).map(Events)
    }

    /// Waits until something has happened, and forgets it.
    pub async fn next(&self) -> io::Result<()> {
        self.0.readable().await?;
        self.drain();
        Ok(())
    }

    /// Forgets what has happened so far.
    pub fn drain(&self) {
        let mut buffer = [0_u8; 4096];
        while self.0.try_read(&mut buffer).is_ok_and(|length| length > 0) {}
    }
}
