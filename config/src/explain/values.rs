//! The values of a configuration as `explain` shows them.

use super::{Secrets, hide};
use crate::dump;
use crate::model::Config;
use crate::reader::Origins;
use crate::schema::{Field, Kind, Section};
use crate::source::Loaded;
use serde_json::Value as Json;

/// A value that some source said something about.
pub(super) enum Value {
    /// As it is shown.
    Set(String),
    /// Some source set it to nothing.
    Empty,
}

/// Every value that is set or cleared, by key; items of lists and maps each by their own.
pub(super) fn values(loaded: &Loaded, secrets: Secrets) -> Vec<(String, Value)> {
    let mut walk = Walk {
        secrets,
        origins: &loaded.origins,
        found: Vec::new(),
    };
    walk.section("", Config::FIELDS, &dump::snake(&loaded.config));
    walk.found
}

struct Walk<'a> {
    secrets: Secrets,
    origins: &'a Origins,
    found: Vec<(String, Value)>,
}

impl Walk<'_> {
    fn section(&mut self, parent: &str, fields: &[Field], section: &Json) {
        for field in fields {
            let camel = crate::schema::camel_case(field.name);
            let key = if parent.is_empty() {
                field.name.to_owned()
            } else {
                format!("{parent}.{}", field.name)
            };
            match section.get(field.name).or_else(|| section.get(&camel)) {
                None => self.nothing(&key, field.kind),
                Some(Json::String(text)) if text.is_empty() => self.nothing(&key, field.kind),
                Some(value) => self.value(&key, field.kind, value),
            }
        }
    }

    /// A key without a value is worth a line when a source made it so.
    fn nothing(&mut self, key: &str, kind: Kind) {
        let value = match kind {
            Kind::Bool => Value::Set("false".into()),
            _ => Value::Empty,
        };
        if !self.origins.history(key).is_empty() {
            self.found.push((key.to_owned(), value));
        }
    }

    fn set(&mut self, key: String, shown: String) {
        self.found.push((key, Value::Set(shown)));
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
                    self.set(format!("{key}[{name}]"), value);
                }
            }
            (Kind::Secret, _) => {
                let value = self.shown(value, |_| hide::HIDDEN.to_owned());
                self.set(key.to_owned(), value);
            }
            (Kind::Content, Json::String(text)) => {
                self.set(key.to_owned(), format!("({} bytes)", text.len()));
            }
            (_, value) => {
                let value = self.shown(value, hide::in_urls);
                self.set(key.to_owned(), value);
            }
        }
    }

    fn list(&mut self, key: &str, items: &[Json]) {
        for (number, item) in items.iter().enumerate() {
            let before = number.checked_sub(1).and_then(|n| items.get(n)?.as_str());
            let value = self.shown(item, |text| {
                hide::argument(before.unwrap_or_default(), text)
            });
            self.set(format!("{key}[{number}]"), value);
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
