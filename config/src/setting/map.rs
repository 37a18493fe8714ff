//! Maps of text.

use super::{Setting, text};
use crate::check::Check;
use crate::reader::Reader;
use crate::schema::Kind;
use crate::tree::{Entry, Node, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

impl Setting for BTreeMap<String, String> {
    const KIND: Kind = Kind::TextMap;

    fn set(&mut self, node: &Node, check: Check, reader: &mut Reader<'_>) {
        let entries: &[Entry] = match &node.value {
            Value::Null => &[],
            Value::Map(entries) => entries,
            Value::Scalar(_) | Value::List(_) => {
                let message = format!("expected a map of text, found {}", node.description());
                reader.error(
                    node.place,
                    message,
                    Some("write NAME: VALUE, one a line".into()),
                );
                return;
            }
        };
        if reader.replaces(node.place) {
            self.clear();
        }
        for entry in entries {
            reader.within(&format!("[{}]", entry.key), |reader| {
                add(self, entry, check, reader)
            });
        }
    }

    fn to_json(&self) -> Option<Json> {
        let entry = |(key, value): (&String, &String)| (key.clone(), Json::from(value.clone()));
        (!self.is_empty()).then(|| Json::Object(self.iter().map(entry).collect()))
    }
}

/// Adds one entry. White space around the value is cut off, as k3OS does.
fn add(map: &mut BTreeMap<String, String>, entry: &Entry, check: Check, reader: &mut Reader<'_>) {
    if let Value::Map(_) = entry.value.value {
        let hint = format!("write {}.NAME: VALUE on one line", entry.key);
        return reader.error(entry.value.place, "expected text, found a map", Some(hint));
    }
    let Some(value) = text::read(&entry.value, &entry.key, check, reader) else {
        return;
    };
    if map
        .insert(entry.key.clone(), value.trim().to_owned())
        .is_some()
    {
        reader.warning(
            entry.place,
            "is given twice here; the later one counts",
            None,
        );
    }
    reader.record(entry.place);
}
