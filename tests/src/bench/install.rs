//! How long an installation takes, against `dd` that writes the same bytes with sync onto the same device.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use installer::progress::Reporter;
use installer::{Facts, Request, Selector, Settings};
use serde::Serialize;

use crate::tool::{self, text};

/// The disk, bytes: a file, of which only what is written takes room.
const DISK: u64 = 8 << 30;
/// How often both are done; the fastest of each counts, since whatever else runs only makes them slower.
const ROUNDS: usize = 3;

/// Both times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Install {
    /// Bytes of the release.
    pub bytes: u64,
    /// From the check of the release to the table on the disk.
    pub seconds: f64,
    /// `dd bs=1M conv=fsync` of as many bytes.
    pub dd_seconds: f64,
}

impl Install {
    /// Ours as a part of dd's.
    pub fn ratio(&self) -> f64 {
        self.seconds / self.dd_seconds
    }
}

/// Measures, where loop devices can be had; says why not otherwise.
pub fn measure(release: &Path, dir: &Path) -> Result<Option<Install>> {
    if !nix::unistd::geteuid().is_root() || !Path::new("/dev/loop-control").exists() {
        eprintln!("The installation is not timed: loop devices need root.");
        return Ok(None);
    }
    let bytes = installer::manifest::Release::read(release)?.size();
    let (mut seconds, mut dd_seconds) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let disk = Disk::new(dir)?;
        dd_seconds = dd_seconds.min(timed(|| dd(release, bytes, &disk.device))?);
        let disk = Disk::new(dir)?;
        seconds = seconds.min(timed(|| install(release, &disk.device, dir))?);
    }
    Ok(Some(Install {
        bytes,
        seconds,
        dd_seconds,
    }))
}

fn timed(action: impl FnOnce() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    action()?;
    Ok(begun.elapsed().as_secs_f64())
}

fn dd(release: &Path, bytes: u64, device: &Path) -> Result<()> {
    let files = release.display();
    let device = device.display();
    let script = format!(
        "set -o pipefail; find '{files}' -type f ! -name manifest.json -exec cat {{}} + | \
         dd of={device} bs=1M iflag=fullblock conv=fsync status=none"
    );
    tool::run("bash", ["-c", &script])
        .map(drop)
        .with_context(|| format!("writing {bytes} bytes by dd"))
}

/// Installs a release onto a device of this host.
pub fn install(release: &Path, device: &Path, dir: &Path) -> Result<()> {
    let request = Request {
        device: Some(Selector::Path(device.to_owned())),
        ..Request::default()
    };
    let settings = Settings {
        text: "hostname: bench\n".into(),
        origin: "the benchmark".into(),
    };
    let mut facts = Facts::gather(release, request.device.as_ref());
    facts.disks.retain(|disk| disk.disk.device == device);
    let plan = installer::plan(&request, &facts, &settings).map_err(|refusals| {
        let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        anyhow!("installing onto {}: {}", device.display(), lines.join("; "))
    })?;
    installer::execute(&plan, &dir.join("install"), &mut Quiet)
}

struct Quiet;

impl Reporter for Quiet {
    fn step(&mut self, _: usize, _: usize, _: &str) {}
    fn bytes(&mut self, _: u64, _: u64) {}
    fn note(&mut self, _: &str) {}
}

/// A loop device on a new file; it goes with this.
struct Disk {
    file: PathBuf,
    device: PathBuf,
}

impl Disk {
    fn new(dir: &Path) -> Result<Self> {
        let file = dir.join("install.disk");
        let made = std::fs::File::create(&file).and_then(|new| new.set_len(DISK));
        made.with_context(|| format!("making {}", file.display()))?;
        let device = tool::run("losetup", ["-f", "--show", &text(&file)])?;
        let device = PathBuf::from(device.trim());
        ensure!(
            device.starts_with("/dev"),
            "losetup gave {}",
            device.display()
        );
        Ok(Self { file, device })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for number in 1..=3 {
            let _ = tool::run("delpart", [text(&self.device), number.to_string()]);
        }
        let _ = tool::run("losetup", ["-d".to_owned(), text(&self.device)]);
        let _ = std::fs::remove_file(&self.file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_ours_as_a_part_of_dd_s() {
        let install = Install {
            bytes: 1,
            seconds: 1.1,
            dd_seconds: 1.0,
        };
        assert!((install.ratio() - 1.1).abs() < 1e-9);
    }
}
