//! What is asked for. Flags, environment and configuration each give a [`Layer`]; together they are a [`Request`].

use serde::Serialize;

use crate::selector::Selector;

/// What one source says; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layer {
    /// The disk, as a selector's text.
    pub device: Option<String>,
    /// A path or URL of the configuration to install.
    pub config: Option<String>,
    /// A path or URL of the release to install.
    pub iso_url: Option<String>,
    /// A second console of the installed system, e.g. `ttyS0`.
    pub tty: Option<String>,
    /// Ask nothing.
    pub silent: Option<bool>,
    /// For UEFI too; every disk is made for both.
    pub force_efi: Option<bool>,
    /// Keep the file system that is there.
    pub no_format: Option<bool>,
    /// Make an existing system into this one.
    pub takeover: Option<bool>,
    /// Installed system with `k3os.debug`; each command is shown.
    pub debug: Option<bool>,
    /// Power off when done.
    pub power_off: Option<bool>,
}

impl Layer {
    /// The `K3OS_INSTALL_*` variables of k3OS's install script. An empty one says nothing.
    ///
    /// # Errors
    /// When a yes-or-no variable is neither.
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let text = |name: &str| variable(&full(name)).filter(|value| !value.is_empty());
        let truth = |name: &str| {
            text(name)
                .map(|value| truth(&full(name), &value))
                .transpose()
        };
        Ok(Self {
            device: text("DEVICE"),
            config: text("CONFIG_URL"),
            iso_url: text("ISO_URL"),
            tty: text("TTY"),
            silent: truth("SILENT")?,
            force_efi: truth("FORCE_EFI")?,
            no_format: truth("NO_FORMAT")?,
            takeover: truth("TAKE_OVER")?,
            debug: truth("DEBUG")?,
            power_off: truth("POWER_OFF")?,
        })
    }

    /// The configuration's `k3os.install` section. What is not set says nothing.
    pub fn from_config(install: &config::Install) -> Self {
        let text = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        let truth = |value: bool| value.then_some(true);
        // By name, so that a key that nobody reads does not compile.
        let config::Install {
            force_efi,
            device,
            config_url,
            silent,
            iso_url,
            trusted_cas: _, // The session's, who fetches what the layers name.
            power_off,
            no_format,
            debug,
            tty,
        } = install;
        Self {
            device: text(device),
            config: text(config_url),
            iso_url: text(iso_url),
            tty: text(tty),
            silent: truth(*silent),
            force_efi: truth(*force_efi),
            no_format: truth(*no_format),
            takeover: None,
            debug: truth(*debug),
            power_off: truth(*power_off),
        }
    }

    /// This layer over another: what this one does not say comes from below.
    pub fn over(self, below: Self) -> Self {
        Self {
            device: self.device.or(below.device),
            config: self.config.or(below.config),
            iso_url: self.iso_url.or(below.iso_url),
            tty: self.tty.or(below.tty),
            silent: self.silent.or(below.silent),
            force_efi: self.force_efi.or(below.force_efi),
            no_format: self.no_format.or(below.no_format),
            takeover: self.takeover.or(below.takeover),
            debug: self.debug.or(below.debug),
            power_off: self.power_off.or(below.power_off),
        }
    }
}

fn full(name: &str) -> String {
    format!("K3OS_INSTALL_{name}")
}

/// k3OS's script took any text for a yes; here it must be a word for one.
fn truth(name: &str, value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(format!("{name}={value} is neither true nor false")),
    }
}

/// The whole of what is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The disk (with `no_format`, a disk or partition); `None`: ask, or take the labelled partition.
    pub device: Option<Selector>,
    /// A path or URL of the configuration to install; `None`: what this machine runs with.
    pub config: Option<String>,
    /// A path or URL of the release to install; `None`: the one that runs.
    pub iso_url: Option<String>,
    /// A second console of the installed system, below `/dev`.
    pub tty: Option<String>,
    /// Ask nothing.
    pub silent: bool,
    /// Keep the file system that is there.
    pub no_format: bool,
    /// Make an existing system into this one.
    pub takeover: bool,
    /// `k3os.debug` for the installed system.
    pub debug: bool,
    /// What to do when done.
    pub finish: Finish,
}

/// What happens when all is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// Nothing.
    #[default]
    Stay,
    /// The machine starts again, from the new disk.
    Reboot,
    /// The machine is switched off.
    PowerOff,
}

impl Request {
    /// Takes the layers together, which were laid over one another already. `finish` is what happens unless the power shall go
    /// off.
    ///
    /// # Errors
    /// When the device is no selector.
    pub fn from_layer(layer: Layer, finish: Finish) -> Result<Self, String> {
        let device = layer.device.as_deref().map(str::parse).transpose()?;
        let power_off = layer.power_off.unwrap_or(false);
        Ok(Self {
            device,
            config: layer.config,
            iso_url: layer.iso_url,
            tty: layer
                .tty
                .map(|tty| tty.trim_start_matches("/dev/").to_owned()),
            silent: layer.silent.unwrap_or(false),
            no_format: layer.no_format.unwrap_or(false),
            takeover: layer.takeover.unwrap_or(false),
            debug: layer.debug.unwrap_or(false),
            finish: if power_off { Finish::PowerOff } else { finish },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Result<Layer, String> {
        let pairs: Vec<(String, String)> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Layer::from_environment(&|name| {
            let found = pairs.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        })
    }

    #[test]
    fn the_script_s_variables_are_read() {
        let layer = environment(&[
            ("K3OS_INSTALL_DEVICE", "/dev/sda"),
            ("K3OS_INSTALL_CONFIG_URL", "http://a/c"),
            ("K3OS_INSTALL_POWER_OFF", "true"),
            ("K3OS_INSTALL_NO_FORMAT", ""),
        ])
        .unwrap();
        assert_eq!(layer.device.as_deref(), Some("/dev/sda"));
        assert_eq!((layer.power_off, layer.no_format), (Some(true), None));
        let error = environment(&[("K3OS_INSTALL_DEBUG", "perhaps")]).unwrap_err();
        assert!(error.starts_with("K3OS_INSTALL_DEBUG=perhaps"), "{error}");
    }

    #[test]
    fn flags_lie_over_environment_and_configuration() {
        let flags = Layer {
            device: Some("/dev/sdb".into()),
            ..Layer::default()
        };
        let configured = Layer::from_config(&config::Install {
            device: "/dev/sda".into(),
            tty: "/dev/ttyS1".into(),
            power_off: true,
            ..config::Install::default()
        });
        let request = Request::from_layer(flags.over(configured), Finish::Reboot).unwrap();
        assert_eq!(request.device, Some(Selector::Path("/dev/sdb".into())));
        assert_eq!(request.tty.as_deref(), Some("ttyS1"));
        assert_eq!(request.finish, Finish::PowerOff);
    }

    #[test]
    fn each_key_of_the_configuration_says_something() {
        use config::schema::Section;
        let keys = config::Install::FIELDS.iter();
        for field in keys.filter(|field| field.name != "trusted_cas") {
            let loaded = config::load(&[config::Source {
                name: field.name.into(),
                kind: config::SourceKind::File,
                bytes: field.example.into(),
            }]);
            let layer = Layer::from_config(&loaded.config.k3os.install);
            assert_ne!(layer, Layer::default(), "{}", field.name);
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        let layer = Layer {
            device: Some("the big one".into()),
            ..Layer::default()
        };
        let error = Request::from_layer(layer, Finish::Stay).unwrap_err();
        assert!(error.contains("smallest, largest"), "{error}");
    }
}
