//! The comparison of a kernel's options with what is needed, and its text.

use std::fmt;

use crate::options::{Need, Option as KernelOption, Value};
use crate::parse::{Config, Setting};

/// An option that does not have the value it should have.
#[derive(Clone, Debug)]
pub struct Missing {
    /// What is needed.
    pub option: &'static KernelOption,
    /// What the kernel has; none: not set.
    pub found: Option<Setting>,
}

/// The outcome of a check.
#[derive(Clone, Debug)]
pub struct Report {
    checked: usize,
    missing: Vec<Missing>,
}

impl Report {
    /// What is missing of this need, in the order of the table.
    pub fn missing(&self, need: Need) -> impl Iterator<Item = &Missing> {
        self.missing
            .iter()
            .filter(move |missing| missing.option.need == need)
    }

    /// Can the system run on this kernel?
    pub fn usable(&self) -> bool {
        self.missing(Need::Required).next().is_none()
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let wanted = match self.option.value {
            Value::BuiltIn => "y",
            Value::Any => "y or m",
        };
        let found = match &self.found {
            None => "not set",
            Some(Setting::BuiltIn) => "y",
            Some(Setting::Module) => "m",
            Some(Setting::Text(text)) => text,
        };
        write!(
            out,
            "CONFIG_{} is {found}, {wanted} is {} by {}: {}",
            self.option.name,
            self.option.need.word(),
            self.option.user.name(),
            self.option.reason
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        for missing in &self.missing {
            writeln!(out, "{missing}")?;
        }
        let (required, recommended) = (
            self.missing(Need::Required).count(),
            self.missing(Need::Recommended).count(),
        );
        write!(
            out,
            "{} options checked: {required} required and {recommended} recommended ones are missing",
            self.checked
        )
    }
}

/// Compares. Pure: the table is a parameter for the tests' sake.
pub(crate) fn check(options: &'static [KernelOption], config: &Config) -> Report {
    let missing = options
        .iter()
        .filter(|option| !satisfied(option, config.get(option.name)));
    let missing = missing
        .map(|option| Missing {
            option,
            found: config.get(option.name).cloned(),
        })
        .collect();
    Report {
        checked: options.len(),
        missing,
    }
}

fn satisfied(option: &KernelOption, found: Option<&Setting>) -> bool {
    match option.value {
        Value::BuiltIn => found == Some(&Setting::BuiltIn),
        Value::Any => matches!(found, Some(Setting::BuiltIn | Setting::Module)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::User;

    const TABLE: &[KernelOption] = &[
        KernelOption {
            name: "BUILTIN",
            value: Value::BuiltIn,
            need: Need::Required,
            user: User::Init,
            reason: "a",
        },
        KernelOption {
            name: "EITHER",
            value: Value::Any,
            need: Need::Required,
            user: User::Kubelet,
            reason: "b",
        },
        KernelOption {
            name: "NICE",
            value: Value::Any,
            need: Need::Recommended,
            user: User::Kubelet,
            reason: "c",
        },
    ];

    fn missing(config: &str, need: Need) -> Vec<&'static str> {
        check(TABLE, &Config::parse(config))
            .missing(need)
            .map(|missing| missing.option.name)
            .collect()
    }

    #[test]
    fn a_module_does_not_do_where_builtin_is_needed() {
        assert_eq!(
            missing("CONFIG_BUILTIN=m\nCONFIG_EITHER=m\n", Need::Required),
            ["BUILTIN"]
        );
        assert_eq!(
            missing("CONFIG_BUILTIN=y\nCONFIG_EITHER=y\n", Need::Required),
            [""; 0]
        );
        assert_eq!(
            missing("CONFIG_BUILTIN=y\nCONFIG_EITHER=7\n", Need::Required),
            ["EITHER"]
        );
    }

    #[test]
    fn recommended_options_do_not_make_a_kernel_unusable() {
        let report = check(TABLE, &Config::parse("CONFIG_BUILTIN=y\nCONFIG_EITHER=m\n"));
        assert!(report.usable());
        assert_eq!(report.missing(Need::Recommended).count(), 1);
    }

    #[test]
    fn the_text_names_option_values_user_and_reason() {
        let text = check(TABLE, &Config::parse("CONFIG_BUILTIN=m\nCONFIG_NICE=y\n")).to_string();
        assert!(text.starts_with("CONFIG_BUILTIN is m, y is required by init: a\nCONFIG_EITHER is not set, y or m is required by kubelet: b\n"), "{text}");
        assert!(text.ends_with("3 options checked: 2 required and 0 recommended ones are missing"));
    }
}
