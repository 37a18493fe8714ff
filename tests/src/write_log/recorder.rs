//! A block device of this host whose writes are recorded: a loop device on a file of FUSE that is QEMU's storage daemon, which logs
//! and writes to the disk's file. The host's kernel has neither device mapper nor network block devices, and needs none.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::format::WriteLog;
use crate::tool::{self, text};

/// How long the daemon may take to offer its file.
const START: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// A loop device on a file; it goes with this.
#[derive(Debug)]
pub struct LoopDevice {
    /// Such as `/dev/loop3`.
    pub path: PathBuf,
}

impl LoopDevice {
    /// The first free one, with the partitions of what is on it.
    pub fn on(file: &Path) -> Result<Self> {
        let device = tool::run("losetup", ["-f", "--show", &text(file)])?;
        let path = PathBuf::from(device.trim());
        ensure!(path.starts_with("/dev"), "losetup gave {}", path.display());
        Ok(Self { path })
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        // An installer adds partitions, and with them it would stay.
        for number in 1..=3 {
            let _ = tool::run("delpart", [text(&self.path), number.to_string()]);
        }
        // Where it is still used it goes with its last user.
        let _ = tool::run("losetup", ["-d".to_owned(), text(&self.path)]);
    }
}

/// A recorded disk.
#[derive(Debug)]
pub struct Recorder {
    // Before the daemon, by which it is read and written.
    device: Option<LoopDevice>,
    daemon: Child,
    log: PathBuf,
}

impl Recorder {
    /// Records what is written to `disk`, with its files in `dir`.
    pub fn start(disk: &Path, dir: &Path) -> Result<Self> {
        let (log, face) = (dir.join("writes.log"), dir.join("recorded"));
        for file in [&log, &face] {
            File::create(file).with_context(|| format!("creating {}", file.display()))?;
        }
        let mut recorder = Self {
            device: None,
            daemon: daemon(disk, &log, &face)?,
            log,
        };
        let size = fs::metadata(disk).context("measuring the disk")?.len();
        recorder.wait(&face, size)?;
        recorder.device = Some(LoopDevice::on(&face)?);
        Ok(recorder)
    }

    /// The device whose writes are recorded.
    pub fn device(&self) -> Result<&Path> {
        let device = self
            .device
            .as_ref()
            .context("the recorder was not started")?;
        Ok(&device.path)
    }

    /// The log's length by now, bytes: what was acknowledged before is in that part of it.
    pub fn position(&self) -> Result<u64> {
        Ok(fs::metadata(&self.log)
            .context("measuring the write log")?
            .len())
    }

    /// Ends the recording.
    pub fn finish(mut self) -> Result<WriteLog> {
        self.device = None;
        self.stop();
        WriteLog::read(&self.log)
    }

    /// The face is an empty file until the daemon is mounted over it.
    fn wait(&mut self, face: &Path, size: u64) -> Result<()> {
        let deadline = Instant::now() + START;
        while fs::metadata(face).map_or(0, |face| face.len()) != size {
            if let Some(status) = self.daemon.try_wait().context("waiting for the recorder")? {
                bail!("starting qemu-storage-daemon (package qemu-utils): {status}");
            }
            ensure!(
                Instant::now() < deadline,
                "qemu-storage-daemon does not offer its file"
            );
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// SIGTERM: it unmounts its file.
    fn stop(&mut self) {
        let _ = tool::run("kill", [self.daemon.id().to_string()]);
        let _ = self.daemon.wait();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.device = None;
        self.stop();
    }
}

fn daemon(disk: &Path, log: &Path, face: &Path) -> Result<Child> {
    let blockdev = |options: String| ["--blockdev".to_owned(), options];
    let (disk, log, face) = (disk.display(), log.display(), face.display());
    Command::new("setpriv")
        .args(["--pdeathsig", "TERM", "qemu-storage-daemon"])
        .args(blockdev(format!(
            "driver=file,node-name=disk,filename={disk}"
        )))
        .args(blockdev(format!(
            "driver=file,node-name=log,filename={log}"
        )))
        .args(blockdev(
            "driver=blklogwrites,node-name=recorded,file=disk,log=log,log-sector-size=512".into(),
        ))
        .args([
            "--export",
            &format!("fuse,id=face,node-name=recorded,mountpoint={face},writable=on"),
        ])
        .stdin(Stdio::null())
        .spawn()
        .context("starting qemu-storage-daemon (package qemu-utils)")
}
