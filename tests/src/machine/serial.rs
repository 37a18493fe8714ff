//! The serial console: a thread reads it, tests type on it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::transcript::Transcript;

/// How long a shell may take to answer a line.
const ANSWER: Duration = Duration::from_secs(60);

/// A machine's serial console.
#[derive(Debug)]
pub struct Serial {
    writer: UnixStream,
    transcript: Arc<Transcript>,
    commands: u32,
}

/// What a command on the console said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its exit status.
    pub status: i32,
    /// What it wrote to standard output and error, with plain line ends.
    pub text: String,
}

impl Serial {
    /// Reads `stream` from now on, into a transcript and into the file `log`; `echo` also sees every byte.
    pub fn start(
        stream: UnixStream,
        log: &Path,
        echo: Option<Box<dyn Write + Send>>,
    ) -> Result<Self> {
        let reader = stream.try_clone().context("sharing the serial console")?;
        let log = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let transcript = Arc::new(Transcript::default());
        let shared = Arc::clone(&transcript);
        thread::spawn(move || pump(reader, log, echo, &shared));
        Ok(Self {
            writer: stream,
            transcript,
            commands: 0,
        })
    }

    /// What it said so far.
    pub fn transcript(&self) -> &Arc<Transcript> {
        &self.transcript
    }

    /// A second handle for typing.
    pub fn keyboard(&self) -> Result<UnixStream> {
        self.writer
            .try_clone()
            .context("sharing the serial console")
    }

    /// Types `text` as it is.
    pub fn send(&mut self, text: &str) -> Result<()> {
        self.writer
            .write_all(text.as_bytes())
            .context("typing on the serial console")
    }

    /// Waits for `needle`; see [`Transcript::expect`].
    pub fn expect(&self, needle: &str, limit: Duration) -> Result<String> {
        self.transcript.expect(needle, limit)
    }

    /// Logs in at the getty's prompt as `user`, who must need no password.
    pub fn login(&mut self, user: &str, limit: Duration) -> Result<()> {
        self.name(user, limit)?;
        let (asked, _) = self.transcript.expect_any(&["$ ", "Password:"], ANSWER)?;
        if asked == 1 {
            bail!("logging in as {user} on the serial console: it asks for a password");
        }
        Ok(())
    }

    /// Gives name and password at the getty's prompt; says whether that lets in.
    pub fn try_password(&mut self, user: &str, password: &str, limit: Duration) -> Result<bool> {
        self.name(user, limit)?;
        self.password(password)
    }

    /// The same right after a refusal, where an empty line would be taken for a name.
    pub fn retry_password(&mut self, user: &str, password: &str) -> Result<bool> {
        self.expect("login: ", ANSWER)?;
        self.send(&format!("{user}\r"))?;
        self.password(password)
    }

    fn password(&mut self, password: &str) -> Result<bool> {
        self.expect("Password:", ANSWER)?;
        self.send(&format!("{password}\r"))?;
        let (answer, _) = self
            .transcript
            .expect_any(&["$ ", "Login incorrect"], ANSWER)?;
        Ok(answer == 0)
    }

    fn name(&mut self, user: &str, limit: Duration) -> Result<()> {
        // A getty answers an empty line with its prompt again.
        self.transcript.skip();
        self.send("\r")?;
        self.expect("login: ", limit)?;
        self.send(&format!("{user}\r"))
    }

    /// Runs `command` in the shell that reads the console.
    ///
    /// The marks around its output are put together by printf: the echo of the typed line does not hold them.
    pub fn run(&mut self, command: &str, limit: Duration) -> Result<Answer> {
        self.commands += 1;
        let id = self.commands;
        self.send(&format!(
            "printf '@%d<@\\n' {id}; {{ {command}\n}} 2>&1; printf '@%d=%d@\\n' {id} $?\r"
        ))?;
        self.expect(&format!("@{id}<@"), limit)
            .with_context(|| format!("running '{command}' on the serial console"))?;
        let output = self.expect(&format!("@{id}="), limit)?;
        let status = self.expect("@", ANSWER)?;
        parse_answer(&output, &format!("@{id}="), &status)
    }
}

fn parse_answer(output: &str, mark: &str, status: &str) -> Result<Answer> {
    let status = status
        .trim_end_matches('@')
        .parse()
        .with_context(|| format!("reading the exit status '{status}' on the console"))?;
    let text = output
        .strip_suffix(mark)
        .unwrap_or(output)
        .replace('\r', "");
    Ok(Answer {
        status,
        text: text.trim_start_matches('\n').to_owned(),
    })
}

fn pump(
    mut from: UnixStream,
    mut log: File,
    mut echo: Option<Box<dyn Write + Send>>,
    to: &Transcript,
) {
    let mut buffer = [0; 4096];
    while let Ok(count) = from.read(&mut buffer) {
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        to.push(bytes);
        // A full disk or a closed terminal must not stop the test: the transcript has it.
        let _ = log.write_all(bytes);
        if let Some(echo) = echo.as_mut() {
            let _ = echo.write_all(bytes).and_then(|()| echo.flush());
        }
    }
    to.close();
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// A console whose other end is played by a real shell that echoes what is typed.
    fn shell_console() -> (Serial, thread::JoinHandle<()>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let log = tempfile::NamedTempFile::new().unwrap();
        let serial = Serial::start(ours, log.path(), None).unwrap();
        let thread = thread::spawn(move || play_shell(&theirs));
        (serial, thread)
    }

    fn play_shell(console: &UnixStream) {
        let mut writer = console;
        let mut typed = Vec::new();
        let mut reader = BufReader::new(console);
        while reader.read_until(b'\r', &mut typed).unwrap() > 0 {
            writer.write_all(&typed).unwrap();
            let script = String::from_utf8(typed.split_off(0)).unwrap();
            let script = script.trim_end_matches('\r').to_owned();
            let output = std::process::Command::new("sh")
                .arg("-c")
                .arg(script)
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            writer
                .write_all(text.replace('\n', "\r\n").as_bytes())
                .unwrap();
        }
    }

    #[test]
    fn a_command_gives_its_output_and_status() {
        let (mut serial, thread) = shell_console();
        let answer = serial
            .run("echo one; echo two >&2; (exit 3)", LIMIT)
            .unwrap();
        assert_eq!(answer.status, 3);
        assert_eq!(answer.text, "one\ntwo\n");
        assert_eq!(serial.run("true", LIMIT).unwrap().status, 0);
        serial
            .keyboard()
            .unwrap()
            .shutdown(std::net::Shutdown::Both)
            .unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn the_end_of_the_console_ends_the_wait() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let log = tempfile::NamedTempFile::new().unwrap();
        let serial = Serial::start(ours, log.path(), None).unwrap();
        drop(theirs);
        assert!(
            serial
                .expect("login:", LIMIT)
                .unwrap_err()
                .to_string()
                .contains("ended")
        );
    }
}
