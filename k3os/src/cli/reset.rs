//! `k3os reset`: a disk that is another machine's from the next boot on, or stays the same on other hardware.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use init::reset;
use installer::prompt::{Terminal, agree};

/// One of them must be given.
#[derive(Debug, Args)]
pub struct ResetArguments {
    /// Make this another machine at the next boot, and each clone of the disk that is made until then: new machine id, host keys
    /// and cluster. The cluster on this disk is deleted
    #[arg(
        long,
        required_unless_present = "keep_identity",
        conflicts_with = "keep_identity"
    )]
    identity: bool,
    /// Stay the same machine: takes back --identity, and takes this hardware as the machine's
    #[arg(long)]
    keep_identity: bool,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
}

/// Does what the arguments say.
///
/// # Errors
/// When the disk cannot be written.
pub fn main(arguments: &ResetArguments) -> Result<ExitCode> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "reset must be run as root (use sudo)"
    );
    let root = Path::new("/");
    if arguments.keep_identity {
        reset::ask(root, false)?;
        reset::accept_hardware(root)?;
        println!("This stays the machine that it is.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", reset::WORDS);
    if !arguments.yes && !agree(&mut Terminal, "Your disk will be changed. Continue?")? {
        println!("Nothing was changed.");
        return Ok(ExitCode::FAILURE);
    }
    reset::ask(root, true)?;
    println!(
        "Reboot to do it now, or power off and clone the disk. `k3os reset --keep-identity` takes it back."
    );
    Ok(ExitCode::SUCCESS)
}
