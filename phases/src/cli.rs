//! What `k3os config` does, as text and an exit status; printing is the caller's.

mod exposed;

use std::path::{Path, PathBuf};

pub use config::explain::Secrets;
use config::{Loaded, Severity, SourceKind};
use system::host::{Host, Look};

use crate::collect::{Collected, collect};
use crate::facts::Facts;
use crate::phase::Phase;
use crate::preview::Preview;
use crate::step::Action;
use crate::{Event, execute, plan, run};

/// What to print and how to exit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// For standard output.
    pub text: String,
    /// For error output.
    pub notes: String,
    /// The exit status.
    pub code: u8,
}

/// Where a line of output belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output: what was done.
    Output,
    /// Error output: what is wrong.
    Errors,
}

/// How files that are named to `k3os config validate` are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// As configuration files.
    Configuration,
    /// As a cloud's userdata: scripts, programs, and messages of several parts too, each of them packed by gzip or not.
    Userdata,
}

/// `k3os config [--initrd|--boot|--install]`: applies a phase and tells each step as soon as it is done. The exit status is 1
/// when a step failed or a source holds an error.
pub fn apply_telling(
    phase: Phase,
    root: &Path,
    cmdline: &str,
    host: &dyn Host,
    tell: &mut dyn FnMut(Stream, &str),
) -> u8 {
    let summary = run(phase, root, cmdline, host, &mut |event| match event {
        Event::Problem(problem) => tell(Stream::Errors, &problem.to_string()),
        Event::Step(outcome) if outcome.error.is_some() => {
            tell(Stream::Errors, &outcome.to_string())
        }
        Event::Step(outcome) if outcome.changed => tell(Stream::Output, &outcome.to_string()),
        Event::Step(_) => {}
    });
    u8::from(summary.failed + summary.errors > 0)
}

/// The same, told when all is done.
pub fn apply(phase: Phase, root: &Path, cmdline: &str, host: &dyn Host) -> Answer {
    let (mut text, mut notes) = (String::new(), String::new());
    let code = apply_telling(phase, root, cmdline, host, &mut |stream, line| {
        let to = if stream == Stream::Output {
            &mut text
        } else {
            &mut notes
        };
        to.extend([line, "\n"]);
    });
    Answer { text, notes, code }
}

/// `k3os config diff`: what applying the runtime phase would change on this machine now, and what it would start anew; with
/// another root, what it would change there. Nothing is changed, and no command is run. The exit status is 1 when something
/// would fail or is doubtful.
pub fn diff(root: &Path, cmdline: &str, host: &(impl Look + ?Sized)) -> Answer {
    let loaded = collect(root, cmdline).load();
    let preview = Preview::of(host);
    let mut steps = plan(Phase::Runtime, &loaded, &Facts::gather(&preview));
    // What a server would answer is not known without asking it.
    steps.retain(|step| !matches!(step.action, Action::FetchKeys(_)));
    let mut notes = problems(&loaded);
    execute(&steps, &preview, &mut |outcome| {
        if outcome.error.is_some() {
            notes.push_str(&format!("{outcome}\n"));
        }
    });
    let text = Some(preview.changes()).filter(|text| !text.is_empty());
    let code = u8::from(!notes.is_empty());
    Answer {
        text: text.unwrap_or_else(|| "nothing would change\n".into()),
        notes,
        code,
    }
}

/// `k3os config --dump`: the configuration as YAML, secrets included.
pub fn dump(root: &Path, cmdline: &str) -> Answer {
    shown(&collect(root, cmdline).load(), config::dump::yaml)
}

/// `k3os config --dump-json`: the configuration in k3OS's JSON form, secrets included.
pub fn dump_json(root: &Path, cmdline: &str) -> Answer {
    shown(&collect(root, cmdline).load(), config::dump::json)
}

/// `k3os config explain [KEY]`: each value with its source, and what it replaced.
pub fn explain(root: &Path, cmdline: &str, key: Option<&str>, secrets: Secrets) -> Answer {
    let loaded = collect(root, cmdline).load();
    let text = config::explain::text(&loaded, key.unwrap_or_default(), secrets);
    match key {
        Some(key) if text.is_empty() => Answer {
            notes: match config::explain::no_such_key(key) {
                Some(message) => message + "\n",
                None => format!("{key} is not set\n"),
            },
            code: 1,
            ..Answer::default()
        },
        _ => Answer {
            text,
            notes: problems(&loaded),
            code: 0,
        },
    }
}

/// `k3os config schema`: a JSON Schema of configuration files, for editors.
pub fn schema() -> Answer {
    let text = format!("{:#}\n", config::reference::json_schema());
    Answer {
        text,
        ..Answer::default()
    }
}

/// `k3os config validate`: what is wrong with the sources of the machine. The status is 1 when there is an error.
pub fn validate(root: &Path, cmdline: &str) -> Answer {
    verdict(collect(root, cmdline))
}

/// `k3os config validate FILE…`: what is wrong with the files together, from the lowest to the highest precedence, and with the
/// command line below them, if one is given. Pipes and `-` are files too.
pub fn validate_files(files: &[PathBuf], kind: FileKind, cmdline: Option<&str>) -> Answer {
    let mut collected = Collected::default();
    cmdline
        .iter()
        .for_each(|cmdline| collected.add_cmdline(cmdline));
    for file in files {
        match kind {
            FileKind::Configuration => collected.read_named(file, SourceKind::File),
            FileKind::Userdata => collected.read_named(file, SourceKind::Userdata),
        }
    }
    if kind == FileKind::Userdata {
        for source in &mut collected.sources {
            source.bytes = data_sources::parse::unpacked(&source.bytes);
        }
    }
    verdict(collected)
}

fn verdict(collected: Collected) -> Answer {
    let mut loaded = collected.load();
    let refused = refused(&loaded);
    loaded.problems.extend(refused);
    let exposed = exposed::secrets(&loaded);
    loaded.problems.extend(exposed);
    let kubernetes = crate::kubernetes::problems(&loaded);
    loaded.problems.extend(kubernetes);
    let is_error = |problem: &config::Problem| problem.severity == Severity::Error;
    let text = match loaded.problems.is_empty() {
        true => "no problems found\n".to_owned(),
        false => problems(&loaded),
    };
    Answer {
        text,
        notes: String::new(),
        code: u8::from(loaded.problems.iter().any(is_error)),
    }
}

/// Values that are well-formed, but from which no step can be made: base64 that is none, and the like.
fn refused(loaded: &Loaded) -> Vec<config::Problem> {
    let mut found: Vec<config::Problem> = Vec::new();
    for phase in [Phase::Initrd, Phase::Boot, Phase::Runtime] {
        for step in plan(phase, loaded, &Facts::default()) {
            let Action::Refuse(message) = step.action else {
                continue;
            };
            let problem = config::Problem {
                severity: Severity::Error,
                source: step
                    .origin
                    .as_ref()
                    .map(|origin| origin.source.clone())
                    .unwrap_or_default(),
                place: step.origin.as_ref().map(|origin| origin.place),
                key: step.key,
                message,
                hint: None,
            };
            if !found.contains(&problem) {
                found.push(problem);
            }
        }
    }
    found
}

fn shown(loaded: &Loaded, form: fn(&config::Config) -> String) -> Answer {
    Answer {
        text: form(&loaded.config),
        notes: problems(loaded),
        code: 0,
    }
}

fn problems(loaded: &Loaded) -> String {
    loaded
        .problems
        .iter()
        .map(|problem| format!("{problem}\n"))
        .collect()
}

#[cfg(test)]
mod tests;
