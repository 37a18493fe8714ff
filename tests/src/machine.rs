//! Virtual machines: started, talked to, and gone when dropped.

mod arguments;
mod disks;
mod ports;
mod qmp;
mod serial;
mod spec;
mod transcript;

use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use arguments::Files;
pub use disks::{Bus, serial as disk_serial};
pub use ports::Reserved;
pub use qmp::Qmp;
pub use serial::Serial;
pub use spec::{Boot, Net, Ports, Spec};
pub use transcript::Transcript;

/// How long QEMU may take to open its sockets.
const START: Duration = Duration::from_secs(20);
/// Pause between two looks at something that gives no notice.
const LOOK: Duration = Duration::from_millis(50);

/// A running QEMU.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    files: Files,
    ports: Ports,
    /// The serial console.
    pub serial: Serial,
    /// The control socket.
    pub qmp: Qmp,
}

impl Machine {
    /// Starts `spec` with its sockets and logs in `dir`. `echo` sees the serial console's output.
    pub fn start(spec: &Spec, dir: &Path, echo: Option<Box<dyn Write + Send>>) -> Result<Self> {
        let files = Files::new(dir);
        prepare_firmware(spec, &files)?;
        let mut child = spawn(spec, &files)?;
        match connect(&mut child, &files, echo) {
            Ok((serial, qmp)) => Ok(Self {
                child,
                files,
                ports: spec.ports,
                serial,
                qmp,
            }),
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    /// The forwarded ports.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Where the serial console's output is kept.
    pub fn serial_log(&self) -> PathBuf {
        self.files.serial_log()
    }

    /// Whether QEMU has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
    }

    /// Waits for QEMU's end: the guest's power off, or its reboot where the spec says so.
    pub fn wait_end(&mut self, limit: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().context("waiting for QEMU's end")? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                bail!(
                    "waiting for the machine's end: still running after {} s; its console ends with:\n{}",
                    limit.as_secs(),
                    last_lines(&self.serial.transcript().text(), 30)
                );
            }
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // Both fail only when it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// The last `count` lines of `text`.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(count);
    lines
        .iter()
        .skip(from)
        .map(|line| format!("  | {line}\n"))
        .collect()
}

fn prepare_firmware(spec: &Spec, files: &Files) -> Result<()> {
    if spec.boot == Boot::Uefi {
        let (code, variables, package) = spec.processor.uefi();
        if !Path::new(code).exists() {
            bail!("reading {code}: not there; install the package {package}");
        }
        let ours = files.uefi_vars(spec);
        if !ours.exists() {
            std::fs::copy(variables, ours).with_context(|| format!("copying {variables}"))?;
        }
    }
    Ok(())
}

/// `setpriv --pdeathsig`: QEMU ends with the harness even when that is killed.
fn spawn(spec: &Spec, files: &Files) -> Result<Child> {
    let log = File::create(files.qemu_log()).context("creating QEMU's log")?;
    let also = log.try_clone().context("sharing QEMU's log")?;
    let emulator = spec.processor.emulator();
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", emulator])
        .args(arguments::arguments(spec, files))
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(also)
        .spawn()
        .with_context(|| {
            let package = spec.processor.package();
            format!("starting {emulator} (packages {package} and util-linux)")
        })
}

fn connect(
    child: &mut Child,
    files: &Files,
    echo: Option<Box<dyn Write + Send>>,
) -> Result<(Serial, Qmp)> {
    let deadline = Instant::now() + START;
    let socket = files.serial_socket();
    let stream = retry(child, files, deadline, || Ok(UnixStream::connect(&socket)?))?;
    let serial = Serial::start(stream, &files.serial_log(), echo)?;
    let qmp = retry(child, files, deadline, || Qmp::connect(&files.qmp_socket()))?;
    Ok((serial, qmp))
}

/// QEMU gives no notice when a socket is there, so it is tried until it is.
fn retry<T>(
    child: &mut Child,
    files: &Files,
    deadline: Instant,
    mut connect: impl FnMut() -> Result<T>,
) -> Result<T> {
    loop {
        let error = match connect() {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        if child.try_wait().context("looking after QEMU")?.is_some() || Instant::now() >= deadline {
            let log = std::fs::read_to_string(files.qemu_log()).unwrap_or_default();
            return Err(error.context(format!(
                "connecting to QEMU, which said:\n{}",
                last_lines(&log, 20)
            )));
        }
        thread::sleep(LOOK);
    }
}
