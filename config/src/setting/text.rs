//! Text, secrets and the content of files.

use super::Setting;
use crate::check::Check;
use crate::problem::{Place, Severity};
use crate::reader::Reader;
use crate::schema::Kind;
use crate::secret::Secret;
use crate::tree::{Node, Style, Value};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use std::fmt;

/// The content of a file: text, or any bytes from `!!binary`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Content(pub Vec<u8>);

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes)", self.0.len())
    }
}

impl Setting for String {
    const KIND: Kind = Kind::Text;

    fn set(&mut self, node: &Node, check: Check, reader: &mut Reader<'_>) {
        if let Some(text) = read(node, "", check, reader) {
            *self = text;
            reader.record(node.place);
        }
    }

    fn to_json(&self) -> Option<Json> {
        (!self.is_empty()).then(|| Json::String(self.clone()))
    }
}

impl Setting for Secret {
    const KIND: Kind = Kind::Secret;

    fn set(&mut self, node: &Node, check: Check, reader: &mut Reader<'_>) {
        if let Some(text) = read(node, "", check, reader) {
            *self = Secret::new(text);
            reader.record(node.place);
        }
    }

    fn to_json(&self) -> Option<Json> {
        (!self.is_empty()).then(|| Json::String(self.reveal().to_owned()))
    }
}

impl Setting for Content {
    const KIND: Kind = Kind::Content;

    fn set(&mut self, node: &Node, _check: Check, reader: &mut Reader<'_>) {
        if let Some(bytes) = bytes(node, reader) {
            self.0 = bytes;
            reader.record(node.place);
        }
    }

    /// Text as it is. Other bytes have no JSON form: they become base64, and the section says so.
    fn to_json(&self) -> Option<Json> {
        let text = match str::from_utf8(&self.0) {
            Ok(text) => text.to_owned(),
            Err(_) => STANDARD.encode(&self.0),
        };
        (!text.is_empty()).then_some(Json::String(text))
    }
}

/// Reads one text that passes its check. `name` is its key in a map, else empty. `None` was reported.
pub(super) fn read(
    node: &Node,
    name: &str,
    check: Check,
    reader: &mut Reader<'_>,
) -> Option<String> {
    let text = whole(node, reader)?;
    passed(text, name, check, node.place, reader)
}

/// The text of a scalar, not checked yet. `None` was reported.
pub(super) fn whole(node: &Node, reader: &mut Reader<'_>) -> Option<String> {
    let bytes = bytes(node, reader)?;
    let Ok(text) = String::from_utf8(bytes) else {
        reader.error(
            node.place,
            "expected text, found bytes that are not UTF-8",
            None,
        );
        return None;
    };
    Some(text)
}

/// The text when it passes its check, if need be without the blanks and line breaks around it: YAML's block texts end with a
/// line break that nobody means. `None` was reported.
pub(super) fn passed(
    text: String,
    name: &str,
    check: Check,
    place: Place,
    reader: &mut Reader<'_>,
) -> Option<String> {
    if text.is_empty() || check(name, &text).is_ok() {
        return Some(text);
    }
    let text = text.trim();
    let complaint = match check(name, text) {
        _ if text.is_empty() => return Some(String::new()),
        Ok(()) => return Some(text.to_owned()),
        Err(complaint) => complaint,
    };
    let severity = complaint.severity;
    reader.problem(severity, Some(place), complaint.message, complaint.hint);
    let taken = complaint.instead.unwrap_or_else(|| text.to_owned());
    (severity == Severity::Warning).then_some(taken)
}

/// The bytes of a scalar. `None` was reported.
fn bytes(node: &Node, reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let scalar = match &node.value {
        Value::Null => return Some(Vec::new()),
        Value::Scalar(scalar) => scalar,
        Value::List(_) | Value::Map(_) => {
            reader.error(
                node.place,
                format!("expected text, found {}", node.description()),
                None,
            );
            return None;
        }
    };
    if scalar.style != Style::Binary {
        return Some(scalar.text.clone().into_bytes());
    }
    let packed: String = scalar.text.split_ascii_whitespace().collect();
    match STANDARD.decode(packed) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            reader.error(node.place, format!("!!binary needs base64: {error}"), None);
            None
        }
    }
}
