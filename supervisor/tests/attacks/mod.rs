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

/// Sends descriptors whose close takes long, then a flood. Returns the other ends: while they live, the close lingers.
pub fn notifications(socket: &Path) -> Vec<TcpStream> {
    let sender = UnixDatagram::unbound().unwrap();
    sender.connect(socket).unwrap();
    let others = (0..LINGERING.0).map(|_| send_lingering(&sender)).collect();
    for _ in 0..FLOOD {
        sender.send(b"STATUS=flood").unwrap();
    }
    others
}

fn send_lingering(sender: &UnixDatagram) -> TcpStream {
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
    let descriptors = [sending.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let parts = [IoSlice::new(b"X=1")];
    sendmsg::<()>(sender.as_raw_fd(), &parts, &rights, MsgFlags::empty(), None).unwrap();
    receiving
}
