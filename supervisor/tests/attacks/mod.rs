//! What any local user can do to the notification socket.

use std::io::{IoSlice, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg, setsockopt, sockopt};

/// How many descriptors are sent whose close lingers, and for how many seconds.
const LINGERING: (usize, i32) = (50, 20);

/// How many messages are sent.
const FLOOD: usize = 2_000;

/// Sends descriptors whose close takes long, in one message. To be called while the receiver does not receive: its
/// descriptors must be the last ones. Returns the other ends: while they live, the close lingers.
pub fn lingering(socket: &Path) -> Vec<TcpStream> {
    let sender = UnixDatagram::unbound().unwrap();
    sender.connect(socket).unwrap();
    let (sent, others): (Vec<_>, Vec<_>) = (0..LINGERING.0).map(|_| lingering_pair()).unzip();
    let descriptors: Vec<_> = sent.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let parts = [IoSlice::new(b"X=1")];
    sendmsg::<()>(sender.as_raw_fd(), &parts, &rights, MsgFlags::empty(), None).unwrap();
    others
}

/// Sends many messages of a process that is of no unit.
pub fn flood(socket: &Path) {
    let sender = UnixDatagram::unbound().unwrap();
    sender.connect(socket).unwrap();
    for _ in 0..FLOOD {
        sender.send(b"STATUS=flood").unwrap();
    }
}

fn lingering_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sending = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (receiving, _) = listener.accept().unwrap();
    sending.set_nonblocking(true).unwrap();
    while sending.write(&[0; 65536]).is_ok() {}
    sending.set_nonblocking(false).unwrap();
    let linger = nix::libc::linger {
        l_onoff: 1,
        l_linger: LINGERING.1,
    };
    setsockopt(&sending, sockopt::Linger, &linger).unwrap();
    (sending, receiving)
}
