//! One run of `k3os install`, from the questions to the end.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use config::{Config, Severity};
use installer::medium::Medium;
use installer::progress::{Lines, Reporter};
use installer::prompt::{self, Console, Operation, Terminal};
use installer::request::{Finish, Request};
use installer::{Facts, Layer, Plan, Refusal, SCRATCH, Settings, execute, plan};
use nix::fcntl::Flock;
use system::layout::{self, CONFIG, RELEASE_FILE, RELEASES};
use system::power::kernel_cmdline;

use super::consoles::Consoles;
use super::{InstallArguments, Output, machine, request, shown};
use crate::internal;

/// Made when the installer that init starts has ended, so that it does not ask again after each logout.
const ASKED: &str = "/run/k3os/install.asked";
const MODE: &str = "/run/k3os/mode";
/// Where the medium came from that this machine was started from over the network; init writes it.
const MEDIUM_URL: &str = "/run/k3os/medium-url";
/// How long a network is waited for when configuration or release come over it.
const NETWORK: Duration = Duration::from_secs(60);

/// What is known so far.
pub(super) struct Session<'a> {
    arguments: &'a InstallArguments,
    layer: Layer,
    config: Config,
    /// What is wrong with the machine's own configuration.
    errors: Vec<Refusal>,
    /// The disk was named by flags or environment: no questions but the last.
    named: bool,
    release: PathBuf,
    lock: Option<Flock<File>>,
}

