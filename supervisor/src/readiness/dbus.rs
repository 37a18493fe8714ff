//! A D-Bus client for one question: does somebody own this name yet?
//!
//! It asks `NameHasOwner` and listens to `NameOwnerChanged`, and is connected only while a service of
//! `Type=dbus` starts. All is written at once: the bus reads the authentication and the calls in order.

mod wire;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use wire::{Message, Reader, decode, encode_call};

/// More waiting bytes than any answer to our calls has.
const MOST_WAITING: usize = 1 << 20;

const CALL: u8 = 1;
const RETURN: u8 = 2;
const SIGNAL: u8 = 4;

/// A connection to the system bus.
#[derive(Debug)]
pub struct Bus {
    stream: UnixStream,
    waiting: Vec<u8>,
    is_authenticated: bool,
    serial: u32,
    asked: BTreeMap<u32, String>,
}

impl Bus {
    /// Connects and says hello. Fails while the bus does not listen yet, or has more connections waiting than it takes.
    pub fn connect(socket: &Path) -> io::Result<Self> {
        let stream = connect_now(socket)?;
        let mut bus = Self {
            stream,
            waiting: Vec::new(),
            is_authenticated: false,
            serial: 0,
            asked: BTreeMap::new(),
        };
        // The user id's decimal digits, in hexadecimal.
        let uid: String = nix::unistd::geteuid()
            .to_string()
            .bytes()
            .map(|digit| format!("{digit:02x}"))
            .collect();
        bus.stream
            .write_all(format!("\0AUTH EXTERNAL {uid}\r\nBEGIN\r\n").as_bytes())?;
        bus.call("Hello", None)?;
        Ok(bus)
    }

    /// Asks whether `name` is owned, and to be told when it is.
    pub fn watch(&mut self, name: &str) -> io::Result<()> {
        let rule = format!(
            "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{name}'"
        );
        self.call("AddMatch", Some(&rule))?;
        let serial = self.call("NameHasOwner", Some(name))?;
        self.asked.insert(serial, name.to_owned());
        Ok(())
    }

    fn call(&mut self, member: &str, argument: Option<&str>) -> io::Result<u32> {
        self.serial += 1;
        self.stream
            .write_all(&encode_call(self.serial, member, argument))?;
        Ok(self.serial)
    }

