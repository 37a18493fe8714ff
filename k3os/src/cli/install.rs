//! `k3os install`: puts the running release onto a disk.

mod consoles;
mod machine;
mod session;
mod shown;
mod takeover;

use std::process::ExitCode;

use anyhow::{Result, anyhow, ensure};
use clap::Args;
use installer::Layer;
use installer::request::{Finish, Request};

use super::Output;
use session::Session;

/// Without a disk, it asks, as k3OS did. With one, it asks only whether to go on, and with --yes nothing.
#[derive(Debug, Args)]
pub struct InstallArguments {
    /// The disk: a path, id:NAME, serial:NUMBER, smallest, largest, or size:100G..200G
    #[arg(long, value_name = "DISK", conflicts_with = "disk")]
    device: Option<String>,
    /// Install this configuration; without it, the running system's is installed
    #[arg(long, value_name = "FILE|URL")]
    config: Option<String>,
    /// Accepted for k3OS's sake: every disk is made for BIOS and for UEFI
    #[arg(long)]
    force_efi: bool,
    /// Keep the file system and its files; it must be ext4, labelled K3OS_STATE or named by DISK
    #[arg(long)]
    no_format: bool,
    /// Make the Linux that runs here, with its root on DISK, into k3OS at its next boot; with --no-format
    #[arg(long)]
    takeover: bool,
    /// With --takeover: carry this path over (repeatable); below /home, /opt, /root, /var and /usr/local it keeps its place
    #[arg(long, value_name = "PATH")]
    keep: Vec<std::path::PathBuf>,
    /// With --takeover: what to take of the running system: all, none, or some of keys,host-keys,hostname,addresses
    #[arg(long, value_name = "WHAT")]
    adopt: Option<installer::takeover::Adopt>,
    /// With --takeover: the ISO, its device, or the directory it is mounted on
    #[arg(long, value_name = "ISO", conflicts_with = "iso_url")]
    iso: Option<String>,
    /// Second console of the installed system, e.g. ttyS0
    #[arg(long)]
    tty: Option<String>,
    /// Start the installed system with k3os.debug
    #[arg(long)]
    debug: bool,
    /// Power off when done
    #[arg(long, alias = "power-off")]
    poweroff: bool,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// How to print plan and progress
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    /// Started by init on a console in mode install
    #[arg(long, hide = true)]
    on_console: bool,
    /// The disk, as k3OS's script took it
    disk: Option<String>,
    /// The ISO to install, a path or URL (with --takeover a path); without it, the release that runs is installed
    iso_url: Option<String>,
}

/// Does what the arguments say.
///
/// # Errors
/// When it is refused or fails.
pub fn main(arguments: &InstallArguments) -> Result<ExitCode> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "install must be run as root (use sudo)"
    );
    ensure!(
        matches!(arguments.output, Output::Text) || arguments.yes || arguments.dry_run,
        "--output json asks nothing; give --yes or --dry-run with it"
    );
    let named = arguments.named()?;
    if named.takeover == Some(true) {
        return takeover::run(arguments, named);
    }
    Session::begin(arguments)?.run()
}

impl InstallArguments {
    /// What the flags say.
    fn layer(&self) -> Layer {
        let truth = |flag: bool| flag.then_some(true);
        Layer {
            device: self.device.clone().or_else(|| self.disk.clone()),
            config: self.config.clone(),
            iso_url: self.iso.clone().or_else(|| self.iso_url.clone()),
            tty: self.tty.clone(),
            silent: truth(self.yes),
            force_efi: truth(self.force_efi),
            no_format: truth(self.no_format),
            takeover: truth(self.takeover),
            debug: truth(self.debug),
            power_off: truth(self.poweroff),
        }
    }

    /// Flags over environment.
    fn named(&self) -> Result<Layer> {
        let environment = Layer::from_environment(&|name| std::env::var(name).ok());
        Ok(self
            .layer()
            .over(environment.map_err(|error| anyhow!(error))?))
    }
}

/// The request of a layer. Who names the disk by flags stays in the running system; who was led there starts the new one.
fn request(layer: Layer, named: bool) -> Result<Request> {
    let finish = if named { Finish::Stay } else { Finish::Reboot };
    Request::from_layer(layer, finish).map_err(|error| anyhow!(error))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        arguments: InstallArguments,
    }

    fn parse(words: &str) -> InstallArguments {
        Command::try_parse_from(words.split(' ')).unwrap().arguments
    }

    #[test]
    fn the_flags_of_the_old_script_are_taken() {
        let words = "install --no-format --force-efi --poweroff --takeover --debug --config http://x/c --tty ttyS0 /dev/sda http://x/i";
        let layer = parse(words).layer();
        assert_eq!(layer.device.as_deref(), Some("/dev/sda"));
        assert_eq!(layer.iso_url.as_deref(), Some("http://x/i"));
        assert_eq!((layer.takeover, layer.power_off), (Some(true), Some(true)));
        assert_eq!(layer.silent, None);
    }

    #[test]
    fn a_disk_is_named_once() {
        assert!(Command::try_parse_from(["install", "--device", "smallest", "/dev/sda"]).is_err());
        let layer = parse("install --device smallest -y").layer();
        assert_eq!(layer.device.as_deref(), Some("smallest"));
        assert_eq!(layer.silent, Some(true));
    }

    #[test]
    fn who_names_the_disk_stays() {
        let finish = |words: &str, named| request(parse(words).layer(), named).unwrap().finish;
        assert_eq!(finish("install /dev/sda", true), Finish::Stay);
        assert_eq!(finish("install", false), Finish::Reboot);
        assert_eq!(
            finish("install --poweroff /dev/sda", true),
            Finish::PowerOff
        );
    }
}
