//! The release and the files beside it, onto the state partition and back.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use system::durable::{self, Content, sync_directory};
use system::ext4;
use system::layout::RELEASES;

use super::work::Work;
use crate::grub::{self, Environment};
use crate::manifest::{self, CHUNK, NAME};
use crate::progress::Reporter;
use crate::steps::NewFile;

const LOADER: &str = "boot/grub";
const ENVIRONMENT: &str = "boot/grub/grubenv";
/// Where data of the installed system are; made here so that they are on the disk from the beginning.
const DATA: &str = "k3os/data/opt";

/// Compares the release with its manifest, before anything is written.
pub(super) fn check_source(work: &Work<'_>, reporter: &mut dyn Reporter) -> Result<()> {
    check_all(work, &work.plan.source, reporter)
}

/// Compares what was written with the manifest, read from the disk; what follows may write again.
pub(super) fn read_back(work: &mut Work<'_>, reporter: &mut dyn Reporter) -> Result<()> {
    work.mount_fresh()?;
    check_copied(work, reporter)?;
    work.mount_again()
}

/// The same with what the kernel may remember of it.
pub(super) fn check_copied(work: &Work<'_>, reporter: &mut dyn Reporter) -> Result<()> {
    check_all(work, &incoming(work), reporter)
        .context("the disk or the medium is broken: what was written is not what is read")
}

fn check_all(work: &Work<'_>, directory: &Path, reporter: &mut dyn Reporter) -> Result<()> {
    let release = &work.plan.release;
    let (mut done, total) = (0, release.size());
    for file in &release.files {
        manifest::check(&directory.join(&file.name), file, &mut |piece| {
            done += piece.len() as u64;
            reporter.bytes(done, total);
            Ok(())
        })?;
    }
    Ok(())
}

/// Copies the release beside the others, under another name until it was read back: one of the same version may be the one that
/// boots, and is not to be replaced by a copy that nobody has compared.
pub(super) fn release(work: &Work<'_>, reporter: &mut dyn Reporter) -> Result<()> {
    let release = &work.plan.release;
    let incoming = incoming(work);
    make_directory(&work.target.join(RELEASES))?;
    make_directory(&work.target.join(DATA))?;
    remove(&incoming)?;
    let (mut done, total) = (0, release.size());
    for file in &release.files {
        let target = incoming.join(&file.name);
        make_directory(target.parent().unwrap_or(&incoming))?;
        copy(&release.path(&file.name), &target, &mut |count| {
            done += count;
            reporter.bytes(done, total);
        })?;
    }
    copy_manifest(&release.path(NAME), &incoming.join(NAME))?;
    let syncing = || format!("writing {} to disk", incoming.display());
    sync_directory(&incoming.join("grub")).with_context(syncing)?;
    sync_directory(&incoming).with_context(syncing)
}

/// Copies one file onto the disk. What arrives there is compared when it is read back, not twice.
fn copy(from: &Path, to: &Path, copied: &mut dyn FnMut(u64)) -> Result<()> {
    let reading = || format!("reading {}", from.display());
    let writing = || format!("writing {}", to.display());
    let mut source = File::open(from).with_context(reading)?;
    let mut target = File::create(to).with_context(writing)?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = source.read(&mut buffer).with_context(reading)?;
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() {
            return target.sync_all().with_context(writing);
        }
        target.write_all(piece).with_context(writing)?;
        copied(piece.len() as u64);
    }
}

fn copy_manifest(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("reading {}", from.display()))?;
    durable::write(&content(to, &bytes, 0o644)).map(drop)
}

/// Gives a release that was read back its name. One of the same version that is there changes places with it, in one step: there
/// is no moment without a release of that name.
pub(super) fn place(work: &Work<'_>) -> Result<()> {
    let (incoming, name) = (incoming(work), directory(work));
    durable::take_place(&incoming, &name)
        .with_context(|| format!("renaming {} to {}", incoming.display(), name.display()))?;
    let releases = work.target.join(RELEASES);
    sync_directory(&releases).with_context(|| format!("writing {} to disk", releases.display()))?;
    // GRUB replays no journal: what it is to find is not only in there.
    ext4::settle(&work.target)?;
    remove(&incoming)
}

/// Writes configuration and menu.
pub(super) fn files(work: &Work<'_>, files: &[NewFile]) -> Result<()> {
    if files.iter().any(|file| file.path.starts_with(LOADER)) {
        keep_menu(&work.target.join(LOADER))?;
    }
    let wanted = |file: &&NewFile| !file.keep || !work.target.join(&file.path).exists();
    files.iter().filter(wanted).try_for_each(|file| {
        let path = work.target.join(&file.path);
        durable::write(&content(&path, &file.bytes, file.mode)).map(drop)
    })?;
    ext4::settle(&work.target)
}

/// The menu of the system that was here before, k3OS 0.2x for instance: ours offers it as long as it is there.
fn keep_menu(loader: &Path) -> Result<()> {
    let menu = loader.join("grub.cfg");
    if !menu.exists() || takeover::is_ours(loader) {
        return Ok(());
    }
    let bytes = fs::read(&menu).with_context(|| format!("reading {}", menu.display()))?;
    durable::write(&content(&loader.join(grub::BEFORE), &bytes, 0o644)).map(drop)
}

/// The release gets its name and is chosen in the environment block; what else is in one that was there stays.
pub(super) fn select(work: &Work<'_>, version: &str) -> Result<()> {
    place(work)?;
    let path = work.target.join(ENVIRONMENT);
    let mut environment = Environment::parse(&fs::read(&path).unwrap_or_default());
    environment.select(version);
    let bytes = environment.bytes().map_err(|error| anyhow!(error))?;
    durable::write(&content(&path, &bytes, 0o644)).map(drop)
}

fn directory(work: &Work<'_>) -> PathBuf {
    work.target.join(RELEASES).join(&work.plan.release.version)
}

/// Where it is until it was read back.
fn incoming(work: &Work<'_>) -> PathBuf {
    let name = format!(".incoming-{}", work.plan.release.version);
    work.target.join(RELEASES).join(name)
}

fn content<'a>(path: &'a Path, bytes: &'a [u8], mode: u32) -> Content<'a> {
    Content {
        path,
        bytes,
        mode,
        owner: (None, None),
    }
}

fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("making {}", path.display()))
}

fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result.with_context(|| format!("removing {}", directory.display())),
    }
}
