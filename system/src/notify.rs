//! The receiving end of sd_notify(3): a datagram socket that says who sent.

use std::fs;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::closing;

use nix::sys::socket::{
    CmsgIterator, ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg, setsockopt, sockopt,
};

/// The longest message that is read; the rest of a longer one is dropped.
const LONGEST: usize = 4096;

/// One message and its sender as the kernel tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The sender's process id, in the receiver's PID namespace.
    pub pid: i32,
    /// The sender's user id.
    pub uid: u32,
    /// The text: `KEY=value` lines.
    pub text: String,
}

/// A bound notification socket.
#[derive(Debug)]
pub struct NotifySocket {
    socket: UnixDatagram,
}

impl NotifySocket {
    /// Binds the socket at `path`, replacing one left there; any user may send to it.
    pub fn bind(path: &Path) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let _ = fs::remove_file(path);
        let socket = UnixDatagram::bind(path)?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::PassCred, &true)?;
        // A service that runs as another user tells its state too; who may is decided by its pid.
        fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
        Ok(Self { socket })
    }

    /// The next message, if one waits. Never blocks.
    ///
    /// File descriptors that a sender attaches (`FDSTORE=1`, `BARRIER=1`) are closed by [`closing`]: we keep none, and
    /// closing is what a barrier waits for. While too many of them are held up, nothing is received.
    pub fn receive(&self) -> Option<Notification> {
        if closing::is_stalled() {
            return None;
        }
        let mut bytes = [0u8; LONGEST];
        let mut control = nix::cmsg_space!(UnixCredentials, [RawFd; closing::MOST_DESCRIPTORS]);
        let (length, sender) = {
            let mut parts = [IoSliceMut::new(&mut bytes)];
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
            let descriptor = self.socket.as_raw_fd();
            let message = recvmsg::<()>(descriptor, &mut parts, Some(&mut control), flags).ok()?;
            (message.bytes, message.cmsgs().ok().and_then(sender))
        };
        let text = String::from_utf8_lossy(bytes.get(..length)?).into_owned();
        let (pid, uid) = sender.unwrap_or((0, u32::MAX));
        Some(Notification { pid, uid, text })
    }
}

/// The credentials among the control messages; lets go of every descriptor among them.
fn sender(messages: CmsgIterator<'_>) -> Option<(i32, u32)> {
    let mut found = None;
    for message in messages {
        match message {
            ControlMessageOwned::ScmCredentials(sender) => {
                found = Some((sender.pid(), sender.uid()))
            }
            ControlMessageOwned::ScmRights(descriptors) => {
                descriptors.into_iter().for_each(closing::let_go)
            }
            _ => {}
        }
    }
    found
}

impl From<NotifySocket> for OwnedFd {
    fn from(notify: NotifySocket) -> Self {
        notify.socket.into()
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_with_its_sender() {
        let path = std::env::temp_dir().join(format!("k3os-notify-{}", std::process::id()));
        let receiver = NotifySocket::bind(&path).unwrap();
        assert_eq!(receiver.receive(), None);
        UnixDatagram::unbound()
            .unwrap()
            .send_to(b"READY=1\nSTATUS=fine", &path)
            .unwrap();
        let got = receiver.receive().unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(got.text, "READY=1\nSTATUS=fine");
        assert_eq!(got.pid, std::process::id() as i32);
        assert_eq!(got.uid, nix::unistd::getuid().as_raw());
    }

    #[test]
    fn a_descriptor_whose_close_lingers_is_not_waited_for() {
        use nix::sys::socket::{ControlMessage, sendmsg};
        let path = std::env::temp_dir().join(format!("k3os-notify-slow-{}", std::process::id()));
        let receiver = NotifySocket::bind(&path).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect(&path).unwrap();
        let (slow, _receiving) = crate::closing::tests::lingering(30);
        let descriptors = [slow.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&descriptors)];
        let parts = [io::IoSlice::new(b"X=1")];
        sendmsg::<()>(sender.as_raw_fd(), &parts, &rights, MsgFlags::empty(), None).unwrap();
        // Not the last one: the receiver has another.
        drop(slow);
        let start = std::time::Instant::now();
        assert_eq!(receiver.receive().unwrap().text, "X=1");
        assert!(start.elapsed() < std::time::Duration::from_millis(500));
        fs::remove_file(&path).unwrap();
    }
}
