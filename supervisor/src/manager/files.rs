//! Directories and control groups of services: made before a start, removed after a stop.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use system::{bounded, cgroup};

use super::Supervisor;
use super::jobs::Kind;
use crate::launch;
use crate::service::{Action, Role};
use crate::unit::{Preserve, Service};
use crate::users::Database;

/// Where the helpers of a delegated service live: its own group may have no processes of its own.
const CONTROL_GROUP: &str = ".control";

impl Supervisor {
    /// Makes a service's control group and directories. What fails is in its log; it starts all the same
    /// and says itself what it lacks.
    pub(super) fn prepare(&mut self, unit: &str) -> Vec<Action> {
        let Some(runtime) = self.services.get_mut(unit) else {
            return Vec::new();
        };
        let settings = runtime.service.settings.clone();
        let owner = owner(&settings);
        let mut problems = Vec::new();
        if let Some(group) = runtime.cgroup.clone() {
            problems.extend(make_group(&group, &settings, owner));
        }
        for (base, _, directories) in launch::directories(&settings) {
            for name in &directories.names {
                let path = Path::new(base).join(name);
                let mode = directories.mode.unwrap_or(0o755);
                let named = path.clone();
                let made = bounded::within(move || make_directory(&named, mode, owner));
                if let Err(error) = made {
                    problems.push(format!("making {}: {error}", path.display()));
                }
            }
        }
        for problem in problems {
            self.note(unit, &problem);
        }
        Vec::new()
    }

    /// The group in which a process of the service is born.
    pub(super) fn group_for(&self, unit: &str, role: Role) -> Option<PathBuf> {
        let runtime = self.services.get(unit)?;
        let group = runtime.cgroup.clone()?;
        let settings = &runtime.service.settings;
        let subgroup = match (&settings.delegate_subgroup, role) {
            (Some(name), Role::Main) => name.as_str(),
            (_, Role::Control) if settings.delegate => CONTROL_GROUP,
            _ => return group.exists().then_some(group),
        };
        let group = group.join(subgroup);
        cgroup::create(&group).ok().map(|()| group)
    }

    /// Removes what a service leaves behind, unless it is to be kept.
    pub(super) fn clean_up(&mut self, unit: &str) -> Vec<Action> {
        self.drain(unit);
        let is_restarted = self
            .jobs
            .get(unit)
            .is_some_and(|job| job.kind == Kind::Restart);
        let Some(runtime) = self.services.get_mut(unit) else {
            return Vec::new();
        };
        if let Some(group) = &runtime.cgroup {
            // A group that still has processes stays: KillMode=process leaves them on purpose.
            let _ = cgroup::remove(group);
        }
        runtime.starting.clear();
        let settings = &runtime.service.settings;
        let keeps = match settings.runtime_preserve {
            Preserve::No => false,
            Preserve::Restart => is_restarted,
            Preserve::Yes => true,
        };
        if !keeps {
            for name in &settings.runtime.names {
                // Gone already is what we want.
                let _ = fs::remove_dir_all(Path::new("/run").join(name));
            }
        }
        Vec::new()
    }
}

/// The user and group that own a service's directories. An unknown user is told when it is launched.
fn owner(settings: &Service) -> Option<(u32, u32)> {
    if settings.user.is_none() && settings.group.is_none() {
        return None;
    }
    let users = Database::read(Path::new("/etc"));
    let (_, identity) = launch::identity(settings, &users).ok()??;
    Some((identity.uid, identity.gid))
}

/// A group left from a run before has its controllers handed down to its children, and then takes no
/// process: it is removed first if it is empty.
fn make_group(group: &Path, settings: &Service, owner: Option<(u32, u32)>) -> Vec<String> {
    let _ = cgroup::remove(group);
    if let Err(error) = cgroup::create(group) {
        return vec![format!(
            "making the control group {}: {error}",
            group.display()
        )];
    }
    let mut problems = Vec::new();
    for (attribute, value) in &settings.cgroup {
        if let Err(error) = cgroup::set(group, attribute, value) {
            problems.push(format!(
                "writing {value} to {attribute} of its control group: {error}"
            ));
        }
    }
    if let Some((uid, gid)) = owner.filter(|_| settings.delegate) {
        for file in [
            "",
            "cgroup.procs",
            "cgroup.subtree_control",
            "cgroup.threads",
        ] {
            if let Err(error) = chown(group.join(file), Some(uid), Some(gid)) {
                problems.push(format!("handing over {file} of its control group: {error}"));
            }
        }
    }
    problems
}

fn make_directory(path: &Path, mode: u32, owner: Option<(u32, u32)>) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    match owner {
        Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
        None => Ok(()),
    }
}
