//! `k3os iso`: an ISO with one's own configuration. Runs on any Linux, without root.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::config::{Severity, Source, SourceKind};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use installer::own_iso::{OwnIso, make};
use installer::progress::Lines;
use installer::{Refusal, Settings};

/// The released ISO of this program's own kind.
const RELEASED: &str = if cfg!(target_arch = "aarch64") {
    "k3os-arm64.iso"
} else {
    "k3os-amd64.iso"
};

/// Makes an ISO of a released one that runs, or installs, with your configuration.
#[derive(Debug, Args)]
pub struct IsoArguments {
    /// The configuration; it is validated first
    #[arg(long, value_name = "FILE|URL")]
    config: Option<String>,
    /// The ISO to make; only its owner can read it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The released ISO
    #[arg(long, value_name = "FILE", default_value = RELEASED)]
    iso: PathBuf,
    /// Words for the kernel, e.g. "k3os.mode=install k3os.install.silent k3os.install.device=smallest"
    #[arg(
        long,
        value_name = "WORDS",
        default_value = "",
        hide_default_value = true
    )]
    cmdline: String,
    /// Replace the output when it is there already
    #[arg(long)]
    force: bool,
}

/// Does what the arguments say.
///
/// # Errors
/// When configuration or words are wrong, or the ISO cannot be made; there is no output then.
pub fn main(arguments: &IsoArguments) -> Result<ExitCode> {
    ensure!(
        arguments.config.is_some() || !arguments.cmdline.trim().is_empty(),
        "there is nothing to put into the ISO; give --config FILE, or --cmdline \"WORDS\""
    );
    ensure!(
        arguments.iso.exists(),
        "the released ISO {} is not there; download it, and name it by --iso FILE",
        arguments.iso.display()
    );
    check_words(&arguments.cmdline)?;
    let config = arguments.config.as_deref().map(fetch).transpose()?;
    let wanted = OwnIso {
        released: arguments.iso.clone(),
        output: arguments.output.clone(),
        config: config.map(|settings| settings.text),
        cmdline: arguments.cmdline.clone(),
        force: arguments.force,
    };
    let out = std::io::stderr();
    let terminal = out.is_terminal();
    make(&wanted, &mut Lines::new(out, terminal))?;
    println!("{}", describe(&arguments.output));
    Ok(ExitCode::SUCCESS)
}

fn fetch(source: &str) -> Result<Settings> {
    let scratch = std::env::temp_dir().join(format!("k3os-iso.{}", std::process::id()));
    let fetched = Settings::fetch(source, &scratch);
    let _ = std::fs::remove_dir(&scratch);
    let (settings, warnings) = fetched.map_err(|refusals| refused(&refusals))?;
    warnings.iter().for_each(|warning| eprintln!("{warning}"));
    Ok(settings)
}

fn refused(refusals: &[Refusal]) -> anyhow::Error {
    let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("no ISO was made, because\n{}", lines.join("\n"))
}

/// The keys among the words are checked as a configuration is; words for the kernel itself are its own business.
fn check_words(cmdline: &str) -> Result<()> {
    let loaded = ::config::load(&[Source {
        name: "--cmdline".into(),
        kind: SourceKind::Cmdline,
        bytes: cmdline.as_bytes().to_vec(),
    }]);
    let (errors, warnings): (Vec<_>, Vec<_>) = loaded
        .problems
        .iter()
        .partition(|problem| problem.severity == Severity::Error);
    warnings.iter().for_each(|warning| eprintln!("{warning}"));
    if !errors.is_empty() {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        bail!("no ISO was made, because\n{}", lines.join("\n"));
    }
    Ok(())
}

fn describe(output: &Path) -> String {
    let size = output
        .metadata()
        .with_context(|| format!("reading {}", output.display()))
        .map_or(0, |facts| facts.len());
    format!("{} ({})", output.display(), installer::size::show(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_words_are_refused_with_their_place() {
        check_words("quiet k3os.mode=install k3os.install.silent hostname=box").unwrap();
        let error = check_words("quiet k3os.taints=x").unwrap_err().to_string();
        assert!(
            error.contains("--cmdline") && error.contains("k3os.taints"),
            "{error}"
        );
    }
}
