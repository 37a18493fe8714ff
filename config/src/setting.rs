//! How each type of value is read, merged and shown.

mod list;
mod map;
mod text;

pub use list::SshKeys;
pub use text::Content;

use crate::check::Check;
use crate::dump;
use crate::reader::Reader;
use crate::schema::{Kind, Section};
use crate::tree::{Node, Value};
use serde_json::Value as Json;

/// The value of a key.
pub trait Setting {
    /// What it holds.
    const KIND: Kind;

    /// Takes over what a source says. What does not fit is reported and the value stays as it was.
    fn set(&mut self, node: &Node, check: Check, reader: &mut Reader<'_>);

    /// k3OS's JSON form, secrets included; `None` when nothing is set.
    fn to_json(&self) -> Option<Json>;
}

impl<S: Section> Setting for S {
    const KIND: Kind = Kind::Section(S::FIELDS);

    fn set(&mut self, node: &Node, _check: Check, reader: &mut Reader<'_>) {
        reader.section(self, node);
    }

    fn to_json(&self) -> Option<Json> {
        Some(dump::section(self))
    }
}

impl Setting for bool {
    const KIND: Kind = Kind::Bool;

    fn set(&mut self, node: &Node, _check: Check, reader: &mut Reader<'_>) {
        let value = match &node.value {
            Value::Null => Some(false),
            Value::Scalar(scalar) => truth(&scalar.text),
            Value::List(_) | Value::Map(_) => None,
        };
        match value {
            Some(value) => {
                *self = value;
                reader.record(node.place);
            }
            None => reader.error(node.place, "expected true or false", None),
        }
    }

    fn to_json(&self) -> Option<Json> {
        self.then_some(Json::Bool(true))
    }
}

/// The booleans of YAML 1.1, which k3OS's files use, and 1 and 0.
fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" => Some(true),
        "false" | "no" | "off" | "n" | "0" => Some(false),
        _ => None,
    }
}
