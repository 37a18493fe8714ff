//! What can be saved of a text that is not YAML as a whole: its top-level parts, each by itself.
//!
//! A slip in one key must not cost the ssh keys that stand in the same file.

use super::{Document, Remark, parse};
use crate::problem::Place;
use crate::tree::{Entry, Node, Value};

/// Larger texts are not taken apart, since each part costs time by its place in the text.
const MAX_BYTES: usize = 256 << 10;
/// Nor are texts of more parts than anybody writes.
const MAX_PARTS: usize = 200;

/// The parts that are YAML, as one document; a remark for each that is not. `None` when no part is.
pub fn parse_parts(text: &str) -> Option<Document> {
    let parts = parts(text);
    if text.len() > MAX_BYTES || !(2..=MAX_PARTS).contains(&parts.len()) {
        return None;
    }
    let mut remarks = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    for part in &parts {
        match parse_part(part) {
            Ok(document) => {
                remarks.extend(document.remarks);
                entries.extend(document.root.and_then(into_entries).into_iter().flatten());
            }
            Err(remark) => remarks.push(Remark {
                message: format!("{}{}", part.name(), remark.message),
                ..remark
            }),
        }
    }
    let root = Node {
        place: Place::START,
        value: Value::Map(entries),
    };
    let is_empty = matches!(&root.value, Value::Map(entries) if entries.is_empty());
    (!is_empty).then_some(Document {
        root: Some(root),
        remarks,
    })
}

/// Lines that belong together, and how many stand before them.
struct Part {
    before: usize,
    text: String,
}

impl Part {
    /// `KEY: `, where the part begins with something that may be a key.
    fn name(&self) -> String {
        let key = self
            .text
            .split([':', '\n'])
            .next()
            .unwrap_or_default()
            .trim();
        let is_key = !key.is_empty()
            && key.len() <= 40
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        if is_key {
            format!("{key}: ")
        } else {
            String::new()
        }
    }
}

/// A part begins with a line that is not indented and not an item. What follows the document's end is left out.
fn parts(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (before, line) in text.lines().enumerate() {
        let is_marker = line.starts_with("---") || line.starts_with("...");
        if is_marker && !parts.is_empty() {
            break;
        }
        let continues = line.is_empty() || line.starts_with([' ', '\t', '-', '#', '\u{feff}']);
        if is_marker || (continues && parts.is_empty()) {
            continue;
        }
        if !continues {
            parts.push(Part {
                before,
                text: String::new(),
            });
        }
        if let Some(part) = parts.last_mut() {
            part.text.extend([line, "\n"]);
        }
    }
    parts
}

/// Parses a part at its place in the text.
fn parse_part(part: &Part) -> Result<Document, Remark> {
    let document = parse(&("\n".repeat(part.before) + &part.text))?;
    match &document.root {
        Some(root) if !matches!(root.value, Value::Map(_)) => Err(Remark {
            place: root.place,
            message: "this is not YAML: expected KEY: VALUE".into(),
        }),
        _ => Ok(document),
    }
}

fn into_entries(node: Node) -> Option<Vec<Entry>> {
    match node.value {
        Value::Map(entries) => Some(entries),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<(String, usize)> {
        let root = parse_parts(text).and_then(|document| document.root);
        let entries = root.and_then(into_entries).unwrap_or_default();
        entries
            .into_iter()
            .map(|entry| (entry.key, entry.place.line))
            .collect()
    }

    fn key(name: &str, line: usize) -> (String, usize) {
        (name.to_owned(), line)
    }

    #[test]
    fn parts_beside_a_broken_one_are_saved_at_their_places() {
        let text = "# x\nssh_authorized_keys:\n- a\n# y\n- b\nk3os:\n  labels: [a\nhostname: h\nrun_cmd:\n- |\n  a: [\n";
        assert_eq!(
            keys(text),
            [
                key("ssh_authorized_keys", 2),
                key("hostname", 8),
                key("run_cmd", 9)
            ]
        );
        let remarks = parse_parts(text)
            .map(|document| document.remarks)
            .unwrap_or_default();
        assert_eq!(remarks.len(), 1);
        assert!((6..=9).contains(&remarks[0].place.line), "{remarks:?}");
        assert!(
            remarks[0].message.starts_with("k3os: this is not YAML"),
            "{remarks:?}"
        );
    }

    #[test]
    fn a_line_that_is_no_key_is_a_remark() {
        let text = "hostname: h\nwhat\nrun_cmd: [a]\n";
        assert_eq!(keys(text), [key("hostname", 1), key("run_cmd", 3)]);
        assert_eq!(
            parse_parts(text).map(|document| document.remarks.len()),
            Some(1)
        );
    }

    #[test]
    fn nothing_is_saved_of_one_part_or_of_a_second_document() {
        assert!(parse_parts("{\"a\": [1\n").is_none());
        assert_eq!(keys("---\na: 1\nb: [\n---\nc: 3\n"), [key("a", 2)]);
    }
}
