//! Each value with the source and line that it came from, and what it replaced. Secrets are hidden.

use crate::dump;
use crate::model::Config;
use crate::schema::{Field, Kind, Section};
use crate::source::Loaded;
use serde_json::Value as Json;

/// One line for each value whose key begins with `prefix` (any spelling of snake_case; empty for all).
pub fn text(loaded: &Loaded, prefix: &str) -> String {
    let mut lines = String::new();
    for (key, value) in values(&loaded.config) {
        if key != prefix
            && !key
                .strip_prefix(prefix)
                .is_some_and(|rest| prefix.is_empty() || rest.starts_with(['.', '[']))
        {
            continue;
        }
        let mut history = loaded.origins.history(&key).iter().rev();
        let Some(origin) = history.next().or_else(|| loaded.origins.of(&key)) else {
            continue;
        };
        lines.push_str(&format!("{key}: {value}\n    from {origin}\n"));
        history.for_each(|earlier| lines.push_str(&format!("    in place of {earlier}\n")));
    }
    lines
}

/// Every value that is set, by key; items of lists and maps each by their own.
fn values(config: &Config) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if let Json::Object(map) = dump::snake(config) {
        walk_section("", Config::FIELDS, &Json::Object(map), &mut found);
    }
    found
}

fn walk_section(parent: &str, fields: &[Field], section: &Json, found: &mut Vec<(String, String)>) {
    for field in fields {
        let camel = crate::schema::camel_case(field.name);
        let Some(value) = section.get(field.name).or_else(|| section.get(&camel)) else {
            continue;
        };
        let key = if parent.is_empty() {
            field.name.to_owned()
        } else {
            format!("{parent}.{}", field.name)
        };
        walk(&key, field.kind, value, found);
    }
}

fn walk(key: &str, kind: Kind, value: &Json, found: &mut Vec<(String, String)>) {
    match (kind, value) {
        (Kind::Section(fields), section) => walk_section(key, fields, section, found),
        (Kind::Sections(fields), Json::Array(items)) => {
            let item =
                |(number, item)| walk_section(&format!("{key}[{number}]"), fields, item, found);
            items.iter().enumerate().for_each(item);
        }
        (_, Json::Array(items)) => {
            let item =
                |(number, item): (usize, &Json)| (format!("{key}[{number}]"), item.to_string());
            found.extend(items.iter().enumerate().map(item));
        }
        (_, Json::Object(map)) => {
            found.extend(
                map.iter()
                    .map(|(name, value)| (format!("{key}[{name}]"), value.to_string())),
            );
        }
        (_, Json::String(text)) if text.is_empty() => {}
        (Kind::Secret, _) => found.push((key.to_owned(), "(hidden)".into())),
        (Kind::Content, Json::String(text)) => {
            found.push((key.to_owned(), format!("({} bytes)", text.len())))
        }
        (_, value) => found.push((key.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Source, SourceKind, load};

    fn file(name: &str, text: &str) -> Source {
        Source {
            name: name.into(),
            kind: SourceKind::File,
            bytes: text.into(),
        }
    }

    #[test]
    fn values_are_told_with_where_they_came_from() {
        let first = file(
            "a",
            "hostname: one\nk3os: {token: geheim, k3s_args: [x, y]}\n",
        );
        let second = file(
            "b",
            "hostname: two\nk3os:\n  labels: {c: d}\n  wifi: [{name: w, passphrase: geheim123}]\n",
        );
        let loaded = load(&[first, second]);
        assert_eq!(
            text(&loaded, "hostname"),
            "hostname: \"two\"\n    from b:1:11\n    in place of a:1:11\n"
        );
        assert_eq!(
            text(&loaded, "k3os.token"),
            "k3os.token: (hidden)\n    from a:2:15\n"
        );
        assert_eq!(
            text(&loaded, "k3os.labels"),
            "k3os.labels[c]: \"d\"\n    from b:3:12\n"
        );
        let all = text(&loaded, "");
        assert!(
            all.contains("k3os.k3s_args[1]: \"y\"") && all.contains("k3os.wifi[0].name: \"w\""),
            "{all}"
        );
        assert!(!all.contains("geheim"), "{all}");
    }
}
