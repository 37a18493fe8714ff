//! The processes of a service and their environment.

use super::{set, text};
use crate::unit::read::{Outcome, split};
use crate::unit::{EnvironmentFile, Service, values, words};

/// Who its processes are and what limits them.
pub(super) fn process_key(service: &mut Service, key: &str, value: &str) -> Outcome {
    match key {
        "User" => set(&mut service.user, Ok(text(value))),
        "Group" => set(&mut service.group, Ok(text(value))),
        "SupplementaryGroups" => {
            service
                .supplementary_groups
                .extend(value.split_whitespace().map(str::to_owned));
            Outcome::Taken
        }
        "WorkingDirectory" => set(&mut service.working_directory, Ok(text(value))),
        "UMask" => set(&mut service.umask, values::mode(value)),
        "Nice" => set(&mut service.nice, values::integer(value, -20, 19).map(Some)),
        "OOMScoreAdjust" => set(
            &mut service.oom_score_adjust,
            values::integer(value, -1000, 1000).map(Some),
        ),
        "IgnoreSIGPIPE" => set(&mut service.ignore_sigpipe, values::boolean(value)),
        _ => match key.strip_prefix("Limit").and_then(values::resource) {
            Some(resource) => values::limit(value)
                .map(|limit| {
                    service.limits.insert(resource, limit);
                })
                .into(),
            None => Outcome::NotMine,
        },
    }
}

/// Their variables.
pub(super) fn environment_key(service: &mut Service, key: &str, value: &str) -> Outcome {
    match key {
        "Environment" if value.is_empty() => service.environment.clear(),
        "Environment" => return environment(service, value).into(),
        "EnvironmentFile" if value.is_empty() => service.environment_files.clear(),
        "EnvironmentFile" => {
            let (path, optional) = match value.strip_prefix('-') {
                Some(path) => (path, true),
                None => (value, false),
            };
            service.environment_files.push(EnvironmentFile {
                path: path.to_owned(),
                optional,
            });
        }
        "UnsetEnvironment" => {
            service
                .unset_environment
                .extend(value.split_whitespace().map(str::to_owned));
        }
        _ => return Outcome::NotMine,
    }
    Outcome::Taken
}

fn environment(service: &mut Service, value: &str) -> Result<(), String> {
    for word in split(value)? {
        match word.split_once('=') {
            Some((name, value)) if words::is_variable(name) => {
                service
                    .environment
                    .insert(name.to_owned(), value.to_owned());
            }
            _ => return Err(format!("{word:?} is not NAME=value")),
        }
    }
    Ok(())
}
