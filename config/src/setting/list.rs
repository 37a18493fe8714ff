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
        let before = self.len();
        for (node, number) in nodes.iter().zip(before..) {
            // Problems name the item by its own number; what it sets, by its place in the list.
            let mut item = None;
            reader.within(&format!("[{number}]"), |reader| {
                item = reader.whole_section(node)
            });
            if let Some(item) = item {
                reader.moved(number, self.len());
                reader.within(&format!("[{}]", self.len()), |reader| {
                    reader.record(node.place)
                });
                self.push(item);
            }
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

/// Adds each text that fits. An item that does not fit is reported by its own number and left out.
fn add_texts(list: &mut Vec<String>, nodes: &[Node], check: Check, reader: &mut Reader<'_>) {
    let before = list.len();
    for (node, number) in flat(nodes, reader).into_iter().zip(before..) {
        let mut texts = Vec::new();
        reader.within(&format!("[{number}]"), |reader| {
            texts = read_item(&node, check, reader)
        });
        for text in texts {
            reader.within(&format!("[{}]", list.len()), |reader| {
                reader.record(node.place)
            });
            list.push(text);
        }
    }
}

/// Lists in the list are taken for their items, as anchors of common parts have them; in a list of commands each is the
/// words of one, as in cloud-init.
fn flat(nodes: &[Node], reader: &Reader<'_>) -> Vec<Node> {
    let flatten = |node: &Node| match &node.value {
        Value::List(words) if reader.is_commands() => match command(words) {
            Some(line) => vec![Node::text(node.place, line)],
            None => vec![node.clone()],
        },
        Value::List(items) => items.clone(),
        _ => vec![node.clone()],
    };
    nodes.iter().flat_map(flatten).collect()
}

/// A line for the shell of words that it shall take as they are. `None` where one of them is no text.
fn command(words: &[Node]) -> Option<String> {
    let quoted = |node: &Node| match &node.value {
        Value::Scalar(scalar) => Some(format!("'{}'", scalar.text.replace('\'', "'\\''"))),
        _ => None,
    };
    words
        .iter()
        .map(quoted)
        .collect::<Option<Vec<_>>>()
        .map(|words| words.join(" "))
}

/// Adds each key that fits and is not there yet.
fn add_keys(list: &mut Vec<String>, nodes: &[Node], check: Check, reader: &mut Reader<'_>) {
    let mut known: BTreeSet<String> = list.iter().cloned().collect();
    let before = list.len();
    for (node, number) in flat(nodes, reader).into_iter().zip(before..) {
        let mut keys = Vec::new();
        reader.within(&format!("[{number}]"), |reader| {
            keys = read_keys(&node, check, reader)
        });
        keys.retain(|key| known.insert(key.clone()));
        for key in keys {
            reader.within(&format!("[{}]", list.len()), |reader| {
                reader.record(node.place)
            });
            list.push(key);
        }
    }
}

/// Each line is a key, as in an authorized_keys file, comments and empty lines left out.
fn read_keys(node: &Node, check: Check, reader: &mut Reader<'_>) -> Vec<String> {
    let Some(text) = text::whole(node, reader) else {
        return Vec::new();
    };
    // Of a private key, which has lines too, one message says enough.
    if text.contains("PRIVATE KEY") {
        return text::passed(text, "", check, node.place, reader)
            .into_iter()
            .collect();
    }
    let is_key = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let lines: Vec<&str> = text
        .split(['\n', '\r'])
        .map(str::trim)
        .filter(is_key)
        .collect();
    if lines.is_empty() {
        reader.warning(node.place, "is empty and left out", None);
    }
    let pass = |line: &str| text::passed(line.to_owned(), "", check, node.place, reader);
    lines.into_iter().filter_map(pass).collect()
}

/// A text of several lines that does not fit as one is an item each line.
fn read_item(node: &Node, check: Check, reader: &mut Reader<'_>) -> Vec<String> {
    let Some(text) = text::whole(node, reader) else {
        return Vec::new();
    };
    if text.is_empty() || (text.trim().is_empty() && check("", &text).is_err()) {
        reader.warning(node.place, "is empty and left out", None);
        return Vec::new();
    }
    let has_lines = text.trim().contains('\n') && check("", text.trim()).is_err();
    let texts: Vec<String> = match has_lines {
        true => text.lines().map(|line| line.trim().to_owned()).collect(),
        false => vec![text],
    };
    texts
        .into_iter()
        .filter(|text| !text.is_empty())
        .filter_map(|text| text::passed(text, "", check, node.place, reader))
        .collect()
}
