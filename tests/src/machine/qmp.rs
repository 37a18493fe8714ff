//! QEMU's control protocol: buttons, keys, and news about the machine.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// A connection to QEMU's control socket.
#[derive(Debug)]
pub struct Qmp {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
    events: VecDeque<Value>,
}

impl Qmp {
    /// Takes a fresh connection through the greeting.
    pub fn connect(socket: &Path) -> Result<Self> {
        let writer = UnixStream::connect(socket)
            .with_context(|| format!("connecting to {}", socket.display()))?;
        let reader = BufReader::new(writer.try_clone().context("sharing the QMP socket")?);
        let mut qmp = Self {
            reader,
            writer,
            events: VecDeque::new(),
        };
        qmp.read_message(Duration::from_secs(10))?;
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// The ACPI power button.
    pub fn power_button(&mut self) -> Result<()> {
        self.execute("system_powerdown", &json!({})).map(drop)
    }

    /// Ctrl-Alt-Del on the keyboard.
    pub fn ctrl_alt_del(&mut self) -> Result<()> {
        let keys: Vec<Value> = ["ctrl", "alt", "delete"]
            .iter()
            .map(|key| json!({"type": "qcode", "data": key}))
            .collect();
        self.execute("send-key", &json!({ "keys": keys })).map(drop)
    }

    /// Waits for an event, such as RESET or SHUTDOWN, and returns its data.
    pub fn wait_event(&mut self, name: &str, limit: Duration) -> Result<Value> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(event) = self.take_event(name) {
                return Ok(event);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self.read_message(left).with_context(|| {
                format!("waiting {} s for QEMU's event {name}", limit.as_secs())
            })?;
            self.events.push_back(message);
        }
    }

    fn take_event(&mut self, name: &str) -> Option<Value> {
        let at = self
            .events
            .iter()
            .position(|event| event["event"] == name)?;
        self.events.remove(at).map(|event| event["data"].clone())
    }

    fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        let request = json!({"execute": command, "arguments": arguments});
        writeln!(self.writer, "{request}").with_context(|| format!("sending {command} to QEMU"))?;
        loop {
            let message = self.read_message(Duration::from_secs(30))?;
            if let Some(result) = message.get("return") {
                return Ok(result.clone());
            }
            if let Some(error) = message.get("error") {
                bail!("running QEMU's {command}: {error}");
            }
            self.events.push_back(message);
        }
    }

    fn read_message(&mut self, limit: Duration) -> Result<Value> {
        if limit.is_zero() {
            bail!("reading from QEMU: time is up");
        }
        self.writer
            .set_read_timeout(Some(limit))
            .context("setting QMP's time limit")?;
        let mut line = String::new();
        let count = self
            .reader
            .read_line(&mut line)
            .context("reading from QEMU")?;
        if count == 0 {
            bail!("reading from QEMU: it ended");
        }
        serde_json::from_str(&line).with_context(|| format!("parsing QEMU's answer '{line}'"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// Plays QEMU: greets, then answers each command with the next of `replies`.
    fn play_qemu(listener: &UnixListener, replies: &[&str]) -> Vec<Value> {
        let (stream, _) = listener.accept().unwrap();
        let mut writer = stream.try_clone().unwrap();
        writeln!(writer, "{{\"QMP\": {{}}}}").unwrap();
        let lines = BufReader::new(stream).lines();
        let mut seen = Vec::new();
        for (line, reply) in lines.zip(replies) {
            seen.push(serde_json::from_str(&line.unwrap()).unwrap());
            writeln!(writer, "{reply}").unwrap();
        }
        seen
    }

    fn talk(replies: &'static [&'static str], test: impl FnOnce(&mut Qmp)) -> Vec<Value> {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("q");
        let listener = UnixListener::bind(&socket).unwrap();
        let thread = thread::spawn(move || play_qemu(&listener, replies));
        let mut qmp = Qmp::connect(&socket).unwrap();
        test(&mut qmp);
        drop(qmp);
        thread.join().unwrap()
    }

    #[test]
    fn events_between_question_and_answer_are_kept() {
        let replies = &[
            "{\"return\": {}}",
            "{\"event\": \"RESET\", \"data\": {\"guest\": true}}\n{\"return\": {}}",
        ];
        let seen = talk(replies, |qmp| {
            qmp.ctrl_alt_del().unwrap();
            let data = qmp.wait_event("RESET", Duration::from_secs(1)).unwrap();
            assert_eq!(data["guest"], true);
        });
        assert_eq!(seen[1]["arguments"]["keys"][2]["data"], "delete");
    }

    #[test]
    fn a_refusal_names_the_command() {
        let replies = &["{\"return\": {}}", "{\"error\": {\"desc\": \"no\"}}"];
        talk(replies, |qmp| {
            let error = qmp.power_button().unwrap_err().to_string();
            assert!(error.contains("system_powerdown") && error.contains("no"));
        });
    }
}
