//! Each value with the source and line that it came from, and what it replaced. Secrets are hidden unless asked for.

mod hide;

use crate::dump;
use crate::model::{Config, K3os};
use crate::schema::{Field, Kind, Section, find};
use crate::source::Loaded;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Whether secrets are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// As `(hidden)`.
    Hidden,
    /// As they are.
    Shown,
}

/// One line for each value whose key begins with `prefix`, in any spelling; empty for all. Keys below `k3os` may be named
/// without it.
pub fn text(loaded: &Loaded, prefix: &str, secrets: Secrets) -> String {
    let prefix = canonical(prefix.trim_end_matches('.'));
    let mut lines = String::new();
    let mut lists = BTreeSet::new();
    for (key, value) in values(&loaded.config, secrets) {
        if key != prefix
            && !key
                .strip_prefix(prefix.as_str())
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
        if let Some((list, _)) = key.split_once('[')
            && lists.insert(list.to_owned())
        {
            lines.push_str(&replaced(loaded, list));
        }
    }
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

/// `k3os.serverUrl`, `server_url` → `k3os.server_url`. What is no key stays as it is.
fn canonical(key: &str) -> String {
    let known = |fields: &[Field]| find(fields, first_name(key).0).is_some();
    if known(K3os::FIELDS) && !known(Config::FIELDS) {
        return format!("k3os.{}", spelled(K3os::FIELDS, key));
    }
    spelled(Config::FIELDS, key)
}

fn spelled(fields: &[Field], key: &str) -> String {
    let (name, rest) = first_name(key);
    let Some(field) = find(fields, name) else {
        return key.to_owned();
    };
    match (field.kind, rest.split_once('.')) {
        (Kind::Section(inner) | Kind::Sections(inner), Some((index, key))) => {
            format!("{}{index}.{}", field.name, spelled(inner, key))
        }
        _ => format!("{}{rest}", field.name),
    }
}

fn first_name(key: &str) -> (&str, &str) {
    key.split_at(key.find(['.', '[']).unwrap_or(key.len()))
}

/// Every value that is set, by key; items of lists and maps each by their own.
fn values(config: &Config, secrets: Secrets) -> Vec<(String, String)> {
    let mut walk = Walk {
        secrets,
        found: Vec::new(),
    };
    walk.section("", Config::FIELDS, &dump::snake(config));
    walk.found
}

struct Walk {
    secrets: Secrets,
    found: Vec<(String, String)>,
}

impl Walk {
    fn section(&mut self, parent: &str, fields: &[Field], section: &Json) {
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
            self.value(&key, field.kind, value);
        }
    }

    fn value(&mut self, key: &str, kind: Kind, value: &Json) {
        match (kind, value) {
            (Kind::Section(fields), section) => self.section(key, fields, section),
            (Kind::Sections(fields), Json::Array(items)) => {
                for (number, item) in items.iter().enumerate() {
                    self.section(&format!("{key}[{number}]"), fields, item);
                }
            }
            (_, Json::Array(items)) => self.list(key, items),
            (_, Json::Object(map)) => {
                for (name, value) in map {
                    let value = self.shown(value, |text| hide::variable(name, text));
                    self.found.push((format!("{key}[{name}]"), value));
                }
            }
            (_, Json::String(text)) if text.is_empty() => {}
            (Kind::Secret, _) => {
                let value = self.shown(value, |_| hide::HIDDEN.to_owned());
                self.found.push((key.to_owned(), value));
            }
            (Kind::Content, Json::String(text)) => {
                self.found
                    .push((key.to_owned(), format!("({} bytes)", text.len())));
            }
            (_, value) => {
                let value = self.shown(value, hide::in_urls);
                self.found.push((key.to_owned(), value));
            }
        }
    }

    fn list(&mut self, key: &str, items: &[Json]) {
        for (number, item) in items.iter().enumerate() {
            let before = number.checked_sub(1).and_then(|n| items.get(n)?.as_str());
            let value = self.shown(item, |text| {
                hide::argument(before.unwrap_or_default(), text)
            });
            self.found.push((format!("{key}[{number}]"), value));
        }
    }

    /// A value as JSON, text without what `hide` takes out of it.
    fn shown(&self, value: &Json, hide: impl FnOnce(&str) -> String) -> String {
        match value {
            Json::String(text) if self.secrets == Secrets::Hidden => match hide(text) {
                hidden if hidden == hide::HIDDEN => hidden,
                text => Json::from(text).to_string(),
            },
            value => value.to_string(),
        }
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
            text(&loaded, "hostname", Secrets::Hidden),
            "hostname: \"two\"\n    from b:1:11\n    in place of a:1:11\n"
        );
        assert_eq!(
            text(&loaded, "k3os.token", Secrets::Hidden),
            "k3os.token: (hidden)\n    from a:2:15\n"
        );
        assert_eq!(
            text(&loaded, "k3os.labels", Secrets::Hidden),
            "k3os.labels[c]: \"d\"\n    from b:3:12\n"
        );
        let all = text(&loaded, "", Secrets::Hidden);
        assert!(
            all.contains("k3os.k3s_args[1]: \"y\"") && all.contains("k3os.wifi[0].name: \"w\""),
            "{all}"
        );
        assert!(!all.contains("geheim"), "{all}");
        let asked = text(&loaded, "k3os.token", Secrets::Shown);
        assert!(asked.starts_with("k3os.token: \"geheim\"\n"), "{asked}");
    }

    #[test]
    fn keys_may_be_named_in_any_spelling() {
        let yaml = "k3os: {server_url: 'https://s:1', wifi: [{name: w, passphrase: geheim123}]}\n";
        let loaded = load(&[file("a", yaml)]);
        for key in [
            "k3os.serverUrl",
            "server_url",
            "K3OS.serverurl",
            "k3os.server_url.",
        ] {
            let found = text(&loaded, key, Secrets::Hidden);
            assert!(found.starts_with("k3os.server_url: "), "{key}: {found}");
        }
        let pass = text(&loaded, "wifi[0].pass", Secrets::Hidden);
        assert!(
            pass.starts_with("k3os.wifi[0].passphrase: (hidden)\n"),
            "{pass}"
        );
        assert_eq!(text(&loaded, "nothing", Secrets::Hidden), "");
    }

    #[test]
    fn a_replaced_list_is_told_once() {
        let first = file("a", "run_cmd: [x]\nssh_authorized_keys: [ssh-rsa A]\n");
        let second = file("b", "run_cmd: [y, z]\nssh_authorized_keys: [ssh-rsa B]\n");
        let all = text(&load(&[first, second]), "", Secrets::Hidden);
        let commands = "run_cmd[0]: \"y\"\n    from b:1:11\n    the whole of run_cmd in place of a:1:10\nrun_cmd[1]";
        assert!(all.contains(commands), "{all}");
        assert!(!all.contains("of ssh_authorized_keys"), "{all}");
    }

    #[test]
    fn secrets_in_arguments_variables_and_urls_are_hidden() {
        let yaml = "k3os:\n  k3s_args: [server, --token, geheim, --agent-token=geheim, '--datastore-endpoint=mysql://u:geheim@h/d']\n  \
                    environment: {https_proxy: 'http://me:geheim@proxy:1', API_TOKEN: geheim, DB_PASS: geheim}\n\
                    run_cmd: [k3s --token geheim agent]\n";
        let loaded = load(&[file("a", yaml)]);
        let all = text(&loaded, "", Secrets::Hidden);
        assert!(!all.contains("geheim"), "{all}");
        for line in [
            "k3os.k3s_args[3]: \"--agent-token=(hidden)\"",
            "k3os.k3s_args[4]: \"--datastore-endpoint=mysql://(hidden)@h/d\"",
            "run_cmd[0]: \"k3s --token (hidden) agent\"",
            "k3os.environment[https_proxy]: \"http://(hidden)@proxy:1\"",
        ] {
            assert!(all.contains(line), "{line} is not in {all}");
        }
        assert_eq!(
            text(&loaded, "", Secrets::Shown).matches("geheim").count(),
            7
        );
    }
}
