//! A supervisor of its own for each test: PID 1 of a PID namespace and with a cgroup2 subtree where this
//! machine and user allow it, a subreaper without control groups elsewhere.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use supervisor::Event;
use supervisor::control::{Reply, UnitStatus};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Machine {
    pub directory: tempfile::TempDir,
    pub cgroup: Option<PathBuf>,
    /// Whether it obeys requests to hang.
    pub debug: bool,
    is_pid_1: bool,
    child: Option<Child>,
}

impl Machine {
    /// Units by name and text; `$DIR` in a text is the machine's directory, `$NOTIFY` sends a notification.
    pub fn new(units: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let machine = Self {
            cgroup: make_cgroup(directory.path()),
            debug: false,
            is_pid_1: can_unshare(),
            directory,
            child: None,
        };
        for (name, text) in units {
            machine.unit(name, text);
        }
        machine
    }

    pub fn unit(&self, name: &str, text: &str) {
        let path = self.directory.path().join("units").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let notify = format!("{} --notify", program().display());
        let text = text
            .replace("$DIR", self.directory.path().to_str().unwrap())
            .replace("$NOTIFY", &notify);
        fs::write(path, text).unwrap();
    }

    /// Boots into `goal` and waits until it listens.
    pub fn boot(&mut self, goal: &str) {
        let file = |name| fs::File::create(self.directory.path().join(name)).unwrap();
        let mut words: Vec<PathBuf> = Vec::new();
        if self.is_pid_1 {
            words.extend(
                ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"].map(PathBuf::from),
            );
        }
        words.extend([
            program(),
            self.directory.path().to_owned(),
            PathBuf::from(goal),
        ]);
        words.extend(self.cgroup.clone());
        let mut command = Command::new(&words[0]);
        if self.debug {
            command.env("SUPERVISE_DEBUG", "1");
        }
        command
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(file("events"))
            .stderr(file("console"));
        self.child = Some(command.spawn().unwrap());
        self.until("it listens", |it| UnixStream::connect(it.socket()).ok());
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("run/control.sock")
    }

    pub fn ask(&self, request: &str) -> Reply {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// No turn took long; says how long the longest was.
    pub fn check_turns(&self) {
        let manager = self.ask(r#"{"op":"list"}"#).manager.unwrap();
        eprintln!("longest turn: {} ms", manager.longest_turn_ms);
        assert_eq!(manager.slow_turns, 0, "{manager:?}");
    }

    /// The answer to a client that closes its half of the connection behind its request.
    pub fn half_closed(&self, request: &str) -> String {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub fn show(&self, unit: &str) -> UnitStatus {
        self.ask(&format!(r#"{{"op":"show","units":["{unit}"]}}"#))
            .units
            .remove(0)
    }

    pub fn wait_state(&self, unit: &str, state: &str) -> UnitStatus {
        self.until(&format!("{unit} is {state}"), |it| {
            Some(it.show(unit)).filter(|status| status.active_state == state)
        })
    }

    /// Asks again until there is an answer.
    pub fn until<T>(&self, what: &str, mut attempt: impl FnMut(&Self) -> Option<T>) -> T {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(value) = attempt(self) {
                return value;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!(
            "waiting until {what}: console:\n{}\nevents:\n{}",
            self.read("console"),
            self.read("events")
        );
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.directory.path().join(file)).unwrap_or_default()
    }

    /// A unit's log file, when all that the supervisor has of it is written.
    pub fn log(&self, unit: &str) -> String {
        let file = format!("log/{unit}.log");
        if self.child.is_none() {
            return self.read(&file);
        }
        let last = self.show(unit).lines.pop().unwrap_or_default();
        self.until("the log is written", |it| {
            Some(it.read(&file)).filter(|text| text.contains(&last))
        })
    }

    pub fn events(&self) -> Vec<Event> {
        self.read("events")
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// When something happened first, as its place among all events.
    pub fn place(&self, source: &str, event: &str) -> usize {
        let events = self.events();
        let place = events
            .iter()
            .position(|it| it.source == source && it.event == event);
        place.unwrap_or_else(|| panic!("{source} {event} is not among {events:#?}"))
    }

    /// Ends it and waits for the end; returns the last line that it wrote.
    pub fn end(&mut self) -> String {
        self.ask(r#"{"op":"end","end":"power-off"}"#);
        self.wait_end()
    }

    pub fn wait_end(&mut self) -> String {
        let mut child = self.child.take().unwrap();
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if start.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("it did not end: {}", self.read("console"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.read("events")
            .lines()
            .last()
            .unwrap_or_default()
            .to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(group) = &self.cgroup {
            system::cgroup::kill(group);
            for _ in 0..100 {
                if system::cgroup::remove(group).is_ok() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples/supervise")
}

fn can_unshare() -> bool {
    let words = ["--pid", "--fork", "--mount-proc", "true"];
    Command::new("unshare")
        .args(words)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A group of our own in a cgroup2 mount.
fn make_cgroup(directory: &Path) -> Option<PathBuf> {
    let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
    let mount = mounts.into_iter().find(|mount| {
        mount.join("cgroup.procs").exists() && mount.join("cgroup.controllers").exists()
    })?;
    let name = directory.file_name()?.to_str()?.trim_start_matches('.');
    let group = mount.join(format!("k3os-test-{name}"));
    fs::create_dir(&group).ok().map(|()| group)
}
