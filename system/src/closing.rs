//! Closing descriptors that strangers chose, away from the caller.
//!
//! Whoever closes the last descriptor of a file does the work of its end, and the sender of a descriptor may have arranged
//! for that to take as long as he likes: a TCP socket that lingers, a file of a FUSE or NFS server that does not answer.
//! Receiving without room for descriptors is no way out: the kernel then closes them in the receiver's system call. So
//! they are received, and closed by threads that do nothing else.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

/// The most descriptors that the kernel lets one message carry (SCM_MAX_FD).
pub(crate) const MOST_DESCRIPTORS: usize = 253;

/// How many threads close. One that is held up leaves the others.
const MOST_THREADS: usize = 8;

/// With so many descriptors waiting for their end, no more should be received.
const MOST_PENDING: usize = 512;

#[derive(Debug)]
struct Queue {
    waiting: VecDeque<OwnedFd>,
    /// Descriptors that threads are at.
    closing: usize,
    threads: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    waiting: VecDeque::new(),
    closing: 0,
    threads: 0,
});

static MORE: Condvar = Condvar::new();

fn queue() -> MutexGuard<'static, Queue> {
    // Nobody panics with it, and its numbers would still be right.
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes a descriptor some time soon. Never waits for it. Where no thread can be started it stays open until one can.
pub fn close(descriptor: OwnedFd) {
    let mut queue = queue();
    queue.waiting.push_back(descriptor);
    let idle = queue.threads - queue.closing;
    if queue.waiting.len() > idle && queue.threads < MOST_THREADS {
        let thread = std::thread::Builder::new().name("closing".to_owned());
        queue.threads += usize::from(thread.spawn(work).is_ok());
    }
    MORE.notify_one();
}

/// Whether so many descriptors wait for their end that no more should be received.
pub fn is_stalled() -> bool {
    let queue = queue();
    queue.waiting.len() + queue.closing >= MOST_PENDING
}

/// Closes what the kernel has just installed for us in a system call, so that nobody else knows it.
pub(crate) fn let_go(descriptor: RawFd) {
    // SAFETY: the contract of this function.
    close(unsafe { OwnedFd::from_raw_fd(descriptor) });
}

/// Reads what a stream socket has, without waiting. Descriptors that come along are closed as [`close`] does.
pub fn read(stream: &UnixStream, bytes: &mut [u8]) -> io::Result<usize> {
    let mut control = nix::cmsg_space!([RawFd; MOST_DESCRIPTORS]);
    let mut parts = [IoSliceMut::new(bytes)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    for rights in message.cmsgs().into_iter().flatten() {
        if let ControlMessageOwned::ScmRights(descriptors) = rights {
            descriptors.into_iter().for_each(let_go);
        }
    }
    Ok(message.bytes)
}

fn work() {
    let mut held = queue();
    loop {
        match held.waiting.pop_front() {
            Some(descriptor) => {
                held.closing += 1;
                drop(held);
                drop(descriptor);
                held = queue();
                held.closing -= 1;
            }
            None => held = MORE.wait(held).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use super::*;

    /// A socket whose close takes `seconds`, with the other side, which reads nothing.
    pub(crate) fn lingering(seconds: i32) -> (OwnedFd, TcpStream) {
        use std::io::Write;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sending = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (receiving, _) = listener.accept().unwrap();
        sending.set_nonblocking(true).unwrap();
        while sending.write(&[0; 65536]).is_ok() {}
        let linger = nix::libc::linger {
            l_onoff: 1,
            l_linger: seconds,
        };
        let option = nix::sys::socket::sockopt::Linger;
        nix::sys::socket::setsockopt(&sending, option, &linger).unwrap();
        // A non-blocking socket would not linger.
        sending.set_nonblocking(false).unwrap();
        (sending.into(), receiving)
    }

    #[test]
    fn what_lingers_is_not_waited_for_and_the_rest_is_closed() {
        let (slow, _receiving) = lingering(30);
        let (mut reading, writing) = std::io::pipe().unwrap();
        let start = Instant::now();
        close(slow);
        close(writing.into());
        assert!(start.elapsed() < Duration::from_millis(500));
        // Ends when the other descriptor was closed.
        reading.read_to_end(&mut Vec::new()).unwrap();
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
