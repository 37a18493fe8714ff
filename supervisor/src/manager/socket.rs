//! The control socket's connections: bounded in number and size, never waited for.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{getsockopt, sockopt};

use crate::control::{Reply, Request};

/// More clients at once are turned away.
const MOST_CLIENTS: usize = 32;

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
            let writes = if client.to_send.is_empty() {
                PollFlags::empty()
            } else {
                PollFlags::POLLOUT
            };
            PollFd::new(client.stream.as_fd(), PollFlags::POLLIN | writes)
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
                requests.push((client.id, request));
            }
        }
        self.clients.retain(|client| !client.is_gone);
        requests
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            let peer = getsockopt(&stream, sockopt::PeerCredentials).map(|peer| peer.uid());
            let is_allowed = peer == Ok(0) || peer == Ok(nix::unistd::geteuid().as_raw());
            if !is_allowed
                || self.clients.len() >= MOST_CLIENTS
                || stream.set_nonblocking(true).is_err()
            {
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
                is_gone: false,
            });
        }
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
        if let Ok(mut line) = serde_json::to_vec(reply) {
            line.push(b'\n');
            client.to_send.extend(line);
            client.flush();
        }
    }
}

impl Client {
    fn read(&mut self) {
        let mut part = [0u8; 4096];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => self.is_gone = true,
                Ok(length) => {
                    self.received
                        .extend_from_slice(part.get(..length).unwrap_or_default());
                    if self.received.len() <= LONGEST_REQUEST {
                        continue;
                    }
                    self.is_gone = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.is_gone = true,
            }
            return;
        }
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
