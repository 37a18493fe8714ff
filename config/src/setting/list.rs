//! Lists of text and of sections.

use super::{Setting, text};
use crate::check::Check;
use crate::dump;
use crate::reader::Reader;
use crate::schema::{Kind, Section};
use crate::tree::{Node, Value};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// ssh keys. Unlike other lists, those of all sources add up: losing a key locks its owner out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshKeys(pub Vec<String>);

impl Setting for Vec<String> {
    const KIND: Kind = Kind::TextList;

    fn set(&mut self, node: &Node, check: Check, reader: &mut Reader<'_>) {
        let Some(nodes) = items(node, "a list of text", reader) else {
            return;
        };
        if reader.replaces(node.place) {
            self.clear();
        }
        add_texts(self, nodes, check, reader);
    }

    fn to_json(&self) -> Option<Json> {
        (!self.is_empty()).then(|| Json::from(self.clone()))
    }
}

impl Setting for SshKeys {
    const KIND: Kind = Kind::TextList;

    fn set(&mut self, node: &Node, check: Check, reader: &mut Reader<'_>) {
        let Some(nodes) = items(node, "a list of text", reader) else {
            return;
        };
        if nodes.is_empty() && !self.0.is_empty() {
            let hint =
                "remove them where they are set, see `k3os config explain ssh_authorized_keys`";
            let message = "takes no key away: the keys of all sources add up";
            reader.warning(node.place, message, Some(hint.into()));
        }
        reader.record(node.place);
        add_keys(&mut self.0, nodes, check, reader);
    }

    fn to_json(&self) -> Option<Json> {
        self.0.to_json()
    }
}

impl<S: Section> Setting for Vec<S> {
    const KIND: Kind = Kind::Sections(S::FIELDS);

    fn set(&mut self, node: &Node, _check: Check, reader: &mut Reader<'_>) {
        let Some(nodes) = items(node, "a list of maps", reader) else {
            return;
        };
        if reader.replaces(node.place) {
            self.clear();
        }
        for node in nodes {
            reader.within(&format!("[{}]", self.len()), |reader| {
                if let Some(item) = reader.whole_section(node) {
                    reader.record(node.place);
                    self.push(item);
                }
            });
        }
    }

    fn to_json(&self) -> Option<Json> {
        (!self.is_empty()).then(|| self.iter().map(dump::section).collect())
    }
}

/// The items of a list. A value that stands alone is a list of one; nothing is an empty list.
fn items<'a>(node: &'a Node, expected: &str, reader: &mut Reader<'_>) -> Option<&'a [Node]> {
    match &node.value {
        Value::Null => Some(&[]),
        Value::List(items) => Some(items),
        Value::Scalar(_) if expected == "a list of text" => Some(std::slice::from_ref(node)),
        Value::Map(_) if expected == "a list of maps" => Some(std::slice::from_ref(node)),
        Value::Scalar(_) | Value::Map(_) => {
            let message = format!("expected {expected}, found {}", node.description());
            reader.error(
                node.place,
                message,
                Some("start each item with \"- \"".into()),
            );
            None
        }
    }
}

/// Adds each text that fits. An item that does not fit is reported and left out.
fn add_texts(list: &mut Vec<String>, nodes: &[Node], check: Check, reader: &mut Reader<'_>) {
    for node in nodes {
        reader.within(&format!("[{}]", list.len()), |reader| {
            if let Some(text) = read_item(node, check, reader) {
                reader.record(node.place);
                list.push(text);
            }
        });
    }
}

/// Adds each key that fits and is not there yet.
fn add_keys(list: &mut Vec<String>, nodes: &[Node], check: Check, reader: &mut Reader<'_>) {
    let mut known: BTreeSet<String> = list.iter().cloned().collect();
    for node in nodes {
        reader.within(&format!("[{}]", list.len()), |reader| {
            let key = read_item(node, check, reader).map(|key| key.trim().to_owned());
            if let Some(key) = key.filter(|key| known.insert(key.clone())) {
                reader.record(node.place);
                list.push(key);
            }
        });
    }
}

fn read_item(node: &Node, check: Check, reader: &mut Reader<'_>) -> Option<String> {
    let text = text::read(node, "", check, reader)?;
    if text.is_empty() {
        reader.warning(node.place, "is empty and left out", None);
        return None;
    }
    Some(text)
}
