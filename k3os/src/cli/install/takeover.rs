//! `k3os install --takeover`, on the system that is to be taken over.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use config::Config;
use installer::prompt::{self, Terminal};
use installer::request::{Finish, Request};
use installer::takeover::{Adopt, Identity, Medium, Running, open, plan};
use installer::{Facts, Layer, Plan, Refusal, SCRATCH, Settings, execute};

use super::{InstallArguments, machine, shown};

/// Where the configuration goes, from the root.
const CONFIG: &str = system::layout::SYSTEM_CONFIG;
/// Where what is adopted goes when there is a configuration of one's own.
const BESIDE: &str = "k3os/data/var/lib/rancher/k3os/config.d/takeover.yaml";

/// Goes through with it.
///
/// # Errors
/// When it is refused or fails.
pub(super) fn run(arguments: &InstallArguments, layer: Layer) -> Result<ExitCode> {
    let request = Request::from_layer(layer, Finish::Stay).map_err(|error| anyhow!(error))?;
    fs::create_dir_all(SCRATCH).with_context(|| format!("making {SCRATCH}"))?;
    let medium = match open_medium(&request) {
        Ok(medium) => medium,
        Err(refusal) => return shown::refuse(arguments.output, &[refusal]),
    };
    let root = Path::new("/");
    let running = Running::gather(root, &arguments.keep)?;
    let identity = Identity::gather(root);
    let adopt = adopt(arguments, &request, &identity)?;
    let facts = Facts::gather(&medium.release, request.device.as_ref());
    let planned = settings(&request, &identity, adopt)
        .and_then(|settings| plan(&request, (&running, &facts), (&identity, adopt), &settings));
    match planned {
        Err(refusals) => shown::refuse(arguments.output, &refusals),
        Ok(plan) if arguments.dry_run => shown::show(arguments.output, &plan),
        Ok(plan) => perform(arguments, &request, &plan),
    }
}

fn open_medium(request: &Request) -> Result<Medium, Refusal> {
    let named = request.iso_url.as_deref().ok_or_else(|| {
        Refusal::new(
            "the release was not named",
            "give the ISO, the directory it is mounted on, or its device behind the disk, or by --iso",
        )
    })?;
    open(named, Path::new(SCRATCH)).map_err(|error| {
        Refusal::new(
            format!("{error:#}"),
            "name a released ISO, or the directory it is mounted on",
        )
    })
}

/// What the flag says; else what is answered; without questions all of it, because a machine that lost its name, keys and address
/// is hard to find again.
fn adopt(arguments: &InstallArguments, request: &Request, identity: &Identity) -> Result<Adopt> {
    match arguments.adopt {
        Some(adopt) => Ok(adopt),
        None if request.silent || arguments.dry_run => Ok(Adopt::ALL),
        None => prompt::adopt(&mut Terminal, identity),
    }
}

/// The configuration files: the given one with what is adopted beside it, or one of what is adopted.
fn settings(
    request: &Request,
    identity: &Identity,
    adopt: Adopt,
) -> Result<Vec<(PathBuf, Settings)>, Vec<Refusal>> {
    let mut files = Vec::new();
    let mut base = Config::default();
    if let Some(source) = &request.config {
        let (given, warnings) = Settings::fetch(source, Path::new(SCRATCH))?;
        warnings.iter().for_each(|warning| eprintln!("{warning}"));
        base.hostname = given.hostname();
        files.push((PathBuf::from(CONFIG), given));
    }
    let given = base.hostname.clone();
    identity.apply(adopt, &mut base);
    if base.hostname == given {
        base.hostname.clear();
    }
    if files.is_empty() && base.ssh_authorized_keys.0.is_empty() {
        return Err(vec![Refusal::new(
            "nobody could log in: there is no configuration, and no key is taken over",
            "give --config with ssh_authorized_keys or k3os.password",
        )]);
    }
    if base != Config::default() {
        let place = if files.is_empty() { CONFIG } else { BESIDE };
        files.push((PathBuf::from(place), written(base)?));
    }
    Ok(files)
}

fn written(config: Config) -> Result<Settings, Vec<Refusal>> {
    let mut salt = [0; 12];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut salt));
    let settings = read
        .context("reading /dev/urandom")
        .and_then(|()| Settings::of_machine(config, &salt));
    let settings = settings
        .map_err(|error| vec![Refusal::new(format!("{error:#}"), "give --config")])?
        .validated()?;
    // What it is made of is told by what was adopted.
    let origin = String::new();
    Ok(Settings { origin, ..settings })
}

fn perform(arguments: &InstallArguments, request: &Request, plan: &Plan) -> Result<ExitCode> {
    if !request.silent && !prompt::confirmation(&mut Terminal, plan)? {
        println!("Nothing was changed.");
        return Ok(ExitCode::FAILURE);
    }
    let Some(_lock) = machine::lock()? else {
        bail!("another installation is under way on this machine");
    };
    let mut reporter = shown::reporter(arguments.output);
    execute(plan, Path::new(SCRATCH), reporter.as_mut())?;
    reporter.note(
        "k3OS takes this machine over at its next boot. To take that back: k3os takeover --undo",
    );
    Ok(ExitCode::SUCCESS)
}
