//! Bringing units from disk into memory.

use std::collections::VecDeque;
use std::path::Path;

use system::bounded;

use super::Supervisor;
use super::runtime::Runtime;
use crate::log::Log;
use crate::plan;
use crate::unit::Unit;
use crate::unit::name::Name;
use crate::unit::read::{self, Warning};

impl Supervisor {
    /// Reads these units and all they want and require, as far as they are not in memory.
    pub(super) fn load_all(&mut self, names: &[String]) {
        let mut queue: VecDeque<String> = names.to_vec().into();
        while let Some(name) = queue.pop_front() {
            let name = self.units.canonical(&name);
            if self.units.by_name.contains_key(&name) || !plan::is_supported(&name) {
                continue;
            }
            let true_name = self.load(&name);
            if let Some(unit) = self.units.by_name.get(&true_name) {
                queue.extend(unit.wants.iter().chain(&unit.requires).cloned());
            }
        }
    }

    /// Reads one unit into memory and returns its true name.
    fn load(&mut self, name: &str) -> String {
        let (mut unit, warnings) = self.read(name);
        for warning in warnings {
            self.warn(warning);
        }
        let true_name = unit.name.clone();
        if true_name != name {
            self.units
                .aliases
                .insert(name.to_owned(), true_name.clone());
        }
        if unit.service.effective_type() == crate::unit::Type::Dbus {
            unit.after.insert("dbus.service".to_owned());
        }
        self.remember(unit);
        true_name
    }

    fn remember(&mut self, unit: Unit) {
        if unit.is_service() {
            match self.services.get_mut(&unit.name) {
                Some(runtime) => runtime.service.settings = unit.service.clone(),
                None => {
                    let cgroups = self.options.cgroup_root.as_deref();
                    let log = Log::new(&self.options.log_dir, &unit.name, self.writer.clone());
                    let runtime = Runtime::new(&unit, log, cgroups);
                    self.services.insert(unit.name.clone(), runtime);
                }
            }
        }
        self.units.by_name.insert(unit.name.clone(), unit);
    }

    /// Reads one unit; added ones before those on disk.
    fn read(&self, name: &str) -> (Unit, Vec<Warning>) {
        let (mut unit, mut warnings) = match self.added.get(name) {
            Some(text) => {
                let mut unit = Unit::empty(name);
                let warnings = read::apply(&mut unit, Path::new(name), text);
                (unit, warnings)
            }
            None => {
                let (store, wanted) = (self.store.clone(), name.to_owned());
                let read = bounded::within(move || Ok(store.load(&wanted)));
                read.unwrap_or_else(|error| self.unread(name, &error))
            }
        };
        for (added, text) in &self.added {
            let mut other = Unit::empty(added);
            // Its own warnings are told when it is loaded itself.
            read::apply(&mut other, Path::new(added), text);
            if other.install.wanted_by.contains(&unit.name) {
                unit.wants.insert(added.clone());
            }
            if other.install.required_by.contains(&unit.name) {
                unit.requires.insert(added.clone());
            }
        }
        if unit.is_service() && !unit.masked && !unit.files.is_empty() {
            warnings.extend(missing_command(&unit));
        }
        (unit, warnings)
    }

    /// A unit whose files' disk does not answer: as it is in memory.
    fn unread(&self, name: &str, error: &std::io::Error) -> (Unit, Vec<Warning>) {
        let known = self.units.by_name.get(name).cloned();
        let warning = Warning {
            file: name.into(),
            line: 0,
            message: format!("reading the unit's files: {error}"),
        };
        (known.unwrap_or_else(|| Unit::empty(name)), vec![warning])
    }

    /// What is not understood in a unit's files as they are now.
    pub(super) fn warnings_of(&self, name: &str) -> Vec<String> {
        self.read(name).1.iter().map(Warning::to_string).collect()
    }

    /// Tells a warning, each once.
    pub(super) fn warn(&mut self, warning: Warning) {
        let text = warning.to_string();
        if self.told.insert(warning) {
            self.tell(&text);
        }
    }

    /// Reads every unit in memory anew. Services go on; their new settings count from now on.
    pub(super) fn reload_units(&mut self) -> Vec<String> {
        let before = std::mem::take(&mut self.told);
        let names: Vec<_> = self.units.by_name.keys().cloned().collect();
        self.units.aliases.clear();
        for name in &names {
            self.load(name);
        }
        let warnings = self.told.iter().map(Warning::to_string).collect();
        self.told.extend(before);
        warnings
    }

    /// Whether a unit is started.
    pub(super) fn is_active(&self, name: &str) -> bool {
        let service = self.services.get(name).map(|runtime| &runtime.service);
        service.is_some_and(|service| service.is_active()) || self.active_targets.contains(name)
    }

    /// Whether anything of a unit is up or about to be.
    pub(super) fn is_up(&self, name: &str) -> bool {
        let service = self.services.get(name).map(|runtime| &runtime.service);
        service.is_some_and(|service| !service.is_down()) || self.active_targets.contains(name)
    }

    /// The true name of a unit in memory, reading it if needed; `None` if there is none.
    pub(super) fn known(&mut self, name: &str) -> Option<String> {
        Name::parse(name)?;
        self.load_all(&[name.to_owned()]);
        let name = self.units.canonical(name);
        let unit = self.units.by_name.get(&name)?;
        (!unit.files.is_empty() || self.active_targets.contains(&name)).then_some(name)
    }
}

fn missing_command(unit: &Unit) -> Option<Warning> {
    let service = &unit.service;
    let has_command = !service.start.is_empty() || !service.stop.is_empty();
    let file = unit.files.first()?.clone();
    let message = "a service needs ExecStart".to_owned();
    (!has_command).then_some(Warning {
        file,
        line: 0,
        message,
    })
}
