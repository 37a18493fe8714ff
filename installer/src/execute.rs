//! Does what the plan says. A failure leaves the disk as it was (before the step that erases) or without a system on it.

mod copy;
mod disk;
mod fat;
mod loader;
mod takeover;
mod work;

use std::path::Path;

use anyhow::{Context, Result};

use crate::plan::Plan;
use crate::progress::Reporter;
use crate::steps::Step;
use work::Work;

/// Does the plan's steps in order. `scratch` is a directory in memory, for mount points; only one installation may use it.
///
/// # Errors
/// The step that failed and why. The disk holds no bootable system then, if it was to be erased and the erasing had begun.
pub fn execute(plan: &Plan, scratch: &Path, reporter: &mut dyn Reporter) -> Result<()> {
    let mut work = Work::begin(plan, scratch)?;
    let total = plan.steps.len();
    for (number, step) in (1..).zip(&plan.steps) {
        reporter.step(number, total, &step.words());
        let done = perform(step, &mut work, reporter).with_context(|| step.words());
        if let Err(error) = done {
            // What the failure was is more important than what its clearing up says.
            if let Err(second) = work.abandon() {
                reporter.note(&format!("clearing up: {second:#}"));
            }
            return Err(error);
        }
    }
    work.finish()
}

fn perform(step: &Step, work: &mut Work<'_>, reporter: &mut dyn Reporter) -> Result<()> {
    match step {
        Step::CheckRelease { .. } => copy::check_source(work, reporter),
        Step::Erase { .. } => disk::erase(work),
        Step::Divide { slices, .. } => disk::divide(work, slices),
        Step::LoaderBios { .. } => loader::bios(work),
        Step::LoaderUefi { device } => loader::uefi(work, device),
        Step::FormatState { device } => disk::format_state(device),
        Step::Label { .. } => disk::label(work),
        Step::Mount { device } => work.mount(device),
        Step::Copy { .. } => copy::release(work, reporter),
        Step::Write { files } => copy::files(work, files),
        Step::Select { version } => copy::select(work, version),
        Step::ReadBack { .. } => copy::read_back(work, reporter),
        Step::Commit { .. } => disk::commit(work),
        Step::Takeover(action) => takeover::perform(action, work, reporter),
        Step::BootEntry => {
            if let Err(error) = loader::boot_entry(work) {
                reporter.note(&format!("it is not there, and not needed: {error:#}"));
            }
            Ok(())
        }
    }
}
