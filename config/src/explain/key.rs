//! Which key somebody asks for, in whatever spelling.

use crate::model::{Config, K3os};
use crate::schema::{Field, Kind, Section, find, nearest};

/// `k3os.serverUrl`, `server_url` → `k3os.server_url`; `labels.a` → `k3os.labels[a]`. What is no key stays as it is.
pub(super) fn canonical(key: &str) -> String {
    let key = key.trim_end_matches('.');
    spelled(key).unwrap_or_else(|_| key.to_owned())
}

/// Why nothing can be told of a key that does not exist, with the one that may be meant; `None` for one that does.
pub fn no_such_key(key: &str) -> Option<String> {
    let near = spelled(key.trim_end_matches('.')).err()?;
    Some(match near {
        Some(near) => format!("{key}: there is no such key (did you mean {near}?)"),
        None => format!("{key}: there is no such key"),
    })
}

/// Whether a key is the one of that name, or lies in it; everything lies in the empty one.
pub(super) fn is_below(key: &str, name: &str) -> bool {
    key == name
        || key
            .strip_prefix(name)
            .is_some_and(|rest| name.is_empty() || rest.starts_with(['.', '[']))
}

/// The key as messages spell it, else the nearest one, if any is near.
fn spelled(key: &str) -> Result<String, Option<String>> {
    let (name, _) = first_name(key);
    let below = |key: String| format!("k3os.{key}");
    if key.is_empty() {
        return Ok(String::new());
    }
    if find(Config::FIELDS, name).is_none() && find(K3os::FIELDS, name).is_some() {
        return spelled_in(K3os::FIELDS, key)
            .map(below)
            .map_err(|near| near.map(below));
    }
    spelled_in(Config::FIELDS, key)
        .map_err(|near| near.or_else(|| nearest(K3os::FIELDS, name).map(|near| below(near.into()))))
}

fn spelled_in(fields: &[Field], key: &str) -> Result<String, Option<String>> {
    let (name, rest) = first_name(key);
    let field = find(fields, name).ok_or_else(|| nearest(fields, name).map(str::to_owned))?;
    let name = field.name;
    Ok(match (field.kind, rest.split_once('.')) {
        (Kind::Section(inner) | Kind::Sections(inner), Some((index, key))) => {
            let inside = |key: String| format!("{name}{index}.{key}");
            return spelled_in(inner, key)
                .map(inside)
                .map_err(|near| near.map(inside));
        }
        (Kind::TextMap, Some(("", entry))) => format!("{name}[{entry}]"),
        _ => format!("{name}{rest}"),
    })
}

fn first_name(key: &str) -> (&str, &str) {
    key.split_at(key.find(['.', '[']).unwrap_or(key.len()))
}
