//! `k3os config`: applying and showing the configuration.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use phases::Phase;
use phases::cli::{self, Answer, FileKind, Secrets, Stream};
use phases::metadata::{self, Reach};
use system::beneath::Beneath;
use system::host::Machine;
use system::power::kernel_cmdline;

/// Without a flag or command, the runtime phase is applied.
#[derive(Debug, Args)]
pub struct ConfigArguments {
    /// Apply the initrd phase
    #[arg(long, group = "what")]
    initrd: bool,
    /// Apply the boot phase
    #[arg(long, group = "what")]
    boot: bool,
    /// Apply what (re)starts Kubernetes with the present configuration
    #[arg(long, group = "what")]
    install: bool,
    /// Print the configuration of all sources as YAML; shows secrets
    #[arg(long, group = "what")]
    dump: bool,
    /// Print the configuration of all sources as JSON; shows secrets
    #[arg(long, group = "what")]
    dump_json: bool,
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Option<ConfigCommand>,
}

/// Which machine's sources are read.
#[derive(Debug, Args)]
struct Place {
    /// Read the sources below this directory instead of this machine's; then nothing is applied
    #[arg(long, value_name = "DIR", global = true)]
    root: Option<PathBuf>,
    /// Take this for the kernel command line
    #[arg(long, value_name = "WORDS", global = true)]
    cmdline: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say what is wrong with the configuration, or with files before they are used; exit status 1 on an error
    Validate {
        /// Files, from the lowest to the highest precedence, - for the standard input; this machine's sources when absent
        files: Vec<PathBuf>,
        /// Read the files as a cloud's userdata: a script, a program, or several parts (MIME) will do as well
        #[arg(long, requires = "files")]
        userdata: bool,
    },
    /// Show each value with the source and line that it came from
    Explain {
        /// A key such as k3os.labels; all when absent
        key: Option<String>,
        /// Show tokens, passwords and passphrases too
        #[arg(long)]
        secrets: bool,
    },
    /// Show what applying the configuration now would change, and what it would start anew
    Diff,
    /// Print the configuration's JSON Schema
    Schema,
}

/// Does what the arguments say.
///
/// # Errors
/// When the kernel's command line is needed and cannot be read, or a phase is to be applied to another root.
pub fn main(arguments: &ConfigArguments) -> Result<ExitCode> {
    let cmdline = arguments.place.cmdline()?;
    anyhow::ensure!(
        arguments.command.is_none() || !arguments.flags(),
        "a flag such as --boot or --dump and a command such as validate exclude each other; give one of them"
    );
    arguments.check_files()?;
    arguments.place.check()?;
    match arguments.shown(&cmdline) {
        Some(answer) => {
            print(Stream::Output, &answer.text);
            print(Stream::Errors, &answer.notes);
            Ok(ExitCode::from(answer.code))
        }
        None => apply(arguments, &cmdline),
    }
}

/// Applies a phase, telling each step as soon as it is done: fetching keys may take long.
fn apply(arguments: &ConfigArguments, cmdline: &str) -> Result<ExitCode> {
    anyhow::ensure!(
        arguments.place.root.is_none(),
        "--root only shows a configuration; give --dump, --dump-json, validate, explain or diff with it"
    );
    anyhow::ensure!(
        nix::unistd::geteuid().is_root(),
        "applying the configuration must be run as root (use sudo)"
    );
    let mut tell = |stream, line: &str| print(stream, &format!("{line}\n"));
    let sought = look_up(arguments.phase(), cmdline, &mut tell);
    let code = cli::apply_telling(
        arguments.phase(),
        Path::new("/"),
        cmdline,
        &Machine,
        &mut tell,
    );
    Ok(ExitCode::from(code.max(u8::from(!sought))))
}

/// Asks the configured data sources in the runtime phase, which has a network. Tells whether that went well.
fn look_up(phase: Phase, cmdline: &str, tell: &mut dyn FnMut(Stream, &str)) -> bool {
    if phase != Phase::Runtime {
        return true;
    }
    match metadata::look_up(Reach::Network, Path::new("/"), cmdline, &Machine) {
        Ok(provider) => {
            provider.iter().for_each(|name| {
                tell(
                    Stream::Output,
                    &format!("k3os.data_sources: found by {name}"),
                )
            });
            true
        }
        Err(error) => {
            tell(Stream::Errors, &format!("k3os.data_sources: {error:#}"));
            false
        }
    }
}

/// A reader that went away (`| head`) is no failure of ours.
fn print(stream: Stream, text: &str) {
    let _ = match stream {
        Stream::Output => std::io::stdout().write_all(text.as_bytes()),
        Stream::Errors => std::io::stderr().write_all(text.as_bytes()),
    };
}

impl ConfigArguments {
    /// What is to be shown; nothing when a phase is to be applied.
    fn shown(&self, cmdline: &str) -> Option<Answer> {
        let root = self.place.root.as_deref().unwrap_or(Path::new("/"));
        match &self.command {
            Some(ConfigCommand::Validate { files, .. }) if files.is_empty() => {
                Some(cli::validate(root, cmdline))
            }
            Some(ConfigCommand::Validate { files, userdata }) => {
                let kind = if *userdata {
                    FileKind::Userdata
                } else {
                    FileKind::Configuration
                };
                let given = self.place.cmdline.as_deref();
                Some(cli::validate_files(files, kind, given))
            }
            Some(ConfigCommand::Explain { key, secrets }) => {
                let secrets = if *secrets {
                    Secrets::Shown
                } else {
                    Secrets::Hidden
                };
                Some(cli::explain(root, cmdline, key.as_deref(), secrets))
            }
            Some(ConfigCommand::Diff) => Some(match &self.place.root {
                Some(root) => cli::diff(root, cmdline, &Beneath::new(root)),
                None => cli::diff(root, cmdline, &Machine),
            }),
            Some(ConfigCommand::Schema) => Some(cli::schema()),
            None if self.dump => Some(cli::dump(root, cmdline)),
            None if self.dump_json => Some(cli::dump_json(root, cmdline)),
            None => None,
        }
    }

    /// Files are read where they are; another root would not be looked at.
    fn check_files(&self) -> Result<()> {
        let has_files = matches!(&self.command, Some(ConfigCommand::Validate { files, .. }) if !files.is_empty());
        anyhow::ensure!(
            !has_files || self.place.root.is_none(),
            "validate reads either the files that it is given or the sources below --root; give one of them"
        );
        Ok(())
    }

    fn flags(&self) -> bool {
        self.initrd || self.boot || self.install || self.dump || self.dump_json
    }

    fn phase(&self) -> Phase {
        match self {
            Self { initrd: true, .. } => Phase::Initrd,
            Self { boot: true, .. } => Phase::Boot,
            Self { install: true, .. } => Phase::Install,
            _ => Phase::Runtime,
        }
    }
}

impl Place {
    /// A directory that is not there has no sources either, and would look like a configuration without a fault.
    fn check(&self) -> Result<()> {
        match &self.root {
            Some(root) if !root.is_dir() => {
                anyhow::bail!("--root {}: no such directory", root.display())
            }
            _ => Ok(()),
        }
    }

    /// The given command line; none for another root, which has nothing to do with the running kernel.
    fn cmdline(&self) -> Result<String> {
        match (&self.cmdline, &self.root) {
            (Some(given), _) => Ok(given.clone()),
            (None, Some(_)) => Ok(String::new()),
            (None, None) => kernel_cmdline(),
        }
    }
}
