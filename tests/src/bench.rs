//! `make bench`: how long, how much memory, how large; against the goals.

mod boot;
mod goals;
mod memory;
mod report;
mod sizes;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::accel::Accel;
use crate::release::Artifacts;
use crate::suite::{Setup, scratch};

pub use boot::Boot;
pub use memory::Memory;
pub use sizes::Sizes;

/// What to measure.
#[derive(Debug)]
pub struct Options {
    /// The artefacts' folder.
    pub artifacts: PathBuf,
    /// How many boots; the report has the median of each number.
    pub boots: usize,
    /// Where the numbers go, as JSON.
    pub output: PathBuf,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// The release.
    pub version: String,
    /// How the machine ran.
    pub accelerator: String,
    /// Each boot.
    pub boots: Vec<Boot>,
    /// Memory in the last boot, when pods were running.
    pub memory: Memory,
    /// Files.
    pub sizes: Sizes,
}

/// Measures, prints the table, and writes the JSON.
pub fn run(options: &Options) -> Result<()> {
    let accel = Accel::detect()?;
    let dir = scratch()?;
    let setup = Setup::new(Artifacts::open(&options.artifacts)?, accel, dir.path())?;
    let release = setup.release()?;
    let iso = boot::medium(&setup, dir.path())?;
    let mut boots = Vec::new();
    let mut memory = None;
    for number in 1..=options.boots.max(1) {
        eprintln!("boot {number} of {} on {accel:?}", options.boots.max(1));
        let (boot, used) = boot::measure(&setup, &iso, &dir.path().join(format!("b{number}")))?;
        boots.push(boot);
        memory = Some(used);
    }
    let measured = Measured {
        version: release.version.clone(),
        accelerator: format!("{accel:?}"),
        boots,
        memory: memory.context("measuring memory: there was no boot")?,
        sizes: sizes::measure(&options.artifacts, &release)?,
    };
    println!("{}", report::text(&measured));
    write(&options.output, &measured)
}

fn write(path: &Path, measured: &Measured) -> Result<()> {
    let text = serde_json::to_string_pretty(measured).context("writing the numbers as JSON")?;
    fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
    println!("The numbers are in {}.", path.display());
    Ok(())
}
