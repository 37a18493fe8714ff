//! Services that are watched until they are ready: by bus name, port or file.

use std::path::Path;

use system::power::uptime_ms;

use super::Supervisor;
use super::runtime::Runtime;
use crate::readiness::dbus::Bus;
use crate::readiness::port_is_open;
use crate::unit::Type;

impl Supervisor {
    /// Hears what the bus says.
    pub(super) fn take_bus(&mut self) {
        let Some(bus) = &mut self.bus else { return };
        match bus.take_owned() {
            Ok(names) => names.iter().for_each(|name| self.bus_name_owned(name)),
            Err(_) => {
                // The bus went away; it is asked again when it is back.
                self.bus = None;
                self.services
                    .values_mut()
                    .for_each(|runtime| runtime.is_asked = false);
            }
        }
    }

    fn bus_name_owned(&mut self, name: &str) {
        let waits =
            |it: &Runtime| it.is_watched && it.service.settings.bus_name.as_deref() == Some(name);
        let found = self
            .services
            .iter()
            .find(|(_, it)| waits(it))
            .map(|(unit, _)| unit.clone());
        if let Some(unit) = found {
            self.watched_is_ready(&unit);
        }
    }

    /// Looks at the ports and files that services wait for, and asks the bus for their names.
    pub(super) fn look_at_watched(&mut self) {
        let watched: Vec<_> = self
            .services
            .iter()
            .filter(|(_, it)| it.is_watched)
            .map(|(unit, _)| unit.clone())
            .collect();
        for unit in watched {
            let Some(runtime) = self.services.get(&unit) else {
                continue;
            };
            let settings = &runtime.service.settings;
            if settings.effective_type() == Type::Dbus {
                self.ask_bus(&unit);
                continue;
            }
            let port = settings.own.ready_port.is_none_or(port_is_open);
            let file = settings
                .own
                .ready_file
                .as_ref()
                .is_none_or(|file| Path::new(file).exists());
            if port && file {
                self.watched_is_ready(&unit);
            }
        }
    }

    fn ask_bus(&mut self, unit: &str) {
        let Some(runtime) = self.services.get_mut(unit) else {
            return;
        };
        let Some(name) = runtime.service.settings.bus_name.clone() else {
            return self.watched_is_ready(unit);
        };
        if self.bus.is_none() {
            self.bus = Bus::connect(&self.options.bus_socket).ok();
            self.services
                .values_mut()
                .for_each(|runtime| runtime.is_asked = false);
        }
        let (Some(bus), Some(runtime)) = (&mut self.bus, self.services.get_mut(unit)) else {
            return;
        };
        if !runtime.is_asked {
            runtime.is_asked = bus.watch(&name).is_ok();
        }
    }

    fn watched_is_ready(&mut self, unit: &str) {
        let Some(runtime) = self.services.get_mut(unit) else {
            return;
        };
        runtime.is_watched = false;
        let actions = runtime.service.ready(uptime_ms());
        self.perform(unit, actions);
    }
}
