//! What a source says before it is given a meaning: scalars as they are spelled, lists and maps, each
//! with its position. YAML and the command line both become such a tree.

use crate::problem::Place;

/// A value and where it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it starts.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// A value without a meaning yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing: `key:` or `key: null`.
    Null,
    /// A scalar, in the spelling of the source.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map. Keys may repeat: the reader decides and reports.
    Map(Vec<Entry>),
}

/// A scalar in its own spelling: `012345`, `yes` and `1048576` stay what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The characters.
    pub text: String,
    /// How they are meant.
    pub style: Style,
}

/// How the characters of a scalar are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Not quoted: may be meant as a number or a boolean.
    Plain,
    /// Quoted, a block, or tagged `!!str`: text.
    Quoted,
    /// Tagged `!!binary`: base64 of any bytes.
    Binary,
}

/// One `key: value` of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key in the spelling of the source.
    pub key: String,
    /// Where the key starts.
    pub place: Place,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// A quoted scalar, as the command line and the metadata give it.
    pub fn text(place: Place, text: impl Into<String>) -> Self {
        let scalar = Scalar {
            text: text.into(),
            style: Style::Quoted,
        };
        Self {
            place,
            value: Value::Scalar(scalar),
        }
    }

    /// A list.
    pub fn list(place: Place, items: Vec<Node>) -> Self {
        Self {
            place,
            value: Value::List(items),
        }
    }

    /// A map.
    pub fn map(place: Place, entries: Vec<Entry>) -> Self {
        Self {
            place,
            value: Value::Map(entries),
        }
    }

    /// What kind of value it is, in words for a message.
    pub fn description(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(Scalar {
                style: Style::Binary,
                ..
            }) => "binary data",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl Entry {
    /// An entry whose key starts where its value does.
    pub fn new(key: impl Into<String>, value: Node) -> Self {
        Self {
            key: key.into(),
            place: value.place,
            value,
        }
    }
}
