//! The steps that only a takeover has. Until the last of them the running system boots as before.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use system::{durable, ext4};
use takeover::{FINAL_MENU, Record};

use super::copy;
use super::work::Work;
use crate::grub::Environment;
use crate::progress::Reporter;
use crate::takeover::Action;

/// Where upgrades look for the loader's environment block.
const USUAL: &str = "boot/grub";

pub(super) fn perform(action: &Action, work: &Work<'_>, reporter: &mut dyn Reporter) -> Result<()> {
    match action {
        Action::ReadBack { .. } => read_back(work, reporter),
        Action::Prepare { record, menu } => {
            copy::place(work)?;
            prepare(&work.target, record, menu)
        }
        Action::SwitchMenu { record, menu } => switch(&work.target, record, menu),
    }
}

/// The root cannot be unmounted, so what the kernel remembers of it is dropped. Where that is not allowed (in a container), it
/// is at least compared with what the kernel remembers.
fn read_back(work: &Work<'_>, reporter: &mut dyn Reporter) -> Result<()> {
    ext4::settle(&work.target)?;
    let _ = fs::write("/proc/sys/vm/drop_caches", "1");
    copy::check_copied(work, reporter)
}

/// Everything that the next boot needs, written through to the disk: GRUB replays no journal.
fn prepare(root: &Path, record: &Record, menu: &str) -> Result<()> {
    takeover::save_loader(root, &record.loader)?;
    durable::write_own(&root.join(FINAL_MENU), menu, 0o644)?;
    record.write(root)?;
    ext4::settle(root)
}

/// The one rename that decides which system the next boot starts.
fn switch(root: &Path, record: &Record, menu: &str) -> Result<()> {
    let directory = root.join(&record.loader);
    let block = directory.join("grubenv");
    let mut environment = Environment::parse(&fs::read(&block).unwrap_or_default());
    environment.select(&record.version);
    let bytes = environment.bytes().map_err(|error| anyhow!(error))?;
    durable::write_own(&block, bytes, 0o644)?;
    link_usual(root, record)?;
    durable::write_own(&directory.join("grub.cfg"), menu, 0o644)?;
    ext4::settle(root)
}

fn link_usual(root: &Path, record: &Record) -> Result<()> {
    let usual = root.join(USUAL);
    if record.loader == Path::new(USUAL) || fs::symlink_metadata(&usual).is_ok() {
        return Ok(());
    }
    let name = record
        .loader
        .file_name()
        .context("GRUB's directory has no name")?;
    symlink(name, &usual).with_context(|| format!("making the link {}", usual.display()))
}
