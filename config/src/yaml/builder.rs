//! Builds the tree from the parser's events, within bounds.

use super::{Cause, Document, Remark};
use crate::problem::Place;
use crate::tree::{Entry, Node, Scalar, Style, Value};
use saphyr_parser::{Event, ScalarStyle, Tag};
use std::collections::{BTreeMap, BTreeSet};

/// Deeper nesting than any configuration has; bounds recursion over the tree.
const MAX_DEPTH: usize = 64;
/// Values in one document, aliases unfolded.
const MAX_NODES: usize = 200_000;
/// Characters in one document, aliases unfolded, in bytes.
const MAX_UNFOLDED: usize = 4 * super::MAX_BYTES;

#[derive(Default)]
pub(super) struct Builder {
    open: Vec<Frame>,
    anchors: BTreeMap<usize, Node>,
    size: Size,
    document: Document,
}

/// A list or map whose end has not been seen.
struct Frame {
    place: Place,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<Node>,
    },
}

/// How much trees hold, aliases unfolded.
#[derive(Default, Clone, Copy)]
pub(super) struct Size {
    nodes: usize,
    bytes: usize,
}

impl Builder {
    /// Builds a tree beside others of that size.
    pub(super) fn new(size: Size) -> Self {
        Self {
            size,
            ..Self::default()
        }
    }

    /// Whether a whole document has been read.
    pub(super) fn is_complete(&self) -> bool {
        self.document.root.is_some()
    }

    pub(super) fn remark(&mut self, remark: Remark) {
        self.document.remarks.push(remark);
    }

    pub(super) fn finish(self) -> (Document, Size) {
        (self.document, self.size)
    }

    pub(super) fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Remark> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = Node {
                    place,
                    value: scalar(&text, style, tag.as_deref()),
                };
                self.grow(size_of(&node), place)?;
                self.add(node, anchor)?;
            }
            Event::SequenceStart(anchor, _) => {
                self.open(place, anchor, Content::List(Vec::new()))?
            }
            Event::MappingStart(anchor, _) => {
                self.open(
                    place,
                    anchor,
                    Content::Map {
                        entries: Vec::new(),
                        key: None,
                    },
                )?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Alias(anchor) => self.alias(anchor, place)?,
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, place: Place, anchor: usize, content: Content) -> Result<(), Remark> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Remark::new(Cause::Size, place, message));
        }
        self.grow(Size { nodes: 1, bytes: 0 }, place)?;
        self.open.push(Frame {
            place,
            anchor,
            content,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Remark> {
        let Some(Frame {
            place,
            anchor,
            content,
        }) = self.open.pop()
        else {
            return Ok(());
        };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, .. } => {
                let remarks = &mut self.document.remarks;
                Value::Map(merge_keys(entries, remarks))
            }
        };
        self.add(Node { place, value }, anchor)
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Remark> {
        let Some(node) = self.anchors.get(&anchor) else {
            let message = "this alias stands inside the value that it repeats";
            self.remark(Remark::new(Cause::Text, place, message));
            let value = Value::Null;
            return self.add(Node { place, value }, 0);
        };
        let (size, copy) = (size_of(node), node.clone());
        self.grow(size, place)?;
        self.add(copy, 0)
    }

    fn grow(&mut self, by: Size, place: Place) -> Result<(), Remark> {
        self.size.nodes += by.nodes;
        self.size.bytes += by.bytes;
        if self.size.nodes > MAX_NODES || self.size.bytes > MAX_UNFOLDED {
            let message = format!(
                "unfolds to more than {MAX_NODES} values or {} MiB, counting what aliases (*NAME) repeat",
                MAX_UNFOLDED >> 20
            );
            return Err(Remark::new(Cause::Size, place, message));
        }
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Remark> {
        if anchor != 0 {
            // The copy kept for aliases is memory too: anchors may stand inside one another.
            self.grow(size_of(&node), node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(frame) = self.open.last_mut() else {
            self.document.root = Some(node);
            return Ok(());
        };
        match &mut frame.content {
            Content::List(items) => items.push(node),
            Content::Map {
                key: key @ None, ..
            } => *key = Some(node),
            Content::Map { entries, key } => {
                if let Some(problem) = add_entry(entries, key.take(), node) {
                    self.document.remarks.push(problem);
                }
            }
        }
        Ok(())
    }
}

/// Adds an entry when its key is a scalar.
fn add_entry(entries: &mut Vec<Entry>, key: Option<Node>, value: Node) -> Option<Remark> {
    let key = key?;
    let place = key.place;
    match key.value {
        Value::Scalar(scalar) => entries.push(Entry {
            key: scalar.text,
            place,
            value,
        }),
        Value::Null => entries.push(Entry {
            key: "null".into(),
            place,
            value,
        }),
        Value::List(_) | Value::Map(_) => {
            let message = "a list or map cannot be a key; the entry is skipped";
            return Some(Remark::new(Cause::Text, place, message));
        }
    }
    None
}

/// Puts the entries of `<<: *other` behind the map's own, leaving out keys that the map has.
fn merge_keys(entries: Vec<Entry>, remarks: &mut Vec<Remark>) -> Vec<Entry> {
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|e| e.key == "<<");
    if merges.is_empty() {
        return own;
    }
    let mut known: BTreeSet<String> = own.iter().map(|entry| entry.key.clone()).collect();
    for merge in merges {
        let merged = merged_entries(merge.value, remarks).into_iter();
        own.extend(merged.filter(|entry| known.insert(entry.key.clone())));
    }
    own
}

fn merged_entries(node: Node, remarks: &mut Vec<Remark>) -> Vec<Entry> {
    let found = node.description();
    match node.value {
        Value::Map(entries) => entries,
        Value::List(items) => items
            .into_iter()
            .flat_map(|item| merged_entries(item, remarks))
            .collect(),
        Value::Null | Value::Scalar(_) => {
            let message = format!(
                "<< takes the keys of a map or of a list of maps, found {found}; it is skipped"
            );
            remarks.push(Remark::new(Cause::Text, node.place, message));
            Vec::new()
        }
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let style = match core_tag(tag) {
        Some("binary") => Style::Binary,
        Some("str") => Style::Quoted,
        _ if style == ScalarStyle::Plain => Style::Plain,
        _ => Style::Quoted,
    };
    if style == Style::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Scalar(Scalar {
        text: text.to_owned(),
        style,
    })
}

fn core_tag(tag: Option<&Tag>) -> Option<&str> {
    tag.filter(|tag| tag.is_yaml_core_schema())
        .map(|tag| tag.suffix.as_str())
}

fn size_of(node: &Node) -> Size {
    let own = Size { nodes: 1, bytes: 0 };
    let children: Vec<Size> = match &node.value {
        Value::Null => return own,
        Value::Scalar(scalar) => {
            return Size {
                nodes: 1,
                bytes: scalar.text.len(),
            };
        }
        Value::List(items) => items.iter().map(size_of).collect(),
        Value::Map(entries) => entries.iter().map(entry_size).collect(),
    };
    children.into_iter().fold(own, |sum, child| Size {
        nodes: sum.nodes + child.nodes,
        bytes: sum.bytes + child.bytes,
    })
}

fn entry_size(entry: &Entry) -> Size {
    let value = size_of(&entry.value);
    Size {
        nodes: value.nodes + 1,
        bytes: value.bytes + entry.key.len(),
    }
}
