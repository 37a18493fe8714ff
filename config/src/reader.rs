//! Carries what is needed while a source is read into the model: where we are, and where to report.

use crate::cloud_init::{self, Meaning};
use crate::losses::Losses;
use crate::problem::{Origin, Place, Problem, Severity};
use crate::schema::{Field, Section, find, nearest};
use crate::tree::{Entry, Node, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Where each value came from, by key, e.g. `k3os.token`, `ssh_authorized_keys[0]`, `k3os.labels[a]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(BTreeMap<String, Vec<Origin>>);

impl Origins {
    /// Where the value of a key came from, or the value that it lies in.
    pub fn of(&self, key: &str) -> Option<&Origin> {
        let end = |key: &str| key.rfind(['.', '[']).unwrap_or(0);
        let mut key = key;
        while !key.is_empty() {
            if let Some(origin) = self.0.get(key).and_then(|all| all.last()) {
                return Some(origin);
            }
            key = key.get(..end(key)).unwrap_or_default();
        }
        None
    }

    /// Every place that set the key, the one that counts last.
    pub fn history(&self, key: &str) -> &[Origin] {
        self.0.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every key that something set, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn set(&mut self, key: &str, origin: Origin) {
        self.0.entry(key.to_owned()).or_default().push(origin);
    }

    /// Gives the values below one key to another.
    fn rename(&mut self, from: &str, to: &str) {
        let items = self.0.range(from.to_owned()..).map(|(known, _)| known);
        let items: Vec<String> = items
            .take_while(|known| known.starts_with(from))
            .cloned()
            .collect();
        for known in items {
            if let (Some(rest), Some(all)) = (known.strip_prefix(from), self.0.remove(&known)) {
                self.0.insert(format!("{to}{rest}"), all);
            }
        }
    }

    /// Forgets the items of a list or map that is being replaced.
    fn forget_items(&mut self, key: &str) {
        // Only what begins with the key is looked at: a file may hold thousands of lists.
        for begin in [format!("{key}."), format!("{key}[")] {
            let items = self.0.range(begin.clone()..).map(|(known, _)| known);
            let items: Vec<String> = items
                .take_while(|known| known.starts_with(&begin))
                .cloned()
                .collect();
            items.iter().for_each(|known| drop(self.0.remove(known)));
        }
    }
}

/// What reading the sources brought besides the values.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub problems: Vec<Problem>,
    pub origins: Origins,
    pub losses: Losses,
    /// Values so far that do not apply. Unknown keys do not count.
    misfits: usize,
}

/// Reads one source.
pub struct Reader<'a> {
    source: &'a str,
    /// How the names of sources begin to whose lists and maps this one adds.
    siblings: Option<&'a str>,
    key: String,
    report: &'a mut Report,
    told: usize,
    /// Keys of cloud-init without a meaning here, and where the first stands.
    foreign: (Vec<String>, Option<Place>),
    /// How many problems are not told, and the worst of them.
    untold: usize,
    worst: Severity,
}

/// Problems that are told of one source. A console takes a second for each hundred.
const MAX_PROBLEMS: usize = 200;
/// Characters of a key or message that are told: the values in them may be as large as the source.
const MAX_TOLD: usize = 400;

impl<'a> Reader<'a> {
    pub(crate) fn new(source: &'a str, report: &'a mut Report) -> Self {
        Self {
            source,
            siblings: None,
            key: String::new(),
            report,
            told: 0,
            foreign: (Vec::new(), None),
            untold: 0,
            worst: Severity::Warning,
        }
    }

    /// The same for a part of a source: lists and maps of parts whose names begin so are added to, not replaced.
    pub(crate) fn beside(self, siblings: &'a str) -> Self {
        Self {
            siblings: Some(siblings),
            ..self
        }
    }

    /// Tells that there was more, when there was.
    pub(crate) fn finish(mut self) {
        self.tell_foreign();
        if self.untold > 0 {
            self.report.problems.push(Problem {
                severity: self.worst,
                source: self.source.to_owned(),
                place: None,
                key: String::new(),
                message: format!("{} more problems are not shown", self.untold),
                hint: None,
            });
        }
    }

    /// One note for all of them: who shares a file with cloud-init's machines meant no harm.
    fn tell_foreign(&mut self) {
        let (keys, place) = std::mem::take(&mut self.foreign);
        if keys.is_empty() {
            return;
        }
        let message = format!(
            "keys of cloud-init without a meaning here: {}",
            keys.join(", ")
        );
        self.problem(Severity::Warning, place, message, cloud_init::hint(&keys));
    }

    /// What is lost with the source as a whole matters only where its text names what says which machine this is.
    pub(crate) fn lost_text(&mut self, text: &str) {
        self.report.losses.weigh(text);
    }

    /// Whether the present key is one of the lists of commands.
    pub(crate) fn is_commands(&self) -> bool {
        matches!(self.key.as_str(), "init_cmd" | "boot_cmd" | "run_cmd")
    }

    /// Notes that what item `from` of the present list said is item `to` of the values, others before it being left out.
    pub(crate) fn moved(&mut self, from: usize, to: usize) {
        if from != to {
            let key = |number: usize| format!("{}[{number}]", self.key);
            self.report.origins.rename(&key(from), &key(to));
        }
    }

    /// Does something one level down, e.g. in `.token` or `[0]`.
    pub(crate) fn within(&mut self, segment: &str, work: impl FnOnce(&mut Self)) {
        let length = self.key.len();
        let segment = if length == 0 {
            segment.trim_start_matches('.')
        } else {
            segment
        };
        self.key.push_str(segment);
        work(self);
        self.key.truncate(length);
    }

    /// Notes that the present key has its value from here.
    pub(crate) fn record(&mut self, place: Place) {
        let origin = Origin {
            source: self.source.to_owned(),
            place,
        };
        self.report.losses.found(&self.key);
        self.report.origins.set(&self.key, origin);
    }

    /// Notes that the present list or map is given. Tells whether it is thereby replaced as a whole; else it is added to.
    pub(crate) fn replaces(&mut self, place: Place) -> bool {
        let earlier = self.report.origins.history(&self.key).last();
        let is_sibling = |begin| earlier.is_some_and(|origin| origin.source.starts_with(begin));
        if self.siblings.is_some_and(is_sibling) {
            return false;
        }
        self.report.origins.forget_items(&self.key);
        self.record(place);
        true
    }

    /// Reports that the present value does not apply.
    pub(crate) fn error(&mut self, place: Place, message: impl Into<String>, hint: Option<String>) {
        self.problem(Severity::Error, Some(place), message.into(), hint);
    }

    /// Reports that the present value is doubtful.
    pub(crate) fn warning(
        &mut self,
        place: Place,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.problem(Severity::Warning, Some(place), message.into(), hint);
    }

    pub(crate) fn problem(
        &mut self,
        severity: Severity,
        place: Option<Place>,
        message: String,
        hint: Option<String>,
    ) {
        let problem = Problem {
            severity,
            source: self.source.to_owned(),
            place,
            key: short(&self.key),
            message: short(&message),
            hint: hint.as_deref().map(short),
        };
        if severity == Severity::Error {
            self.report.misfits += 1;
            self.report.losses.lost(&self.key, &problem);
        }
        if self.told == MAX_PROBLEMS {
            self.untold += 1;
            self.worst = self.worst.max(severity);
            return;
        }
        self.told += 1;
        self.report.problems.push(problem);
    }

    /// Reads one item of a list of sections. `None`, and reported, when one of its values does not apply: a file without
    /// its mode or encoding, or a network without its passphrase, is worse than none.
    pub(crate) fn whole_section<S: Section>(&mut self, node: &Node) -> Option<S> {
        let before = self.report.misfits;
        let mut item = S::default();
        self.section(&mut item, node);
        if self.report.misfits == before {
            return Some(item);
        }
        self.report.origins.forget_items(&self.key);
        self.error(
            node.place,
            "is left out, because a value in it does not fit",
            None,
        );
        None
    }

    /// Reads a map into a section, key by key. One bad key does not stop the others.
    pub(crate) fn section<S: Section>(&mut self, section: &mut S, node: &Node) {
        match &node.value {
            Value::Map(entries) => self.entries(section, entries),
            Value::Null => self.warning(node.place, "is empty; nothing is changed by it", None),
            _ => {
                let message = format!("expected a map of keys, found {}", node.description());
                let hint = match self.key.is_empty() {
                    true => "write KEY: VALUE; only userdata may be a script",
                    false => "indent its keys below it",
                };
                self.error(node.place, message, Some(hint.into()));
            }
        }
    }

    fn entries<S: Section>(&mut self, section: &mut S, entries: &[Entry]) {
        let mut seen = BTreeSet::new();
        if self.key.is_empty() {
            // First, so that our own keys count before those of cloud-init, wherever they stand.
            entries
                .iter()
                .for_each(|entry| self.cloud_init(section, entry));
        }
        for entry in entries {
            let Some(field) = find(S::FIELDS, &entry.key) else {
                self.unknown(entry, S::FIELDS);
                continue;
            };
            self.within(&format!(".{}", field.name), |reader| {
                if !seen.insert(field.name) {
                    reader.warning(
                        entry.place,
                        "is given twice here; the later one counts",
                        None,
                    );
                }
                section.set_field(field.name, &entry.value, reader);
            });
        }
    }

    /// Takes a key of cloud-init's for the one that has its meaning here.
    fn cloud_init<S: Section>(&mut self, section: &mut S, entry: &Entry) {
        let (name, value) = match cloud_init::meaning(entry) {
            Some(Meaning::Top(name)) => (name, entry.value.clone()),
            Some(Meaning::K3os(name)) => {
                let inner = Entry {
                    key: name.to_owned(),
                    ..entry.clone()
                };
                ("k3os", Node::map(entry.place, vec![inner]))
            }
            Some(Meaning::OtherUser) => {
                let message =
                    "the user here is rancher, whose keys and password the others of this file are";
                return self.within(".user", |reader| reader.warning(entry.place, message, None));
            }
            Some(Meaning::Nothing) | None => return,
        };
        self.within(&format!(".{name}"), |reader| {
            section.set_field(name, &value, reader)
        });
    }

    fn unknown(&mut self, entry: &Entry, fields: &[Field]) {
        let is_top = self.key.is_empty();
        if is_top && cloud_init::meaning(entry).is_some() {
            return;
        }
        if is_top && cloud_init::is_meaningless(&entry.key) {
            self.foreign.0.push(entry.key.clone());
            self.foreign.1.get_or_insert(entry.place);
            return;
        }
        let is_file = self.key.starts_with("write_files[");
        let segment = format!(".{}", entry.key);
        if is_file && cloud_init::changes_the_file(&entry.key, &entry.value) {
            let message = "is not supported, and without it the file would be another one";
            return self.within(&segment, |reader| reader.error(entry.place, message, None));
        }
        let hint = hint_for_unknown(&self.key, &entry.key, fields);
        let severity = severity_of_unknown(entry, is_file);
        let misfits = self.report.misfits;
        self.within(&segment, |reader| {
            reader.problem(
                severity,
                Some(entry.place),
                "there is no such key".into(),
                hint,
            );
        });
        self.report.misfits = misfits;
        if let Some(problem) = self
            .report
            .problems
            .last()
            .filter(|_| severity == Severity::Error)
        {
            let problem = problem.clone();
            self.report.losses.unknown(&self.key, &entry.key, problem);
        }
    }
}

/// The beginning of a long text.
fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_TOLD) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A key that says nothing is no loss: an empty one, one of those that hold anchors (`x-…`), and cloud-init's `defer` of a file.
fn severity_of_unknown(entry: &Entry, is_file: bool) -> Severity {
    let is_empty = match &entry.value.value {
        Value::Null => true,
        Value::Scalar(scalar) => scalar.text.trim().is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
    };
    let is_off = is_file && matches!(entry.key.as_str(), "append" | "source" | "defer");
    match is_empty || is_off || entry.key.starts_with("x-") {
        true => Severity::Warning,
        false => Severity::Error,
    }
}

/// Where the key may be meant to stand, or which one may be meant.
fn hint_for_unknown(parent: &str, name: &str, fields: &[Field]) -> Option<String> {
    use crate::model::{Config, K3os};
    if parent == "k3os" && crate::cmdline::is_switch(name) {
        return Some(format!(
            "this is for the kernel command line: k3os.{name}=VALUE"
        ));
    }
    if !parent.is_empty() && find(Config::FIELDS, name).is_some() {
        return Some(format!(
            "{name} belongs at the top level, not indented below {parent}"
        ));
    }
    if parent.is_empty() && find(K3os::FIELDS, name).is_some() {
        return Some(format!("{name} belongs below k3os:, indented"));
    }
    nearest(fields, name).map(|near| format!("did you mean {near}?"))
}
