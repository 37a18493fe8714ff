//! Each value with the source and line that it came from, and what it replaced. Secrets are hidden unless asked for.

mod hide;

use crate::dump;
use crate::model::Config;
use crate::schema::{Field, Kind, Section};
use crate::source::Loaded;
use serde_json::Value as Json;

/// Whether secrets are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// As `(hidden)`.
    Hidden,
    /// As they are.
    Shown,
}

/// One line for each value whose key begins with `prefix` (any spelling of snake_case; empty for all).
pub fn text(loaded: &Loaded, prefix: &str, secrets: Secrets) -> String {
    let mut lines = String::new();
    for (key, value) in values(&loaded.config, secrets) {
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
    fn secrets_in_arguments_variables_and_urls_are_hidden() {
        let yaml = "k3os:\n  k3s_args: [server, --token, geheim, --agent-token=geheim, '--datastore-endpoint=mysql://u:geheim@h/d']\n  \
                    environment: {https_proxy: 'http://me:geheim@proxy:1', API_TOKEN: geheim}\n";
        let loaded = load(&[file("a", yaml)]);
        let all = text(&loaded, "", Secrets::Hidden);
        assert!(!all.contains("geheim"), "{all}");
        for line in [
            "k3os.k3s_args[3]: \"--agent-token=(hidden)\"",
            "k3os.k3s_args[4]: \"--datastore-endpoint=mysql://(hidden)@h/d\"",
            "k3os.environment[https_proxy]: \"http://(hidden)@proxy:1\"",
        ] {
            assert!(all.contains(line), "{line} is not in {all}");
        }
        assert_eq!(
            text(&loaded, "", Secrets::Shown).matches("geheim").count(),
            5
        );
    }
}