    /// The names that were found to have an owner. An error means that the connection is of no more use.
    pub fn take_owned(&mut self) -> io::Result<Vec<String>> {
        let mut part = [0u8; 4096];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return Err(io::ErrorKind::ConnectionReset.into()),
                Ok(length) => self
                    .waiting
                    .extend_from_slice(part.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.waiting.len() > MOST_WAITING {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        self.read_authentication()?;
        let mut owned = Vec::new();
        while self.is_authenticated {
            let Some((message, length)) = decode(&self.waiting)? else {
                break;
            };
            owned.extend(self.owned_name(&message));
            self.waiting.drain(..length);
        }
        Ok(owned)
    }

    /// The first line answers AUTH: `OK` and the server's id.
    fn read_authentication(&mut self) -> io::Result<()> {
        let Some(end) = self.waiting.iter().position(|byte| *byte == b'\n') else {
            return Ok(());
        };
        if self.is_authenticated {
            return Ok(());
        }
        if !self.waiting.starts_with(b"OK ") {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.waiting.drain(..=end);
        self.is_authenticated = true;
        Ok(())
    }

    fn owned_name(&mut self, message: &Message) -> Option<String> {
        match message.kind {
            RETURN => {
                let name = self.asked.remove(&message.reply_to?)?;
                (message.body.first() == Some(&1)).then_some(name)
            }
            SIGNAL if message.member.as_deref() == Some("NameOwnerChanged") => {
                let mut body = Reader {
                    bytes: &message.body,
                    at: 0,
                };
                let (name, _, owner) = (body.string()?, body.string()?, body.string()?);
                (!owner.is_empty()).then_some(name)
            }
            _ => None,
        }
    }
}

/// Connects without waiting: a bus that stands still lets its backlog fill up, and connect(2) would wait for room.
fn connect_now(path: &Path) -> io::Result<UnixStream> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(socket))
}

impl AsFd for Bus {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::wire::pad;
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let bytes = encode_call(7, "NameHasOwner", Some("net.connman"));
        let (message, length) = decode(&bytes).unwrap().unwrap();
        assert_eq!(length, bytes.len());
        assert_eq!(message.member.as_deref(), Some("NameHasOwner"));
        assert_eq!(
            (Reader {
                bytes: &message.body,
                at: 0
            })
            .string()
            .as_deref(),
            Some("net.connman")
        );
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes[..cut]).unwrap(), None, "cut at {cut}");
        }
    }

    #[test]
    fn nonsense_is_refused_without_panic() {
        let mut bytes = encode_call(1, "Hello", None);
        bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(decode(&bytes).is_err());
        assert!(decode(&[b'B'; 64]).is_err());
        let mut fields = encode_call(1, "Hello", None);
        fields[20..28].fill(0xff);
        assert_eq!(decode(&fields).unwrap().unwrap().0.member, None);
    }

    #[test]
    fn a_bus_that_takes_no_connections_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bus");
        let flags = SockFlag::SOCK_CLOEXEC;
        let listener = socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
        nix::sys::socket::bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        let backlog = nix::sys::socket::Backlog::new(1).unwrap();
        nix::sys::socket::listen(&listener, backlog).unwrap();
        let connections: Vec<_> = (0..5).map(|_| Bus::connect(&path)).collect();
        let refused = connections.iter().filter_map(|it| it.as_ref().err());
        let kinds: Vec<_> = refused.map(io::Error::kind).collect();
        assert!(!kinds.is_empty());
        assert!(kinds.iter().all(|kind| *kind == io::ErrorKind::WouldBlock));
    }

    /// A bus of our own, on the real daemon where the machine has one.
    #[test]
    fn the_real_daemon_tells_when_a_name_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("bus");
        let config = directory.path().join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><policy context='default'>\
             <allow send_destination='*'/><allow own='*'/><allow receive_sender='*'/></policy></busconfig>",
            socket.display()
        );
        std::fs::write(&config, text).unwrap();
        let daemon = std::process::Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--nopidfile"])
            .spawn();
        let Ok(mut daemon) = daemon else {
            return eprintln!("skipped: no dbus-daemon here");
        };
        let result = std::panic::catch_unwind(|| watch_a_name(&socket));
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        result.unwrap();
    }

    fn watch_a_name(socket: &Path) {
        let mut bus = retry(|| Bus::connect(socket).ok());
        bus.watch("org.example.Taken").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert_eq!(bus.take_owned().unwrap(), Vec::<String>::new());
        let mut owner = Bus::connect(socket).unwrap();
        // RequestName wants "su"; its string and a zero for the flags.
        let mut message = encode_call(9, "RequestName", Some("org.example.Taken"));
        let at = message
            .windows(7)
            .position(|part| part == [8, 1, b'g', 0, 1, b's', 0])
            .unwrap();
        message.splice(at..at + 7, [8, 1, b'g', 0, 2, b's', b'u', 0]);
        let body = 4 + "org.example.Taken".len() + 1;
        let padded = body.next_multiple_of(4);
        message[4..8].copy_from_slice(&(padded as u32 + 4).to_le_bytes());
        let fields = u32::from_le_bytes(message[12..16].try_into().unwrap()) + 1;
        message[12..16].copy_from_slice(&fields.to_le_bytes());
        let start = message.len() - body;
        let tail = message.split_off(start);
        message.truncate(16 + fields as usize);
        pad(&mut message, 8);
        message.extend(tail);
        pad(&mut message, 4);
        message.extend([0, 0, 0, 0]);
        owner.stream.write_all(&message).unwrap();
        assert_eq!(
            retry(|| bus.take_owned().unwrap().pop()),
            "org.example.Taken"
        );
        let mut late = Bus::connect(socket).unwrap();
        late.watch("org.example.Taken").unwrap();
        assert_eq!(
            retry(|| late.take_owned().unwrap().pop()),
            "org.example.Taken"
        );
    }

    fn retry<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
        for _ in 0..500 {
            if let Some(value) = attempt() {
                return value;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("nothing came in five seconds");
    }
}
