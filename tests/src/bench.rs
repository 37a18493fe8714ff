//! `make bench`: how long, how much memory, how large; beside Debian with systemd, and against the goals.

mod boot;
mod build;
pub mod debian;
mod goals;
pub mod install;
mod k3os;
mod memory;
mod report;
mod rounds;
mod sizes;
mod subject;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::accel::Accel;
use crate::release::{Artifacts, Release};
use crate::suite::{Setup, scratch};

use boot::Runs;
use build::Times;
use debian::Root;
use goals::Goal;
use install::Install;
use rounds::{Outcome, Progress, Rounds};
use sizes::Sizes;

/// What to measure.
#[derive(Debug)]
pub struct Options {
    /// The artefacts' directory.
    pub artifacts: PathBuf,
    /// How many boots of each machine; the report has the median of each number.
    pub boots: usize,
    /// The times of the build's steps, where they are kept.
    pub build_times: PathBuf,
    /// Where the numbers go, as JSON.
    pub output: PathBuf,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// The release.
    pub version: String,
    /// The kernel of all machines.
    pub kernel: String,
    /// How the machines ran.
    pub accelerator: String,
    /// k3OS from its state disk.
    pub k3os: Runs,
    /// Debian with systemd, which starts the same Kubernetes.
    pub debian: Runs,
    /// Debian with systemd, and no Kubernetes.
    pub debian_alone: Runs,
    /// Files and disks.
    pub sizes: Sizes,
    /// The installation, if it could be timed.
    pub install: Option<Install>,
    /// How long the build took, if it was told.
    pub build: Option<Times>,
    /// Boots that went wrong, as sentences.
    pub failures: Vec<String>,
}

/// What is written as JSON.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    measured: &'a Measured,
    goals: &'a [Goal],
}

/// Measures, prints the table, and writes the JSON. A goal that is missed is told, and no failure; a boot that went wrong is one,
/// after the others' numbers are told.
pub fn run(options: &Options) -> Result<()> {
    let dir = scratch()?;
    let artifacts = Artifacts::open(&options.artifacts)?;
    let accel = Accel::detect(&artifacts.kernel())?;
    let setup = Setup::new(artifacts, accel, dir.path())?;
    let measured = measure(options, &setup, dir.path())?;
    let goals = goals::goals(&measured);
    println!("{}", report::text(&measured, &goals));
    write(&options.output, &measured, &goals)?;
    let failed = measured.failures.len();
    ensure!(
        failed == 0,
        "booting the machines: {failed} of the boots failed"
    );
    Ok(())
}

fn measure(options: &Options, setup: &Setup, dir: &Path) -> Result<Measured> {
    let release = setup.release()?;
    let kernel = kernel(&release)?;
    let install = install::measure(&release.dir(), dir)?;
    let root = Root::prepare(&kernel, setup.artifacts.processor)?;
    let k3os = k3os::subject(setup, dir)?;
    // The reference starts Kubernetes by the unit that our machine wrote for itself.
    let say = Progress {
        accel: setup.accel,
        boots: options.boots.max(1),
    };
    say.boot(1, &k3os);
    let (first, unit) = k3os.observe(setup, &dir.join("k"), |guest| {
        Ok((k3os::read(guest)?, k3os::unit(guest)?))
    })?;
    let debian = debian::subject(setup, &root, &unit, dir)?;
    let sizes = sizes::measure(&options.artifacts, &release, &k3os, &debian)?;
    let rounds = Rounds {
        setup,
        dir,
        say,
        subjects: [&k3os, &debian, &debian::alone(&debian)],
    };
    let Outcome { runs, failures } = rounds.run(first);
    let [k3os, debian, debian_alone] = runs;
    Ok(Measured {
        version: release.version,
        kernel,
        accelerator: format!("{:?}", setup.accel),
        k3os,
        debian,
        debian_alone,
        sizes,
        install,
        build: build::read(&options.build_times)?,
        failures,
    })
}

/// The kernel's name in the release's manifest.
pub fn kernel(release: &Release) -> Result<String> {
    let path = release.dir().join("manifest.json");
    let reading = || format!("reading {}", path.display());
    let text = fs::read_to_string(&path).with_context(reading)?;
    let manifest: serde_json::Value = serde_json::from_str(&text).with_context(reading)?;
    let kernel = manifest["kernel"].as_str().with_context(reading)?;
    Ok(kernel.to_owned())
}

fn write(path: &Path, measured: &Measured, goals: &[Goal]) -> Result<()> {
    let report = Report { measured, goals };
    let text = serde_json::to_string_pretty(&report).context("writing the numbers as JSON")?;
    fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
    println!("The numbers are in {}.", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use boot::tests::runs;

    /// Machines of which only the services were timed.
    pub fn measured() -> Measured {
        Measured {
            version: "v1".to_owned(),
            kernel: "6.12".to_owned(),
            accelerator: "Tcg".to_owned(),
            k3os: runs(boot::SERVICES_UP, &[5.0]),
            debian: runs(boot::SERVICES_UP, &[25.0]),
            debian_alone: runs(boot::SERVICES_UP, &[20.0]),
            sizes: Sizes {
                reference_initrd: 40_000_000,
                ..Sizes::default()
            },
            install: None,
            build: None,
            failures: Vec::new(),
        }
    }

    #[test]
    fn the_json_holds_numbers_and_verdicts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bench.json");
        let measured = measured();
        write(&path, &measured, &goals::goals(&measured)).unwrap();
        let json: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(json["k3os"]["boots"][0]["milestones"][0]["seconds"], 5.0);
        assert_eq!(json["goals"][0]["verdict"], "met");
        assert_eq!(json["goals"][1]["verdict"], "not measured");
    }
}
