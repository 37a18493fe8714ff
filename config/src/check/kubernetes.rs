//! Checks of what concerns Kubernetes.

use super::{Complaint, require};

/// A label's name and value, by the rules of Kubernetes.
pub fn label(name: &str, value: &str) -> Result<(), Complaint> {
    require(
        is_qualified_name(name),
        format!("{name:?} is not the name of a label: [PREFIX/]NAME"),
    )?;
    let value = value.trim();
    require(
        is_name(value) || value.is_empty(),
        format!("{value:?} is not the value of a label: {NAME_RULE}"),
    )
}

/// `key=value:Effect`, `key:Effect`.
pub fn taint(_: &str, value: &str) -> Result<(), Complaint> {
    let form =
        "expected KEY=VALUE:EFFECT, the effect one of NoSchedule, PreferNoSchedule, NoExecute";
    let Some((pair, effect)) = value.rsplit_once(':') else {
        return require(false, format!("{value:?} is not a taint: {form}"));
    };
    let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
    let effect = matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute");
    let fits = effect && is_qualified_name(key) && (text.is_empty() || is_name(text));
    require(fits, format!("{value:?} is not a taint: {form}"))
}

/// Arguments of k3s; what they mean is checked by k3s's own parser (crate k3s-arguments).
pub fn k3s_arg(_: &str, value: &str) -> Result<(), Complaint> {
    let fits = value.chars().all(|c| c.is_whitespace() || !c.is_control());
    require(fits, "must not hold control characters")
}

const NAME_RULE: &str = "letters, digits, \"-\", \"_\" and \".\", at most 63, beginning and ending with a letter or digit";

fn is_qualified_name(name: &str) -> bool {
    match name.split_once('/') {
        Some((prefix, name)) => is_domain(prefix) && is_name(name),
        None => is_name(name),
    }
}

fn is_name(name: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.len() <= 63
        && name.chars().all(inner)
        && ends(name.chars().next())
        && ends(name.chars().last())
}

fn is_domain(name: &str) -> bool {
    name.len() <= 253
        && name
            .split('.')
            .all(|part| is_name(part) && !part.contains('_'))
}
