//! Power cuts that take the disk's write cache along. One native node with its `/var` on a recorded disk makes API objects; for every
//! cut the disk is made anew, and each object that the API had acknowledged before the cut must be in it.
//!
//! `K3OS_CACHE_CUTS=1000` says at how many points; 40 in the sample, 200 otherwise.

mod installation;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::guest::Guest;
use crate::native::obstacle;
use crate::suite::{Lab, Scenario};
use crate::tool::{self, text};
use crate::write_log::{Cut, LoopDevice, Random, Recorder, Replay, WriteLog, points};

/// `/var` of the node: sparse.
const DISK: u64 = 3 << 30;
const SAMPLE: usize = 40;
const ALL: usize = 200;
/// Real starts of such disks.
const STARTS: usize = 3;
const OBJECTS: usize = 60;
const READY: Duration = Duration::from_secs(120);
const SEED: u64 = 14;
/// When the node was last heard of.
const LEASE: &str =
    "kubectl get lease -n kube-node-lease -o jsonpath=\"{.items[0].spec.renewTime}\"";
/// Below the node's `/var`.
const DATABASE: &str = "lib/rancher/k3s/server/db/state.db";

/// Both scenarios.
pub fn scenarios() -> [Scenario; 2] {
    [scenario(), installation::scenario()]
}

fn scenario() -> Scenario {
    Scenario::sample("lost-cache")
        .unless(obstacle)
        .gate("a_node_writes_to_a_recorded_disk", record)
        .gate("what_was_synced_is_on_the_disk", synced)
        .check("no_acknowledged_object_is_lost", |lab| {
            look_at_cuts(lab, SAMPLE)
        })
        .check("a_node_starts_from_what_cuts_left", starts)
        .only_all("a_new_pod_runs_on_what_cuts_left", pods)
        .only_all("no_acknowledged_object_is_lost_at_200_points", |lab| {
            look_at_cuts(lab, ALL)
        })
}

/// What the run left: the log, how long it was when each object was acknowledged, and how long after a `sync` behind them all.
#[derive(Debug)]
struct Recorded {
    log: WriteLog,
    before: PathBuf,
    acknowledged: Vec<u64>,
    synced: u64,
}

impl Recorded {
    fn open(lab: &Lab) -> Result<Self> {
        let noted = lab.noted.as_deref().context("nothing was recorded")?;
        let marks: Result<Vec<u64>, _> = noted.split(' ').map(str::parse).collect();
        let mut acknowledged = marks.context("parsing what was acknowledged")?;
        Ok(Self {
            log: WriteLog::read(&lab.dir.join("writes.log"))?,
            before: lab.dir.join("before"),
            synced: acknowledged.pop().context("nothing was recorded")?,
            acknowledged,
        })
    }

    fn replay(&self, lab: &Lab) -> Result<Replay<'_>> {
        Replay::new(&self.log, &self.before, &lab.dir.join("replay"))
    }

    /// How many objects had been acknowledged when the log was so long.
    fn promised(&self, at: u64) -> usize {
        self.acknowledged.partition_point(|mark| *mark <= at)
    }

    fn cuts(&self, count: usize) -> Vec<Cut> {
        let (from, to) = (
            self.acknowledged.first().copied().unwrap_or_default(),
            self.log.entries.last().map_or(0, |entry| entry.end),
        );
        let random = &mut Random::new(SEED);
        let points = points(&self.acknowledged, from, to, count, random);
        let cut = |at| Cut::at(&self.log, at, random);
        points.into_iter().map(cut).collect()
    }
}

fn record(lab: &mut Lab) -> Result<()> {
    let (disk, before) = (lab.dir.join("disk"), lab.dir.join("before"));
    let made = File::create(&before).and_then(|file| file.set_len(DISK));
    made.with_context(|| format!("making {}", before.display()))?;
    tool::run("mkfs.ext4", ["-q", "-F", &text(&before)])?;
    tool::run("cp", ["--sparse=always", &text(&before), &text(&disk)])?;
    let recorder = Recorder::start(&disk, &lab.dir)?;
    let device = recorder.device()?.to_owned();
    lab.start_native(Some(device))?
        .start_kubernetes("server", &[])?;
    let guest = lab.guest()?;
    guest.wait_ready(READY)?;
    let mut marks = Vec::new();
    for number in 0..OBJECTS {
        create(&guest, number)?;
        marks.push(recorder.position()?.to_string());
    }
    guest.root("sync")?;
    marks.push(recorder.position()?.to_string());
    lab.noted = Some(marks.join(" "));
    lab.stop();
    let log = recorder.finish()?;
    fs::remove_file(&disk).context("removing the recorded disk")?;
    ensure!(
        log.entries.len() > OBJECTS,
        "recording: {} requests only",
        log.entries.len()
    );
    Ok(())
}

fn name(number: usize) -> String {
    format!("acknowledged-{number:04}")
}

fn create(guest: &Guest, number: usize) -> Result<()> {
    let name = name(number);
    guest
        .kubectl(&format!(
            "create configmap {name} --from-literal=n={number}"
        ))
        .map(drop)
}

/// Shows that recording and replaying lose nothing by themselves: not even the worst cut takes what was flushed.
fn synced(lab: &mut Lab) -> Result<()> {
    let recorded = Recorded::open(lab)?;
    let cut = Cut::at(&recorded.log, recorded.synced, &mut Random::new(SEED));
    let image = lab.dir.join("image");
    recorded.replay(lab)?.cut(&cut, &image)?;
    look(&image, &mount_point(lab)?, OBJECTS)
}

