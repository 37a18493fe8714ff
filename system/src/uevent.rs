//! The kernel's uevents: a device appeared, or a CD was put in.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};

/// The multicast group in which the kernel itself speaks (udev's own is 2).
const KERNEL_GROUP: u32 = 1;

/// One uevent: its action and the keys of its environment that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uevent {
    /// `add`, `change`, `remove`, …
    pub action: String,
    /// `block`, `pci`, `usb`, …
    pub subsystem: String,
    /// The alias by which a driver is found, if the device has one.
    pub modalias: Option<String>,
}

/// A socket that hears uevents. Open it before looking at `/sys`, so that nothing falls between.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
}

impl Listener {
    /// Opens the socket.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn open() -> Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkKObjectUEvent,
        )
        .context("opening the uevent socket")?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, KERNEL_GROUP))
            .context("listening for uevents")?;
        Ok(Self { socket })
    }

    /// Waits for uevents, at most `timeout`, and takes all that are there; empty when the time ran out.
    ///
    /// A full socket buffer loses events: callers look at `/sys` again after every call, so nothing is missed.
    ///
    /// # Errors
    /// When waiting fails.
    pub fn wait(&self, timeout: Duration) -> Result<Vec<Uevent>> {
        let millis = u16::try_from(timeout.as_millis()).unwrap_or(u16::MAX);
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::from(millis)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(self.take_all()),
            Err(error) => Err(error).context("waiting for uevents"),
        }
    }

    fn take_all(&self) -> Vec<Uevent> {
        let mut buffer = [0; 8192];
        let mut events = Vec::new();
        while let Ok(length) = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            events.extend(buffer.get(..length).and_then(parse));
        }
        events
    }
}

/// Parses a message of the kernel: `action@path`, then `KEY=value`, each ended by a NUL.
pub fn parse(message: &[u8]) -> Option<Uevent> {
    let text = std::str::from_utf8(message).ok()?;
    let mut fields = text.split('\0');
    fields.next()?.split_once('@')?;
    let mut event = Uevent::default();
    for (key, value) in fields.filter_map(|field| field.split_once('=')) {
        match key {
            "ACTION" => event.action = value.into(),
            "SUBSYSTEM" => event.subsystem = value.into(),
            "MODALIAS" => event.modalias = Some(value.into()),
            _ => {}
        }
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_the_kernel_is_read() {
        let message = b"add@/devices/x\0ACTION=add\0SUBSYSTEM=virtio\0MODALIAS=virtio:d2v1AF4\0";
        let event = parse(message).unwrap();
        assert_eq!(
            (event.action.as_str(), event.subsystem.as_str()),
            ("add", "virtio")
        );
        assert_eq!(event.modalias.as_deref(), Some("virtio:d2v1AF4"));
    }

    #[test]
    fn udev_s_own_and_broken_messages_are_nothing() {
        assert_eq!(parse(b"libudev\0\xfe\xed\xca\xfe"), None);
        assert_eq!(parse(b"\xff\xff"), None);
        assert_eq!(parse(b""), None);
    }
}
