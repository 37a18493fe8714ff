//! The same for an installation: it writes to a recorded disk once, without a machine. Whatever part of the cache a cut takes, the
//! disk is as it was, or says that it is unfinished, or holds a system whose every file is right.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use installer::grub::Environment;
use installer::manifest;
use system::gpt;

use super::{Mounted, SEED, mount_point, wanted};
use crate::bench::install::install;
use crate::native::obstacle;
use crate::scenarios::power_cuts::{Holds, holds};
use crate::suite::{Lab, Scenario};
use crate::write_log::{Cut, Random, Recorder, Replay, WriteLog, points};

const DISK: u64 = 4 << 30;
const SAMPLE: usize = 12;
const ALL: usize = 200;
const SECTOR: u64 = 512;

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::sample("lost-cache-install")
        .unless(obstacle)
        .gate("an_installation_writes_to_a_recorded_disk", record)
        .gate("what_is_installed_when_it_says_so_stays", finished)
        .check("no_cut_leaves_half_a_system", |lab| {
            look_at_cuts(lab, SAMPLE)
        })
        .only_all("no_cut_at_200_points_leaves_half_a_system", |lab| {
            look_at_cuts(lab, ALL)
        })
}

fn record(lab: &mut Lab) -> Result<()> {
    for name in ["before", "disk"] {
        let path = lab.dir.join(name);
        let made = File::create(&path).and_then(|file| file.set_len(DISK));
        made.with_context(|| format!("making {}", path.display()))?;
    }
    let release = lab.setup.release()?;
    let recorder = Recorder::start(&lab.dir.join("disk"), &lab.dir)?;
    install(&release.dir(), recorder.device()?, &lab.dir)?;
    lab.noted = Some(recorder.position()?.to_string());
    recorder.finish().map(drop)
}

struct Recorded {
    log: WriteLog,
    /// The log's length when the installer had ended.
    installed: u64,
}

impl Recorded {
    fn open(lab: &Lab) -> Result<Self> {
        let noted = lab.noted.as_deref().context("nothing was recorded")?;
        Ok(Self {
            log: WriteLog::read(&lab.dir.join("writes.log"))?,
            installed: noted.parse()?,
        })
    }

    fn replay(&self, lab: &Lab) -> Result<Replay<'_>> {
        Replay::new(&self.log, &lab.dir.join("before"), &lab.dir.join("replay"))
    }
}

/// The worst cut right after the installer's last message: nothing may hang on what comes later.
fn finished(lab: &mut Lab) -> Result<()> {
    let recorded = Recorded::open(lab)?;
    let mut replay = recorded.replay(lab)?;
    for seed in 0..3 {
        let cut = Cut::at(&recorded.log, recorded.installed, &mut Random::new(seed));
        replay.cut(&cut, &lab.dir.join("image"))?;
        let found = look(&lab.dir.join("image"), &mount_point(lab)?)?;
        ensure!(
            found == Holds::System,
            "after the installation the disk holds {found:?}"
        );
    }
    Ok(())
}

fn look_at_cuts(lab: &mut Lab, sample: usize) -> Result<()> {
    let recorded = Recorded::open(lab)?;
    let (image, mount) = (lab.dir.join("image"), mount_point(lab)?);
    let random = &mut Random::new(SEED);
    let count = wanted(sample);
    // By requests as well as by bytes: what decides is small, what takes room is the release.
    let ends: Vec<u64> = recorded.log.entries.iter().map(|entry| entry.end).collect();
    let cuts = points(&ends, 0, recorded.installed, count, random);
    let mut replay = recorded.replay(lab)?;
    let (mut losing, mut seen) = (0, Vec::new());
    for at in cuts {
        let cut = Cut::at(&recorded.log, at, random);
        losing += usize::from(replay.cut(&cut, &image)? > 0);
        let found = look(&image, &mount).with_context(|| format!("cut at byte {at} of the log"))?;
        // What the disk said once it must not take back: nothing, unfinished, a system.
        ensure!(
            seen.last() <= Some(&found),
            "cut at byte {at}: {found:?} after {:?}",
            seen.last()
        );
        seen.push(found);
    }
    let times = |holds| seen.iter().filter(|found| **found == holds).count();
    eprintln!(
        "      {count} cuts, {losing} of them lost something: {} left nothing, {} unfinished, {} a system",
        times(Holds::Nothing),
        times(Holds::Unfinished),
        times(Holds::System)
    );
    ensure!(
        losing * 10 >= count,
        "the cuts lost too little to say anything"
    );
    ensure!(times(Holds::Unfinished) > 0, "no cut was where it matters");
    Ok(())
}

/// What a disk holds; a system only counts when all files of its release are what the manifest says.
fn look(image: &Path, mount: &Path) -> Result<Holds> {
    let found = holds(image)?;
    if found == Holds::System {
        let entries = gpt::read(image, SECTOR)?.context("the table is gone")?;
        let state = entries.last().context("the table is empty")?;
        let mounted = Mounted::part_of(image, state.start, mount)?;
        check_release(&mounted.0)?;
    }
    Ok(found)
}

fn check_release(state: &Path) -> Result<()> {
    let bytes = std::fs::read(state.join("boot/grub/grubenv")).context("reading grubenv")?;
    let environment = Environment::parse(&bytes);
    let version = environment
        .get("current")
        .context("there is no current release")?;
    let directory = state.join("k3os/system/releases").join(version);
    let release = manifest::Release::read(&directory)?;
    for file in &release.files {
        let path = directory.join(&file.name);
        manifest::check(&path, file, &mut |_| Ok(()))?;
    }
    Ok(())
}
