//! Each value with the source and line that it came from, and what it replaced. Secrets are hidden unless asked for.

mod hide;
mod key;
mod values;

use crate::problem::Origin;
use crate::source::Loaded;
use std::collections::BTreeSet;
use values::{Value, values};

pub use key::no_such_key;

/// Whether secrets are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// As `(hidden)`.
    Hidden,
    /// As they are.
    Shown,
}

/// What is known of each value whose key begins with `prefix`, in any spelling; empty for all. Keys below `k3os` may be named
/// without it. A value that a source cleared is told too.
pub fn text(loaded: &Loaded, prefix: &str, secrets: Secrets) -> String {
    let prefix = key::canonical(prefix);
    let mut lines = String::new();
    let mut lists = BTreeSet::new();
    for (key, value) in values(loaded, secrets) {
        if !key::is_below(&key, &prefix) {
            continue;
        }
        lines.push_str(&told(loaded, &key, &value));
        if let Some((list, _)) = key.split_once('[')
            && lists.insert(list.to_owned())
        {
            lines.push_str(&replaced(loaded, list));
        }
    }
    lines
}

/// One value, where it came from, and what it took the place of.
fn told(loaded: &Loaded, key: &str, value: &Value) -> String {
    let mut history = loaded.origins.history(key).iter().rev();
    let Some(origin) = history.next().or_else(|| loaded.origins.of(key)) else {
        return String::new();
    };
    let mut lines = match value {
        Value::Set(value) => format!("{key}: {value}\n    from {origin}\n"),
        Value::Empty if history.len() == 0 => format!("{key}: (empty)\n    from {origin}\n"),
        Value::Empty => format!("{key}: (cleared)\n    by {origin}\n"),
    };
    let line = |earlier: &Origin| format!("    in place of {earlier}\n");
    lines.extend(history.map(line));
    lines
}

/// What a list or map took the place of, as a whole. ssh keys add up.
fn replaced(loaded: &Loaded, list: &str) -> String {
    let earlier = loaded.origins.history(list).iter().rev().skip(1);
    let line = |origin| format!("    the whole of {list} in place of {origin}\n");
    match list {
        "ssh_authorized_keys" => String::new(),
        _ => earlier.map(line).collect(),
    }
}

#[cfg(test)]
mod tests;
