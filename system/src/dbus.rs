//! Telling a running service something over D-Bus.

use std::time::Duration;

use anyhow::Result;

/// A property of a service's object that is to be switched on or off, by the `SetProperty` that connman and its kin have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// The service's name on the bus.
    pub service: &'static str,
    /// The object.
    pub path: &'static str,
    /// The interface.
    pub interface: &'static str,
    /// The property.
    pub property: &'static str,
    /// Its value.
    pub value: bool,
}

/// Before each further try: the service or its object may only just be coming up.
pub const PAUSES: [Duration; 5] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// Sets it on the system bus, trying again after each pause. What is so already is fine.
///
/// # Errors
/// When the bus, the service or the object is not there after the last pause, or the service refuses.
#[cfg(feature = "dbus")]
pub fn set(switch: &Switch, pauses: &[Duration]) -> Result<()> {
    client::set(switch, pauses, client::SYSTEM_BUS)
}

/// Without the feature there is no bus.
///
/// # Errors
/// Always.
#[cfg(not(feature = "dbus"))]
pub fn set(switch: &Switch, _pauses: &[Duration]) -> Result<()> {
    anyhow::bail!(
        "setting {} of {}: this program was built without D-Bus",
        switch.property,
        switch.service
    )
}

#[cfg(feature = "dbus")]
mod client {
    use std::thread;
    use std::time::Duration;

    use anyhow::{Context, Result, anyhow};
    use zbus::{Connection, Variant, connection};

    use super::Switch;

    pub(super) const SYSTEM_BUS: &str = "unix:path=/run/dbus/system_bus_socket";
    const LIMIT: Duration = Duration::from_secs(10);

    pub(super) fn set(switch: &Switch, pauses: &[Duration], bus: &str) -> Result<()> {
        let mut pauses = pauses.iter();
        loop {
            match zbus::block_on(set_once(switch, bus)) {
                Ok(()) => return Ok(()),
                Err(error) => match pauses.next() {
                    Some(pause) => thread::sleep(*pause),
                    None => {
                        // Its causes repeat its own text.
                        return Err(anyhow!(error.to_string().trim().to_owned())).with_context(
                            || {
                                format!(
                                    "setting {} of {}{}",
                                    switch.property, switch.service, switch.path
                                )
                            },
                        );
                    }
                },
            }
        }
    }

    async fn set_once(switch: &Switch, bus: &str) -> zbus::Result<()> {
        let connection = connection::Builder::address(bus)
            .method_timeout(LIMIT)
            .build()
            .await?;
        match call(switch, &connection).await {
            Err(zbus::Error::MethodError(name, ..)) if name.as_str().contains(".Already") => Ok(()),
            other => other,
        }
    }

    async fn call(switch: &Switch, connection: &Connection) -> zbus::Result<()> {
        let arguments = (switch.property, Variant::from(switch.value));
        connection
            .call_method(
                Some(switch.service),
                switch.path,
                Some(switch.interface),
                "SetProperty",
                &arguments,
            )
            .await
            .map(drop)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn without_a_bus_it_is_an_error_that_names_the_service() {
            let switch = Switch {
                service: "net.connman",
                path: "/net/connman/technology/wifi",
                interface: "net.connman.Technology",
                property: "Powered",
                value: true,
            };
            let error = set(&switch, &[Duration::ZERO], "unix:path=/nonexistent/bus").unwrap_err();
            assert_eq!(
                error.to_string(),
                "setting Powered of net.connman/net/connman/technology/wifi"
            );
        }
    }
}
