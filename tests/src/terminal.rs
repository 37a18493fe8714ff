//! The user's terminal, joined with a machine's console.

use std::io::{IsTerminal, Read, Write, stdin};
use std::os::unix::net::UnixStream;
use std::thread;

use anyhow::{Context, Result};
use nix::sys::termios::{self, SetArg, Termios};

/// Ctrl-], as in telnet.
const LEAVE: u8 = 0x1d;

/// A terminal that passes every key on; as it was when dropped.
#[derive(Debug)]
pub struct Raw {
    before: Termios,
}

impl Raw {
    /// Makes standard input raw, if it is a terminal.
    pub fn enter() -> Result<Option<Self>> {
        if !stdin().is_terminal() {
            return Ok(None);
        }
        let before = termios::tcgetattr(stdin()).context("reading the terminal's settings")?;
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        // What we print ourselves ends in plain newlines.
        raw.output_flags.insert(termios::OutputFlags::OPOST);
        termios::tcsetattr(stdin(), SetArg::TCSANOW, &raw).context("making the terminal raw")?;
        Ok(Some(Self { before }))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Nothing better can be done at this point than to have tried.
        let _ = termios::tcsetattr(stdin(), SetArg::TCSANOW, &self.before);
    }
}

/// Types what the user types on `console`, until Ctrl-] or the end; then calls `left`.
pub fn forward_keys(console: UnixStream, left: impl FnOnce() + Send + 'static) {
    thread::spawn(move || {
        pass_keys(stdin(), console);
        left();
    });
}

fn pass_keys(mut from: impl Read, mut to: impl Write) {
    let mut buffer = [0; 256];
    while let Ok(count) = from.read(&mut buffer) {
        let keys = buffer.get(..count).unwrap_or_default();
        let keep = keys.iter().position(|&key| key == LEAVE);
        let typed = keys.get(..keep.unwrap_or(count)).unwrap_or_default();
        if count == 0 || to.write_all(typed).is_err() || keep.is_some() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_pass_until_the_one_that_leaves() {
        let mut typed = Vec::new();
        pass_keys(&b"ls\r\x1dnever"[..], &mut typed);
        assert_eq!(typed, b"ls\r");
    }

    #[test]
    fn the_end_of_the_input_ends_it() {
        let mut typed = Vec::new();
        pass_keys(&b"ls"[..], &mut typed);
        assert_eq!(typed, b"ls");
    }
}
