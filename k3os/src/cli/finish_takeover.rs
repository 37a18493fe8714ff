//! `k3os takeover`: how far a takeover has come, taking it back, and ending it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use init::initrd::STATE;
use installer::prompt::{Terminal, agree};
use system::mount;
use takeover::{Disk, Phase, Record};

use super::Output;

/// Without a flag, it says how far the takeover has come.
#[derive(Debug, Args)]
pub struct TakeoverArguments {
    /// Bring the other system back: its files, its label, its boot menu
    #[arg(long)]
    undo: bool,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
    /// Delete the other system now; a boot that went well does this by itself
    #[arg(long, conflicts_with = "undo")]
    finish: bool,
    /// How to print how far it has come
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Does what the arguments say.
///
/// # Errors
/// When there is nothing to undo, or something cannot be moved.
pub fn main(arguments: &TakeoverArguments) -> Result<ExitCode> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "takeover must be run as root (use sudo)"
    );
    let disk = disk(arguments.undo || arguments.finish)?;
    if arguments.finish {
        return finish(&disk);
    }
    let record = Record::read(&disk.root)?;
    if arguments.undo {
        return undo(arguments, &disk, record.as_ref());
    }
    show(arguments.output, &disk, record.as_ref())
}

/// The state partition of the running k3OS, else the root of the system that is to be taken over.
fn disk(change: bool) -> Result<Disk> {
    let mounts = mount::list()?;
    let root = [STATE, "/"].map(PathBuf::from);
    let found = root.iter().find_map(|root| {
        let mount = mounts.iter().rfind(|mount| mount.target == *root)?;
        (mount.fstype == "ext4").then(|| (root.clone(), mount.writable))
    });
    let (root, writable) =
        found.context("there is no disk here that could have been taken over")?;
    if change && !writable {
        // The rescue shell has it so.
        mount::remount_writable(&root)?;
    }
    Ok(Disk {
        device: system::disk::device_of(&root)?,
        root,
    })
}

fn undo(arguments: &TakeoverArguments, disk: &Disk, record: Option<&Record>) -> Result<ExitCode> {
    let system = record.map_or("the other system", |record| &record.system);
    let question = format!("{system} will be brought back. Continue?");
    if record.is_some() && !arguments.yes && !agree(&mut Terminal, &question)? {
        println!("Nothing was changed.");
        return Ok(ExitCode::FAILURE);
    }
    let record = takeover::undo(&disk.root, disk)?;
    println!("{}.", record.words());
    println!("What is left of k3OS is in /k3os of its disk; it may be deleted there.");
    Ok(ExitCode::SUCCESS)
}

fn finish(disk: &Disk) -> Result<ExitCode> {
    if let Some(record) = takeover::finish(&disk.root, disk)? {
        println!(
            "{} is deleted; {} has its place.",
            record.system, record.version
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn show(output: Output, disk: &Disk, record: Option<&Record>) -> Result<ExitCode> {
    let switched = |record: &Record| takeover::is_ours(&disk.root.join(&record.loader));
    match (output, record) {
        (Output::Json, record) => {
            let switched = record.map(switched);
            println!(
                "{}",
                serde_json::json!({ "takeover": record, "menu_is_ours": switched })
            );
        }
        (Output::Text, None) => println!("No takeover is under way."),
        (Output::Text, Some(record)) => print_words(record, switched(record), &disk.root),
    }
    Ok(ExitCode::SUCCESS)
}

fn print_words(record: &Record, switched: bool, root: &Path) {
    println!("{}.", record.words());
    if record.phase == Phase::Pending && !switched {
        println!(
            "But {} was made anew since, so the next boot is the other system's: take it back (--undo) and begin again.",
            root.join(&record.loader).join("grub.cfg").display()
        );
    }
    for kept in &record.keep {
        println!(
            "/{} is carried over to {}",
            kept.from.display(),
            kept.running().display()
        );
    }
}
