//! The control socket's connections: bounded in number and size, never waited for.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt};

use system::closing;

use crate::control::{Reply, Request};

/// More clients at once are turned away.
const MOST_CLIENTS: usize = 32;

/// A client that leaves so many bytes of its answers unread is not asked for more.
const MOST_WAITING: usize = 1 << 20;

/// The longest request, in bytes.
const LONGEST_REQUEST: usize = 64 * 1024;

/// The listener and its clients.
pub(super) struct Control {
    listener: UnixListener,
    clients: Vec<Client>,
    next_id: u64,
}

struct Client {
    id: u64,
    stream: UnixStream,
    received: Vec<u8>,
    to_send: Vec<u8>,
    /// Requests that were taken and are not answered yet.
    unanswered: usize,
    /// It sends nothing more; it may still wait for answers.
    has_ended: bool,
    is_gone: bool,
}

impl Control {
    /// Listens at `path`, for root alone.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let _ = fs::remove_file(path);
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            clients: Vec::new(),
            next_id: 0,
        })
    }

    pub(super) fn polled(&self) -> impl Iterator<Item = PollFd<'_>> {
        let clients = self.clients.iter().map(|client| {
            // An end of what it sends would be reported in every turn; that it hung up is reported anyway.
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::POLLIN, client.may_send());
            flags.set(PollFlags::POLLOUT, !client.to_send.is_empty());
            PollFd::new(client.stream.as_fd(), flags)
        });
        [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)]
            .into_iter()
            .chain(clients)
    }

    /// Takes what has arrived: requests with their clients' ids, or why a line is none.
    pub(super) fn take(&mut self) -> Vec<(u64, Result<Request, String>)> {
        self.accept();
        let mut requests = Vec::new();
        for client in &mut self.clients {
            client.flush();
            client.read();
            while let Some(line) = client.line() {
                let request = serde_json::from_slice(&line)
                    .map_err(|error| format!("reading the request: {error}"));
                client.unanswered += 1;
                requests.push((client.id, request));
            }
        }
        for client in self.clients.extract_if(.., |client| client.is_over()) {
            // What it sent along and nobody read ends with it.
            closing::close(client.stream.into());
        }
        requests
    }

    fn accept(&mut self) {
        for _ in 0..MOST_CLIENTS {
            let Ok((stream, _)) = self.listener.accept() else {
                return;
            };
            let peer = getsockopt(&stream, sockopt::PeerCredentials).map(|peer| peer.uid());
            let is_allowed = peer == Ok(0) || peer == Ok(nix::unistd::geteuid().as_raw());
            if !is_allowed
                || self.clients.len() >= MOST_CLIENTS
                || stream.set_nonblocking(true).is_err()
            {
                closing::close(stream.into());
                continue;
            }
            let id = self.next_id;
            self.next_id += 1;
            let (received, to_send) = (Vec::new(), Vec::new());
            self.clients.push(Client {
                id,
                stream,
                received,
                to_send,
                unanswered: 0,
                has_ended: false,
                is_gone: false,
            });
        }
    }

    /// The listener's and every client's, to be closed.
    pub(super) fn into_descriptors(self) -> impl Iterator<Item = OwnedFd> {
        let clients = self.clients.into_iter().map(|client| client.stream.into());
        std::iter::once(self.listener.into()).chain(clients)
    }

    /// Whether a client still waits.
    pub(super) fn has(&self, id: u64) -> bool {
        self.clients.iter().any(|client| client.id == id)
    }

    /// Answers a client; one that went away is no failure.
    pub(super) fn answer(&mut self, id: u64, reply: &Reply) {
        let Some(client) = self.clients.iter_mut().find(|client| client.id == id) else {
            return;
        };
        client.unanswered = client.unanswered.saturating_sub(1);
        if let Ok(mut line) = serde_json::to_vec(reply) {
            line.push(b'\n');
            client.to_send.extend(line);
            client.flush();
        }
    }
}

impl Client {
    /// Whether it may send more now: its answers must be taken, too.
    fn may_send(&self) -> bool {
        !self.has_ended && self.to_send.len() <= MOST_WAITING
    }

    /// Reads a bounded part of what waits; the rest has its turn later.
    fn read(&mut self) {
        if !self.may_send() {
            self.is_gone |= has_hung_up(&self.stream);
            return;
        }
        let mut part = [0u8; 4096];
        while self.received.len() <= LONGEST_REQUEST {
            match closing::read(&self.stream, &mut part) {
                Ok(0) => return self.end(),
                Ok(length) => {
                    let bytes = part.get(..length).unwrap_or_default();
                    self.received.extend_from_slice(bytes);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.is_gone = true;
                    return;
                }
            }
        }
        self.is_gone = true;
    }

    /// Nothing more comes: what has come is the last request, with or without the end of its line.
    fn end(&mut self) {
        self.has_ended = true;
        if self.received.last().is_some_and(|byte| *byte != b'\n') {
            self.received.push(b'\n');
        }
    }

    /// Whether there is nothing more to do for it.
    fn is_over(&self) -> bool {
        self.is_gone || self.has_ended && self.unanswered == 0 && self.to_send.is_empty()
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.received.iter().position(|byte| *byte == b'\n')?;
        Some(self.received.drain(..=end).collect())
    }

    fn flush(&mut self) {
        while !self.to_send.is_empty() {
            match self.stream.write(&self.to_send) {
                Ok(length) => drop(self.to_send.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.is_gone = true;
                    return;
                }
            }
        }
    }
}

/// Whether the other side is closed in both directions: nobody reads an answer.
fn has_hung_up(stream: &UnixStream) -> bool {
    let mut polled = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    poll(&mut polled, PollTimeout::ZERO).is_ok()
        && polled.iter().any(|it| {
            it.revents()
                .is_some_and(|events| events.contains(PollFlags::POLLHUP))
        })
}
