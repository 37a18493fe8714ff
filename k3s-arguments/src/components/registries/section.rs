//! A map of the file whose keys are taken one by one; what is left over is reported.

use config::tree::{Entry, Node, Value};

/// A map, and what is wrong in it so far.
pub struct Section<'a> {
    name: String,
    entries: Vec<Entry>,
    problems: &'a mut Vec<String>,
}

impl<'a> Section<'a> {
    /// The map called `name` in messages. Nothing is as good as an empty one.
    pub fn new(name: &str, node: Node, problems: &'a mut Vec<String>) -> Self {
        let entries = match node.value {
            Value::Map(entries) => entries,
            Value::Null => Vec::new(),
            _ => {
                problems.push(format!("line {}: {name} must be a map", node.place.line));
                Vec::new()
            }
        };
        Section {
            name: name.into(),
            entries,
            problems,
        }
    }

    /// The value of a key.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.swap_remove(at).value)
    }

    /// The map of a key, with each entry handed to `read`.
    pub fn each(&mut self, key: &str, mut read: impl FnMut(Entry, &mut Vec<String>)) {
        let Some(node) = self.take(key) else { return };
        let inner = Section::new(key, node, self.problems);
        let entries = inner.entries;
        entries
            .into_iter()
            .for_each(|entry| read(entry, self.problems));
    }

    /// The text of a key.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let node = self.take(key)?;
        match node.value {
            Value::Scalar(scalar) => Some(scalar.text),
            Value::Null => None,
            _ => {
                self.problem(node.place.line, &format!("{key} must be a text"));
                None
            }
        }
    }

    /// The texts of a key: a list, or a single one.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        let Some(node) = self.take(key) else {
            return Vec::new();
        };
        let line = node.place.line;
        let items = match node.value {
            Value::List(items) => items,
            _ => vec![node],
        };
        let mut texts = Vec::new();
        for item in items {
            match item.value {
                Value::Scalar(scalar) => texts.push(scalar.text),
                Value::Null => {}
                _ => self.problem(line, &format!("{key} must be a list of texts")),
            }
        }
        texts
    }

    /// The truth of a key, false when it is not there.
    pub fn truth(&mut self, key: &str) -> bool {
        let Some(text) = self.text(key) else {
            return false;
        };
        crate::yaml::truth(&text).unwrap_or_else(|| {
            self.problems.push(format!(
                "{}: {key}: invalid value '{text}'; valid: true, false",
                self.name
            ));
            false
        })
    }

    fn problem(&mut self, line: usize, words: &str) {
        self.problems
            .push(format!("line {line}: {}: {words}", self.name));
    }

    /// Reports the keys that nobody took.
    pub fn end(self, valid: &str) {
        let (name, lines) = (&self.name, self.entries.iter());
        let words = |entry: &Entry| {
            let (line, key) = (entry.place.line, &entry.key);
            format!("line {line}: {name}: unknown key '{key}' is ignored; valid: {valid}")
        };
        self.problems.extend(lines.map(words));
    }
}
