//! Disks as files on loop devices, and a release that is small and made up. Needs root; [`ready`] says so.

// Each file of tests is a program of its own and uses a part of this.
#![allow(dead_code)]

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use installer::manifest::Release;
use installer::progress::Reporter;
use installer::request::Request;
use installer::{Facts, Plan, Processor, Refusal, Selector, Settings};
use sha2::{Digest, Sha256};
use system::disk::partition_device;
use system::mount::{self, Mount};
use system::partition;

/// Bytes of the smallest disk that is accepted, and a little more.
pub const DISK: u64 = 2004 << 20;

/// Whether this test can run here; says why not.
pub fn ready() -> bool {
    let ready = nix::unistd::geteuid().is_root() && Path::new("/dev/loop-control").exists();
    if !ready {
        eprintln!("SKIPPED: loop devices need root");
    }
    ready
}

/// A disk; it vanishes with this.
pub struct Disk {
    pub directory: tempfile::TempDir,
    pub device: PathBuf,
}

impl Disk {
    pub fn new(size: u64, sector: u64) -> Self {
        let directory = memory();
        let file = directory.path().join("disk");
        File::create(&file).unwrap().set_len(size).unwrap();
        let sector = sector.to_string();
        let device = run("losetup", &["-f", "--show", "-b", &sector, text(&file)]);
        Self {
            directory,
            device: device.trim().into(),
        }
    }

    pub fn file(&self) -> PathBuf {
        self.directory.path().join("disk")
    }

    pub fn partition(&self, number: u32) -> PathBuf {
        partition_device(&self.device, number)
    }

    pub fn selector(&self) -> Selector {
        Selector::Path(self.device.clone())
    }

    /// The first bytes of it.
    pub fn head(&self, length: u64) -> Vec<u8> {
        let mut head = Vec::new();
        let device = File::open(&self.device).unwrap();
        device.take(length).read_to_end(&mut head).unwrap();
        head
    }

    /// Its beginning, and how much of it was ever written: enough to see any change.
    pub fn state(&self) -> (Vec<u8>, u64) {
        partition::drop_cache(&self.device).unwrap();
        let blocks = fs::metadata(self.file()).unwrap().blocks();
        (self.head(4 << 20), blocks)
    }

    /// The directory on which a partition is mounted while `look` looks at it.
    pub fn mounted<T>(&self, number: u32, look: impl FnOnce(&Path) -> T) -> T {
        let at = self.directory.path().join("mnt");
        Mount::device(self.partition(number), &at, "ext4")
            .perform()
            .unwrap();
        let seen = look(&at);
        mount::unmount(&at).unwrap();
        seen
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for directory in ["mnt", "scratch/target"] {
            let _ = mount::unmount(&self.directory.path().join(directory));
        }
        for number in 1..=4 {
            let _ = partition::remove(&self.device, number);
        }
        // The kernel keeps this flag when the file is taken away.
        let _ = Command::new("blockdev")
            .arg("--setrw")
            .arg(&self.device)
            .status();
        let _ = Command::new("losetup").arg("-d").arg(&self.device).status();
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A directory in memory: what is written there need not wait for a disk.
fn memory() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).unwrap()
}

pub fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A release in a directory, with the files that one needs.
pub fn release(version: &str) -> tempfile::TempDir {
    release_for(Processor::OWN, version)
}

pub fn release_for(processor: Processor, version: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut files = serde_json::Map::new();
    for (number, name) in (1_u8..).zip(processor.needed()) {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let bytes = content(name, number);
        let sum: String = Sha256::digest(&bytes)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        fs::write(path, &bytes).unwrap();
        let facts = serde_json::json!({"sha256": sum, "size": bytes.len()});
        files.insert((*name).to_owned(), facts);
    }
    let manifest = serde_json::json!({"version": version, "files": files});
    fs::write(directory.path().join("manifest.json"), manifest.to_string()).unwrap();
    directory
}

fn content(name: &str, number: u8) -> Vec<u8> {
    match name {
        "grub/boot.img" => {
            let mut image = vec![number; 510];
            image.extend([0x55, 0xaa]);
            image
        }
        "rootfs.squashfs" => vec![number; 5_000_001],
        _ => vec![number; 300_000],
    }
}

pub fn settings() -> Settings {
    Settings {
        text: "hostname: box\n".into(),
        origin: "a test".into(),
    }
}

pub fn request(disk: &Disk) -> Request {
    Request {
        device: Some(disk.selector()),
        ..Request::default()
    }
}

/// Facts about this disk only: what else the machine has must not matter to a test. It is of the release's kind.
pub fn facts(disk: &Disk, release: &Path) -> Facts {
    let mut facts = Facts::gather(release, Some(&disk.selector()));
    if let Ok(release) = &facts.release {
        facts.processor = release.processor;
    }
    facts.disks.retain(|d| d.disk.device == disk.device);
    facts
}

pub fn plan(request: &Request, disk: &Disk, release: &Path) -> Result<Plan, Vec<Refusal>> {
    installer::plan(request, &facts(disk, release), &settings())
}

/// Plans and does it.
pub fn install(disk: &Disk, release: &Path, reporter: &mut dyn Reporter) -> anyhow::Result<()> {
    let plan = plan(&request(disk), disk, release).expect("a plan");
    installer::execute(&plan, &disk.directory.path().join("scratch"), reporter)
}

/// Does something when a step begins whose words contain a text.
pub struct At<F: FnMut()>(pub &'static str, pub F);

impl<F: FnMut()> Reporter for At<F> {
    fn step(&mut self, _: usize, _: usize, words: &str) {
        if words.contains(self.0) {
            (self.1)();
        }
    }
    fn bytes(&mut self, _: u64, _: u64) {}
    fn note(&mut self, _: &str) {}
}

/// Says nothing.
pub fn quiet() -> impl Reporter {
    At("", || {})
}

/// Compares a release on the disk with its manifest.
pub fn check_release(directory: &Path) {
    let release = Release::read(directory).unwrap();
    for file in &release.files {
        let path = directory.join(&file.name);
        installer::manifest::check(&path, file, &mut |_| Ok(())).unwrap();
    }
}
