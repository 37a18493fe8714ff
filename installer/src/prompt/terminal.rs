//! The terminal that the installer was started on.

use std::io::{self, BufRead, Write};

use anyhow::{Context, Result, bail};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

use super::Console;

/// Standard input and output.
#[derive(Debug, Default)]
pub struct Terminal;

impl Console for Terminal {
    fn say(&mut self, text: &str) -> Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .context("writing to the terminal")
    }

    fn line(&mut self, prompt: &str) -> Result<String> {
        self.say(prompt)?;
        let mut answer = String::new();
        let read = io::stdin()
            .lock()
            .read_line(&mut answer)
            .context("reading from the terminal")?;
        if read == 0 {
            bail!("the terminal's input has ended; with --yes and flags no questions are asked");
        }
        Ok(answer.trim_end_matches(['\n', '\r']).to_owned())
    }

    fn secret(&mut self, prompt: &str) -> Result<String> {
        let stdin = io::stdin();
        // What is no terminal shows nothing anyway.
        let Ok(before) = tcgetattr(&stdin) else {
            return self.line(prompt);
        };
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        silent.local_flags.insert(LocalFlags::ECHONL);
        tcsetattr(&stdin, SetArg::TCSAFLUSH, &silent).context("hiding what is typed")?;
        let answer = self.line(prompt);
        tcsetattr(&stdin, SetArg::TCSANOW, &before).context("showing what is typed")?;
        answer
    }
}
