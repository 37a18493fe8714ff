//! What `k3s` would say about a configuration, by its own parser: so that a slip is found before the machine is installed, and
//! not by a service that ends for ever.

use std::collections::BTreeMap;
use std::ffi::OsString;

use config::{Loaded, Problem, Severity};
use k3s_arguments::cli::{self, Around};
use k3s_arguments::components::Registries;
use k3s_arguments::settings::{Machine, Settings};

use crate::facts::Facts;
use crate::files;
use crate::unit;

/// The arguments of `k3s` and the variables beside them, as the service has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The arguments, the role first.
    pub arguments: Vec<String>,
    /// The variables: the configuration's, and those that stand for its keys.
    pub variables: BTreeMap<String, String>,
}

impl Invocation {
    /// What a configuration comes to.
    pub fn of(loaded: &Loaded) -> Self {
        let k3os = &loaded.config.k3os;
        let mut variables = k3os.environment.clone();
        variables.extend(unit::variables(k3os));
        Invocation {
            arguments: unit::arguments(k3os, &Facts::default()),
            variables,
        }
    }
}

/// What keeps Kubernetes from starting with this configuration, and what has no effect.
pub fn problems(loaded: &Loaded) -> Vec<Problem> {
    let invocation = Invocation::of(loaded);
    let (key, origin) = ("k3os.k3s_args", loaded.origins.of("k3os.k3s_args"));
    let source = origin.map_or_else(|| "Kubernetes".to_owned(), |origin| origin.source.clone());
    let problem = |severity, message| Problem {
        severity,
        source: source.clone(),
        place: origin.map(|origin| origin.place),
        key: if origin.is_some() {
            key.to_owned()
        } else {
            String::new()
        },
        message,
        hint: None,
    };
    if invocation
        .arguments
        .first()
        .is_some_and(|role| role == "agent")
    {
        let words = "joining a server is not part of this version: Kubernetes will not start on this machine";
        return vec![problem(Severity::Warning, words.into())];
    }
    match judged(loaded, invocation) {
        Ok(warnings) => warnings
            .into_iter()
            .map(|words| problem(Severity::Warning, words))
            .collect(),
        Err(error) => vec![problem(Severity::Error, cli::sentence(&error))],
    }
}

fn judged(loaded: &Loaded, invocation: Invocation) -> anyhow::Result<Vec<String>> {
    let around = Around {
        variables: invocation.variables,
        files: written(loaded),
        with_disk: false,
    };
    let (role, arguments) = invocation
        .arguments
        .split_first()
        .ok_or_else(|| anyhow::anyhow!("there are no arguments"))?;
    anyhow::ensure!(
        role == "server",
        "invalid command '{role}'; valid: server, agent"
    );
    let argv: Vec<OsString> = std::iter::once(role)
        .chain(arguments)
        .map(OsString::from)
        .collect();
    let parsed = cli::parse("server", &argv, &around)?;
    let hostname = &loaded.config.hostname;
    let machine = Machine {
        hostname: if hostname.is_empty() {
            "k3os"
        } else {
            hostname
        }
        .into(),
        node_id: "00000000".into(),
        release: String::new(),
    };
    let settings = Settings::new(parsed.args, &machine)?;
    let mut warnings = parsed.warnings;
    warnings.extend(settings.warnings());
    let file = &settings.args.runtime.private_registry;
    let registries = around
        .read(file)?
        .map(|text| Registries::read(&text))
        .unwrap_or_default();
    let words = |problem: &String| format!("{}: {problem}", file.display());
    warnings.extend(registries.problems().iter().map(words));
    Ok(warnings)
}

/// The texts that `write_files` brings.
fn written(loaded: &Loaded) -> BTreeMap<std::path::PathBuf, String> {
    let entries = loaded.config.write_files.iter();
    let texts = entries.filter_map(|entry| {
        let file = files::file(entry).ok()?;
        Some((file.path, String::from_utf8(file.content.0).ok()?))
    });
    texts.collect()
}