impl<'a> Session<'a> {
    /// Gathers what flags, environment and configuration say.
    pub(super) fn begin(arguments: &'a InstallArguments) -> Result<Self> {
        let named = arguments.named()?;
        let loaded = phases::collect(Path::new("/"), &kernel_cmdline()?).load();
        let errors = loaded
            .problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error);
        let next = "correct it, or give the configuration to install by --config";
        let errors = errors
            .map(|error| Refusal::new(error.to_string(), next))
            .collect();
        let configured = Layer::from_config(&loaded.config.k3os.install);
        let version =
            fs::read_to_string(RELEASE_FILE).with_context(|| format!("reading {RELEASE_FILE}"))?;
        Ok(Self {
            arguments,
            named: named.device.is_some() || named.no_format == Some(true),
            layer: named.over(configured),
            config: loaded.config,
            errors,
            lock: None,
            release: layout::running(RELEASES).join(version.trim()),
        })
    }

    /// Goes through with it.
    pub(super) fn run(&mut self) -> Result<ExitCode> {
        if !self.arguments.on_console {
            return self.install();
        }
        // Of those on several consoles, one does what is asked for silently.
        if Path::new(ASKED).exists() || (self.is_silent() && !self.lock()?) {
            return Ok(ExitCode::SUCCESS);
        }
        let result = self.install();
        let _ = File::create(ASKED);
        if self.is_silent()
            && let Err(error) = &result
        {
            system::console::line(&format!("k3os install: {error:#}"));
        }
        result
    }

    fn is_silent(&self) -> bool {
        self.layer.silent == Some(true)
    }

    fn install(&mut self) -> Result<ExitCode> {
        if self.asks() && self.ask()? == Operation::Configure {
            return self.configure();
        }
        let request = request(self.layer.clone(), self.named)?;
        let settings = match self.settings(&request) {
            Ok(settings) => settings,
            Err(refusals) => return self.refuse(&refusals),
        };
        let medium = self.medium(&request)?;
        let release = medium
            .as_ref()
            .map_or(&self.release, |medium| &medium.release);
        let facts = Facts::gather(release, request.device.as_ref());
        let plan = match plan(&request, &facts, &settings) {
            Ok(plan) => plan,
            Err(refusals) => return self.refuse(&refusals),
        };
        if self.arguments.dry_run {
            return shown::show(self.arguments.output, &plan);
        }
        if !self.is_silent() && !prompt::confirmation(&mut Terminal, &plan)? {
            println!("Nothing was changed.");
            return Ok(ExitCode::FAILURE);
        }
        if !self.lock()? {
            bail!("another installation is under way on this machine; see the other consoles");
        }
        self.perform(&plan)
    }

    /// Questions are for people who named no disk.
    fn asks(&self) -> bool {
        !self.named && !self.is_silent() && !self.arguments.dry_run
    }

    fn ask(&mut self) -> Result<Operation> {
        let console = &mut Terminal;
        let mode = fs::read_to_string(MODE).unwrap_or_default();
        let operation = prompt::operation(console, mode.trim())?;
        if operation == Operation::Install {
            let facts = Facts::gather(&self.release, None);
            prompt::disk(console, &mut self.layer, &facts)?;
            self.layer.tty = self.layer.tty.take().or_else(machine::serial_terminal);
        }
        prompt::configuration(console, &mut self.layer, &mut self.config)?;
        Ok(operation)
    }

    /// The other branch of k3OS's installer: this machine becomes a server or agent as it is.
    fn configure(&mut self) -> Result<ExitCode> {
        let settings = match self.layer.config.clone() {
            Some(source) => self.fetch(&source),
            None => self.own_settings(),
        };
        let settings = match settings {
            Ok(settings) => settings,
            Err(refusals) => return self.refuse(&refusals),
        };
        Terminal.say(&format!("/{CONFIG} will be written and applied.\n"))?;
        system::durable::write(&system::durable::Content {
            path: &layout::running(CONFIG),
            bytes: settings.text.as_bytes(),
            mode: 0o600,
            owner: (None, None),
        })?;
        let program = std::env::current_exe().context("finding this program")?;
        let status = std::process::Command::new(program)
            .args(["config", "--install"])
            .status()
            .context("applying the configuration")?;
        Ok(ExitCode::from(u8::from(!status.success())))
    }

    /// The ISO that is asked for, unless the machine was started from that one.
    fn medium(&self, request: &Request) -> Result<Option<Medium>> {
        let running = fs::read_to_string(MEDIUM_URL).unwrap_or_default();
        let Some(url) = request.iso_url.as_ref().filter(|url| **url != running) else {
            return Ok(None);
        };
        wait_for_network(url);
        let cas = &self.config.k3os.install.trusted_cas;
        // What is printed of a dry run is its plan alone.
        let mut reporter: Box<dyn Reporter> = if self.arguments.dry_run {
            Box::new(Lines::new(std::io::stderr(), false))
        } else {
            self.reporter()
        };
        let medium = Medium::open(url, cas, Path::new(SCRATCH), reporter.as_mut());
        medium.map(Some).context("nothing was changed")
    }

    fn settings(&self, request: &Request) -> Result<Settings, Vec<Refusal>> {
        match &request.config {
            Some(source) => self.fetch(source),
            None => self.own_settings(),
        }
    }

    fn fetch(&self, source: &str) -> Result<Settings, Vec<Refusal>> {
        wait_for_network(source);
        let cas = &self.config.k3os.install.trusted_cas;
        let (settings, warnings) = Settings::fetch_trusting(source, Path::new(SCRATCH), cas)?;
        for warning in warnings {
            eprintln!("{warning}");
        }
        Ok(settings)
    }

    fn own_settings(&self) -> Result<Settings, Vec<Refusal>> {
        if !self.errors.is_empty() {
            return Err(self.errors.clone());
        }
        let mut salt = [0; 12];
        let settings = File::open("/dev/urandom")
            .and_then(|mut source| source.read_exact(&mut salt))
            .context("reading /dev/urandom")
            .and_then(|()| Settings::of_machine(self.config.clone(), &salt));
        settings
            .map_err(|error| vec![Refusal::new(format!("{error:#}"), "give --config")])?
            .validated()
    }

    fn refuse(&self, refusals: &[Refusal]) -> Result<ExitCode> {
        shown::refuse(self.arguments.output, refusals)
    }

    fn perform(&self, plan: &Plan) -> Result<ExitCode> {
        let mut reporter = self.reporter();
        execute(plan, Path::new(SCRATCH), reporter.as_mut())?;
        reporter.note(match plan.finish {
            Finish::Stay => "k3OS is installed. Start the machine from its disk when you like.",
            Finish::Reboot => {
                "k3OS is installed. The machine starts again in 5 seconds; take the medium out."
            }
            Finish::PowerOff => "k3OS is installed. The machine is switched off in 5 seconds.",
        });
        machine::finish(plan.finish)
    }

    fn reporter(&self) -> Box<dyn Reporter> {
        match self.arguments.output {
            Output::Text if self.arguments.on_console && self.is_silent() => {
                Box::new(Lines::new(Consoles::all(), false))
            }
            output => shown::reporter(output),
        }
    }
}

impl Session<'_> {
    /// Becomes the machine's one installation, until this process ends. Tells whether it is.
    fn lock(&mut self) -> Result<bool> {
        if self.lock.is_none() {
            self.lock = machine::lock()?;
        }
        Ok(self.lock.is_some())
    }
}

/// For what comes over the network. If there is none, curl says more about it.
fn wait_for_network(source: &str) {
    if source.contains("://") && !source.starts_with("file:") {
        let _ = internal::wait_online(NETWORK);
    }
}
