//! Checks of single values. Each says what was expected; an error keeps the value from applying.

mod kubernetes;
mod machine;
mod network;

pub use kubernetes::{k3s_arg, label, taint};
pub use machine::{
    encoding, file_path, hostname, is_remote_key, module, owner, password, permissions, phase,
    seconds, ssh_key, sysctl, timezone, variable, write_policy,
};
pub use network::{
    DATA_SOURCES, address, certificate, data_source, location, passphrase, server, server_url, ssid,
};

use crate::problem::Severity;

/// Checks a value; the first argument is its name in a map, else empty. Empty values are not checked.
pub type Check = fn(&str, &str) -> Result<(), Complaint>;

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Whether it keeps the value from applying.
    pub severity: Severity,
    /// What is wrong. Must not hold the value when it may be secret.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What a doubtful value plainly means, and is taken for.
    pub instead: Option<String>,
}

/// Anything will do.
pub fn any(_: &str, _: &str) -> Result<(), Complaint> {
    Ok(())
}

/// No line breaks or other control characters, which would break the file the value is written to.
pub fn one_line(_: &str, value: &str) -> Result<(), Complaint> {
    require(
        !value.chars().any(char::is_control),
        "must be a single line without control characters",
    )
}

fn require(fits: bool, message: impl Into<String>) -> Result<(), Complaint> {
    if fits { Ok(()) } else { Err(error(message)) }
}

fn error(message: impl Into<String>) -> Complaint {
    Complaint {
        severity: Severity::Error,
        message: message.into(),
        hint: None,
        instead: None,
    }
}

fn warning(message: impl Into<String>, hint: impl Into<String>) -> Complaint {
    Complaint {
        severity: Severity::Warning,
        message: message.into(),
        hint: Some(hint.into()),
        instead: None,
    }
}

/// A value that is spelled otherwise and plainly means this one.
fn meant(value: &str, instead: impl Into<String>) -> Complaint {
    let instead = instead.into();
    Complaint {
        severity: Severity::Warning,
        message: format!("{value:?} is taken for {instead:?}"),
        hint: None,
        instead: Some(instead),
    }
}

/// Requires one of a few words, in any case.
fn one_of(value: &str, words: &[&str]) -> Result<(), Complaint> {
    let known = words.iter().any(|word| value.eq_ignore_ascii_case(word));
    require(
        known,
        format!("{value:?} is not one of {}", words.join(", ")),
    )
}
