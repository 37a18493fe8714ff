//! Reading the text of a kernel configuration.

use std::collections::BTreeMap;

/// How an option is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// In the kernel image.
    BuiltIn,
    /// A module.
    Module,
    /// A number or a text, without quotes.
    Text(String),
}

/// All options that are set. An option which is not set, or which the kernel does not know, is absent.
#[derive(Clone, Debug, Default)]
pub struct Config(BTreeMap<String, Setting>);

impl Config {
    /// Reads lines `CONFIG_NAME=value`; comments and other lines mean nothing.
    pub fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(line).collect())
    }

    /// The setting of an option, by its name without `CONFIG_`.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.0.get(name)
    }

    /// Is there no option at all? Then the text was no kernel configuration.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn line(line: &str) -> Option<(String, Setting)> {
    let (name, value) = line.trim().strip_prefix("CONFIG_")?.split_once('=')?;
    let setting = match value {
        "y" => Setting::BuiltIn,
        "m" => Setting::Module,
        "n" => return None,
        text => Setting::Text(text.trim_matches('"').to_owned()),
    };
    Some((name.to_owned(), setting))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line() {
        let config = Config::parse(
            "#\n# Linux/x86 6.12\nCONFIG_A=y\r\nCONFIG_B=m\nCONFIG_C=n\n# CONFIG_D is not set\nCONFIG_HZ=250\nCONFIG_T=\"two words\"\nnonsense\n",
        );
        assert_eq!(config.get("A"), Some(&Setting::BuiltIn));
        assert_eq!(config.get("B"), Some(&Setting::Module));
        assert_eq!(config.get("C"), None);
        assert_eq!(config.get("D"), None);
        assert_eq!(config.get("HZ"), Some(&Setting::Text("250".into())));
        assert_eq!(config.get("T"), Some(&Setting::Text("two words".into())));
        assert!(Config::parse("hello").is_empty());
    }
}
