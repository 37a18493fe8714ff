//! Finds which key a word of the command line means: `k3os.sysctl[kernel.printk]`, `write_files[0].path`.

use crate::model::{Config, K3os};
use crate::schema::{Field, Kind, Section, find, nearest};

/// One step from the configuration's root to a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// A key of a section.
    Key(&'static str),
    /// An item of a list of sections.
    Item(usize),
    /// An entry of a map.
    Entry(String),
}

/// What a word means.
#[derive(Debug)]
pub(super) enum Target {
    /// A value of the configuration.
    Value { path: Vec<Part>, kind: Kind },
    /// A word of the kernel or of something else.
    Foreign,
    /// A word that was meant for the configuration and fits nothing: why, and what may be meant.
    Unknown {
        message: String,
        hint: Option<String>,
    },
}

/// Switches of the boot itself, which are not configuration.
const SWITCHES: [&str; 7] = [
    "k3os.mode",
    "k3os.fallback_mode",
    "k3os.debug",
    "k3os.takeover",
    "k3os.undo_takeover",
    "k3os.squashfs_url",
    "k3os.watchdog",
];

/// Whether `k3os.NAME` is a switch of the boot.
pub(crate) fn is_switch(name: &str) -> bool {
    let mut names = SWITCHES
        .iter()
        .filter_map(|known| known.strip_prefix("k3os."));
    names.any(|known| known == name)
}

/// Finds the target of a word's key.
pub(super) fn find_target(key: &str) -> Target {
    let mut path = Vec::new();
    let inner = key.split_once('.').filter(|(first, _)| is_k3os(first));
    match inner.map(|(_, inner)| inner) {
        _ if SWITCHES.contains(&key) => Target::Foreign,
        Some(inner) if is_top_level(inner) => resolve(Config::FIELDS, inner, &mut path),
        Some(inner) => {
            path.push(Part::Key("k3os"));
            resolve(K3os::FIELDS, inner, &mut path)
        }
        None if is_top_level(key) || is_k3os(key) => resolve(Config::FIELDS, key, &mut path),
        None => Target::Foreign,
    }
}

/// In any case, as in k3OS.
fn is_k3os(name: &str) -> bool {
    name.eq_ignore_ascii_case("k3os")
}

fn is_top_level(key: &str) -> bool {
    find(Config::FIELDS, first_name(key).0)
        .is_some_and(|field| !matches!(field.kind, Kind::Section(_)))
}

/// Splits off the first name: `a.b` → `a`, `.b`; `a[x].b` → `a`, `[x].b`.
fn first_name(key: &str) -> (&str, &str) {
    key.split_at(key.find(['.', '[']).unwrap_or(key.len()))
}

fn resolve(fields: &'static [Field], key: &str, path: &mut Vec<Part>) -> Target {
    let (name, rest) = first_name(key);
    let Some(field) = find(fields, name) else {
        let hint = nearest(fields, name).map(|near| format!("did you mean {near}?"));
        return Target::Unknown {
            message: "there is no such key".into(),
            hint,
        };
    };
    path.push(Part::Key(field.name));
    match field.kind {
        Kind::Section(inner) => match rest.strip_prefix('.') {
            Some(key) => resolve(inner, key, path),
            None => misfit(field, "name one of its keys behind a dot"),
        },
        Kind::Sections(inner) => item(field, inner, rest, path),
        Kind::TextMap => entry(field, rest, path),
        Kind::TextList if bracket(rest).is_some_and(|(_, behind)| behind.is_empty()) => {
            value(field, path)
        }
        _ if rest.is_empty() => value(field, path),
        _ => misfit(field, &format!("it holds {}", field.kind.expected())),
    }
}

/// `[N].name` behind the name of a list of sections.
fn item(field: &Field, inner: &'static [Field], rest: &str, path: &mut Vec<Part>) -> Target {
    let found = bracket(rest)
        .and_then(|(index, behind)| Some((index.parse().ok()?, behind.strip_prefix('.')?)));
    let Some((index, key)) = found else {
        return misfit(field, &format!("write {}[0].NAME=VALUE", spelled(path)));
    };
    path.push(Part::Item(index));
    resolve(inner, key, path)
}

/// `[name]`, or all that follows the dot, behind the name of a map.
fn entry(field: &Field, rest: &str, path: &mut Vec<Part>) -> Target {
    let bracketed = bracket(rest)
        .filter(|(_, behind)| behind.is_empty())
        .map(|(name, _)| name);
    match bracketed
        .or_else(|| rest.strip_prefix('.'))
        .filter(|name| !name.is_empty())
    {
        Some(name) => {
            path.push(Part::Entry(name.to_owned()));
            Target::Value {
                path: std::mem::take(path),
                kind: Kind::Text,
            }
        }
        None => misfit(field, &format!("write {}[NAME]=VALUE", spelled(path))),
    }
}

/// The keys of a path, joined by dots.
fn spelled(path: &[Part]) -> String {
    let name = |part: &Part| match part {
        Part::Key(name) => Some(*name),
        Part::Item(_) | Part::Entry(_) => None,
    };
    path.iter().filter_map(name).collect::<Vec<_>>().join(".")
}

/// `[inside]behind`.
fn bracket(rest: &str) -> Option<(&str, &str)> {
    rest.strip_prefix('[')?.split_once(']')
}

fn value(field: &Field, path: &mut Vec<Part>) -> Target {
    Target::Value {
        path: std::mem::take(path),
        kind: field.kind,
    }
}

fn misfit(field: &Field, hint: &str) -> Target {
    Target::Unknown {
        message: format!("{} does not fit in this form", field.name),
        hint: Some(hint.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the boot reads of the command line must not be told to be unknown, and what is passed over must be read.
    #[test]
    fn every_switch_of_the_boot_is_known_and_no_other() {
        let source = include_str!("switches.rs");
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let read: Vec<_> = code
            .split('"')
            .filter(|word| word.starts_with("k3os."))
            .collect();
        assert!(read.len() > 5, "{read:?}");
        for word in &read {
            let is_unknown = matches!(find_target(word), Target::Unknown { .. });
            assert!(
                !is_unknown,
                "{word} is read by the boot and reported as unknown"
            );
        }
        for switch in SWITCHES {
            assert!(read.contains(&switch), "{switch} is read by nobody");
        }
    }
}
