//! What can be saved of a text that is not YAML as a whole: its top-level parts, each by itself.
//!
//! A slip in one key must not cost the ssh keys that stand in the same file.

use super::builder::Size;
use super::{Cause, Document, Remark, parse_sized};
use crate::problem::Place;
use crate::tree::{Entry, Node, Value};

/// Larger texts are not taken apart, since each part costs time by its place in the text.
const MAX_BYTES: usize = 256 << 10;
/// Nor are texts of more parts than anybody writes.
const MAX_PARTS: usize = 200;

/// The parts that are YAML, as one document; a remark for each that is not. `None` when no part is. `whole` is why the text as
/// a whole is refused. Together the parts may unfold to no more than a whole text.
pub fn parse_parts(text: &str, whole: &Remark) -> Option<Document> {
    let parts = parts(text);
    if text.len() > MAX_BYTES || !(2..=MAX_PARTS).contains(&parts.len()) {
        return None;
    }
    let mut remarks = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    let mut size = Size::default();
    for part in &parts {
        match parse_part(part, size) {
            Ok((document, grown)) => {
                size = grown;
                remarks.extend(document.remarks);
                entries.extend(document.root.and_then(into_entries).into_iter().flatten());
            }
            Err(remark) => remarks.push(refusal(remark, part, &parts, whole)),
        }
    }
    // Each by itself may be small enough; the file is not.
    if whole.cause == Cause::Size && remarks.iter().all(|remark| remark.cause != Cause::Size) {
        remarks.insert(0, whole.clone());
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

/// The top-level keys of a text, as far as they can be told of one that may not be YAML.
pub struct Keys(Vec<Part>);

impl Keys {
    /// Finds them.
    pub fn of(text: &str) -> Self {
        Self(parts(text))
    }

    /// The one that a line belongs to; empty where that is not known.
    pub fn at(&self, line: usize) -> &str {
        part_at(&self.0, line).map(Part::name).unwrap_or_default()
    }
}

fn part_at(parts: &[Part], line: usize) -> Option<&Part> {
    let behind = parts.partition_point(|part| part.before < line);
    parts.get(behind.checked_sub(1)?)
}

/// Why a part is refused. An alias may only have lost its anchor because the parts are read one by one.
fn refusal(remark: Remark, part: &Part, parts: &[Part], whole: &Remark) -> Remark {
    let is_lost = remark.cause == Cause::Anchor && whole.place != remark.place;
    let is_here = part_at(parts, whole.place.line).is_some_and(|at| at.before == part.before);
    let refusal = match (is_lost, is_here && whole.cause == Cause::Size) {
        (false, _) => remark,
        (true, true) => whole.clone(),
        (true, false) => Remark::new(Cause::Anchor, remark.place, LOST),
    };
    let key = part.name().to_owned();
    Remark { key, ..refusal }
}

const LOST: &str = "repeats an anchor (&NAME) that stands outside of this key, which cannot be followed while the whole file \
                    is refused";

/// Lines that belong together, and how many stand before them.
struct Part {
    before: usize,
    text: String,
}

impl Part {
    /// What the part begins with, where that may be a key; else empty.
    fn name(&self) -> &str {
        let begin = self.text.split([':', '\n']).next().unwrap_or_default();
        let key = begin.trim();
        let is_key = key.len() <= 40
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        if is_key { key } else { "" }
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
fn parse_part(part: &Part, size: Size) -> Result<(Document, Size), Remark> {
    let (document, size) = parse_sized(&("\n".repeat(part.before) + &part.text), size)?;
    match &document.root {
        Some(root) if !matches!(root.value, Value::Map(_)) => Err(Remark::new(
            Cause::Text,
            root.place,
            "this is not YAML: expected KEY: VALUE",
        )),
        _ => Ok((document, size)),
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
    use crate::yaml::parse;

    fn parts_of(text: &str) -> Option<Document> {
        parse_parts(text, &parse(text).expect_err("a text that is refused"))
    }

    fn keys(text: &str) -> Vec<(String, usize)> {
        let root = parts_of(text).and_then(|document| document.root);
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
        let remarks = parts_of(text)
            .map(|document| document.remarks)
            .unwrap_or_default();
        assert_eq!(remarks.len(), 1);
        assert!((6..=9).contains(&remarks[0].place.line), "{remarks:?}");
        assert_eq!(remarks[0].key, "k3os");
        assert!(
            remarks[0].message.starts_with("this is not YAML"),
            "{remarks:?}"
        );
    }

    #[test]
    fn a_line_that_is_no_key_is_a_remark() {
        let text = "hostname: h\nwhat\nrun_cmd: [a]\n";
        assert_eq!(keys(text), [key("hostname", 1), key("run_cmd", 3)]);
        assert_eq!(
            parts_of(text).map(|document| document.remarks.len()),
            Some(1)
        );
    }

    #[test]
    fn nothing_is_saved_of_one_part_or_of_a_second_document() {
        assert!(parts_of("{\"a\": [1\n").is_none());
        assert_eq!(keys("---\na: 1\nb: [\n---\nc: 3\n"), [key("a", 2)]);
    }

    #[test]
    fn every_line_has_its_key() {
        let text = "# x\nhostname: h\nrun_cmd:\n- a\n\n- b\n\"k3os\": {}\n";
        let all = Keys::of(text);
        let keys: Vec<_> = (1..=7).map(|line| all.at(line)).collect();
        assert_eq!(
            keys,
            [
                "", "hostname", "run_cmd", "run_cmd", "run_cmd", "run_cmd", ""
            ]
        );
    }

    /// Each part is below the bound; 200 of them would take 12 GiB.
    #[test]
    fn the_parts_together_are_bounded() {
        let scalar = "q".repeat(900);
        let part = |n: usize| {
            let tens = ["*a"; 32].join(",");
            let more = ["*b"; 32].join(",");
            let most = ["*c"; 32].join(",");
            format!("x{n}: [&a {scalar}, &b [{tens}], &c [{more}], &d [{most}]]\n")
        };
        let text: String = (0..40).map(part).collect();
        let document = parts_of(&(text + "hostname: h\n")).expect("some parts");
        let refused = document.remarks.iter().filter(|r| r.cause == Cause::Size);
        assert!(refused.count() >= 37, "{}", document.remarks.len());
        let entries = document.root.and_then(into_entries).expect("a map");
        assert_eq!(
            entries.last().map(|entry| entry.key.as_str()),
            Some("hostname")
        );
    }
}
