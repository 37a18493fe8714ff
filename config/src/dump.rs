//! The configuration in k3OS's forms: JSON in camelCase, YAML in snake_case. Both show secrets.

use crate::model::Config;
use crate::schema::{Section, camel_case};
use serde_json::{Map, Value as Json};
use std::fmt::Write as _;

/// One line of JSON, as `k3os config --dump-json` of k3OS prints it: keys in its order, maps sorted, and
/// `<`, `>`, `&` escaped as Go does.
pub fn json(config: &Config) -> String {
    let mut text = section(config).to_string();
    for (sign, escape) in [
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u{2028}", "\\u2028"),
    ] {
        text = text.replace(sign, escape);
    }
    text.replace('\u{2029}', "\\u2029") + "\n"
}

/// YAML, as `k3os config --dump` of k3OS prints it: keys sorted, the install section left out. The names of
/// labels, sysctls and variables stay as they are (k3OS changed them).
pub fn yaml(config: &Config) -> String {
    let mut root = snake_section(config);
    if let Some(Json::Object(k3os)) = root.get_mut("k3os") {
        *k3os = snake_section(&config.k3os);
        k3os.remove("install");
        sort(k3os);
    }
    sort(&mut root);
    let mut text = String::new();
    write_map(&mut text, &root, 0);
    text
}

/// A section's JSON form.
pub(crate) fn section<S: Section>(section: &S) -> Json {
    Json::Object(named(section, camel_case))
}

/// The form with the names of the YAML dump at the top, for whoever walks it by the schema.
pub(crate) fn snake(config: &Config) -> Json {
    Json::Object(snake_section(config))
}

fn snake_section<S: Section>(section: &S) -> Map<String, Json> {
    named(section, str::to_owned)
}

fn named<S: Section>(section: &S, name: impl Fn(&str) -> String) -> Map<String, Json> {
    let shown = |key: &'static str, value: Option<Json>| match value {
        Some(value) => Some((name(key), value)),
        None => S::ALWAYS_SHOWN
            .contains(&key)
            .then(|| (name(key), Json::from(""))),
    };
    section
        .values()
        .into_iter()
        .filter_map(|(key, value)| shown(key, value))
        .collect()
}

fn sort(map: &mut Map<String, Json>) {
    let mut entries: Vec<_> = std::mem::take(map).into_iter().collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    map.extend(entries);
}

fn write_map(out: &mut String, map: &Map<String, Json>, indent: usize) {
    for (key, value) in map {
        let _ = write!(out, "{:indent$}{}:", "", scalar(key));
        write_value(out, value, indent);
    }
}

fn write_value(out: &mut String, value: &Json, indent: usize) {
    match value {
        Json::Object(map) if map.is_empty() => out.push_str(" {}\n"),
        Json::Object(map) => {
            out.push('\n');
            write_map(out, map, indent + 2);
        }
        Json::Array(items) => {
            out.push('\n');
            items.iter().for_each(|item| write_item(out, item, indent));
        }
        Json::String(text) if is_block(text) => write_block(out, text, indent + 2),
        Json::String(text) => {
            let _ = writeln!(out, " {}", scalar(text));
        }
        other => {
            let _ = writeln!(out, " {other}");
        }
    }
}

fn write_item(out: &mut String, item: &Json, indent: usize) {
    let mut text = String::new();
    match item {
        Json::Object(map) => write_map(&mut text, map, indent + 2),
        other => write_value(&mut text, other, indent),
    }
    let _ = write!(out, "{:indent$}- {}", "", text.trim_start_matches(' '));
}

/// Text of several lines that a block can hold exactly.
fn is_block(text: &str) -> bool {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    lines.contains('\n')
        && !lines.ends_with('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text
            .chars()
            .any(|c| c != '\n' && c != '\t' && c.is_control())
}

fn write_block(out: &mut String, text: &str, indent: usize) {
    out.push_str(if text.ends_with('\n') {
        " |\n"
    } else {
        " |-\n"
    });
    for line in text.lines() {
        let _ = if line.is_empty() {
            writeln!(out)
        } else {
            writeln!(out, "{:indent$}{line}", "")
        };
    }
}

/// A scalar that reads back as this text, by YAML 1.1 and 1.2: plain where that is certain, else quoted as in JSON.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let special = words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if begins && text.chars().all(plain) && !special {
        return text.to_owned();
    }
    Json::from(text).to_string()
}