/// How many cuts.
fn wanted(otherwise: usize) -> usize {
    let told = std::env::var("K3OS_CACHE_CUTS").ok();
    told.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn mount_point(lab: &Lab) -> Result<PathBuf> {
    let path = lab.dir.join("mounted");
    fs::create_dir_all(&path).context("making the mount point")?;
    Ok(path)
}

fn look_at_cuts(lab: &mut Lab, sample: usize) -> Result<()> {
    let recorded = Recorded::open(lab)?;
    let count = wanted(sample);
    let (image, mount) = (lab.dir.join("image"), mount_point(lab)?);
    let mut replay = recorded.replay(lab)?;
    let (mut losing, mut pieces, mut wrong) = (0, 0, Vec::new());
    for cut in recorded.cuts(count) {
        let lost = replay.cut(&cut, &image)?;
        losing += usize::from(lost > 0);
        pieces += lost;
        if let Err(error) = look(&image, &mount, recorded.promised(cut.at)) {
            wrong.push(format!("cut at byte {} of the log: {error:#}", cut.at));
        }
    }
    eprintln!(
        "      {count} cuts, {losing} of them lost something: {pieces} writes that no flush had covered; {} disks were wrong",
        wrong.len()
    );
    ensure!(
        losing * 10 >= count,
        "the cuts lost too little to say anything"
    );
    ensure!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    Ok(())
}

/// Repairs as the initrd does, replays the journal by mounting, opens the database as kine does.
fn look(image: &Path, mount: &Path, promised: usize) -> Result<()> {
    repair(image)?;
    let mounted = Mounted::at(image, mount)?;
    let database = text(&mounted.0.join(DATABASE));
    let whole = tool::run("sqlite3", [&database, "PRAGMA integrity_check"])?;
    ensure!(
        whole.trim() == "ok",
        "the database is damaged: {}",
        whole.trim()
    );
    let query = "SELECT DISTINCT name FROM kine WHERE name LIKE '/registry/configmaps/default/acknowledged-%'";
    let found = tool::run("sqlite3", [&database, query])?;
    let missing: Vec<String> = (0..promised)
        .map(name)
        .filter(|name| !found.lines().any(|line| line.ends_with(name.as_str())))
        .collect();
    ensure!(
        missing.is_empty(),
        "{} of {promised} acknowledged objects are missing, from {} on",
        missing.len(),
        missing[0]
    );
    Ok(())
}

/// `e2fsck -p` ends with 1 where it repaired something.
fn repair(image: &Path) -> Result<()> {
    let script = "e2fsck -p \"$1\" >&2 || test $? = 1";
    tool::run("sh", ["-c", script, "sh", &text(image)]).map(drop)
}

/// A mounted disk; it is unmounted with this.
struct Mounted(PathBuf);

impl Mounted {
    fn at(image: &Path, mount: &Path) -> Result<Self> {
        Self::with("loop", image, mount)
    }

    /// A partition that begins at this byte, read-only.
    fn part_of(image: &Path, start: u64, mount: &Path) -> Result<Self> {
        Self::with(&format!("loop,ro,offset={start}"), image, mount)
    }

    fn with(options: &str, image: &Path, mount: &Path) -> Result<Self> {
        tool::run("mount", ["-o", options, &text(image), &text(mount)])?;
        Ok(Self(mount.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = tool::run("umount", [text(&self.0)]);
    }
}

/// Certificates, records and all else that has no check of its own: a lease of this start, Ready, the objects by the API.
fn starts(lab: &mut Lab) -> Result<()> {
    each_start(lab, start)
}

/// Runs `check` with the disk of each of some cuts, and how many objects were acknowledged before it.
fn each_start(lab: &mut Lab, check: fn(&mut Lab, &LoopDevice, usize) -> Result<()>) -> Result<()> {
    let recorded = Recorded::open(lab)?;
    let image = lab.dir.join("image");
    let mut replay = recorded.replay(lab)?;
    for cut in recorded.cuts(STARTS) {
        replay.cut(&cut, &image)?;
        repair(&image)?;
        let device = LoopDevice::on(&image)?;
        check(lab, &device, recorded.promised(cut.at))
            .with_context(|| format!("starting after a cut at byte {} of the log", cut.at))?;
        lab.stop();
    }
    Ok(())
}

fn start(lab: &mut Lab, device: &LoopDevice, promised: usize) -> Result<()> {
    let node = lab.start_native(Some(device.path.clone()))?;
    let begun = node.guest().root("date +%s")?;
    node.start_kubernetes("server", &[])?;
    let guest = lab.guest()?;
    // The API may still say what was so before the cut: only a lease of this start counts.
    let renewed = format!("test $(date +%s -d $({LEASE})) -ge {}", begun.trim());
    guest.wait_root(&renewed, READY)?;
    guest.wait_ready(READY)?;
    let found = guest.kubectl("get configmaps -o name")?;
    let missing = (0..promised)
        .map(name)
        .find(|name| !found.contains(name.as_str()));
    if let Some(missing) = missing {
        bail!("{missing} was acknowledged and is not there");
    }
    Ok(())
}

/// The release's images were unpacked just before the cut; half of them would be Ready nodes on which no pod ever runs.
fn pods(lab: &mut Lab) -> Result<()> {
    each_start(lab, |lab, device, _| {
        start(lab, device, 0)?;
        let guest = lab.guest()?;
        guest.import_test_image(&lab.setup.artifacts)?;
        guest.start_fresh_pod("after-the-cut")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_promised_from_its_acknowledgement_on() {
        let recorded = Recorded {
            log: WriteLog {
                path: PathBuf::new(),
                entries: Vec::new(),
            },
            before: PathBuf::new(),
            acknowledged: vec![10, 20, 20, 30],
            synced: 40,
        };
        let promised: Vec<usize> = [9, 10, 19, 20, 99].map(|at| recorded.promised(at)).into();
        assert_eq!(promised, [0, 1, 1, 3, 4]);
    }
}
