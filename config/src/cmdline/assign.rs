//! Turns the words of the command line into a tree: dotted keys, repeated keys, entries of maps.

use super::target::{Part, Target, find_target};
use super::words::{Word, split};
use crate::problem::{Place, Severity};
use crate::reader::Reader;
use crate::schema::Kind;
use crate::tree::{Entry, Node};

/// One word that gives a value.
struct Assignment {
    path: Vec<Part>,
    kind: Kind,
    value: Node,
}

/// Reads the command line. Words of the kernel are ignored, words for k3OS that fit nothing are reported.
pub(crate) fn tree(cmdline: &str, reader: &mut Reader<'_>) -> Node {
    let mut assignments = Vec::new();
    for word in split(cmdline) {
        let place = Place {
            line: 1,
            column: word.column,
        };
        match find_target(&word.key) {
            Target::Foreign => {}
            Target::Unknown { message, hint } => {
                reader.within(&word.key, |reader| reader.error(place, message, hint));
            }
            Target::Value { path, kind } => {
                assignments.extend(assignment(&word, path, kind, reader))
            }
        }
    }
    let parts: Vec<_> = assignments.iter().map(|a| (a.path.as_slice(), a)).collect();
    build(&parts, reader)
}

fn assignment(
    word: &Word,
    path: Vec<Part>,
    kind: Kind,
    reader: &mut Reader<'_>,
) -> Option<Assignment> {
    let place = Place {
        line: 1,
        column: word.column,
    };
    if word.unclosed_quote {
        reader.within(&word.key, |reader| {
            reader.problem(
                Severity::Warning,
                Some(place),
                "holds a quote that is not closed".into(),
                None,
            );
        });
    }
    let may_be_bare = matches!(kind, Kind::Bool) || matches!(path.last(), Some(Part::Entry(_)));
    let Some(value) = word.value.as_deref().or(may_be_bare.then_some("true")) else {
        let hint = Some(format!("write {}=VALUE", word.key));
        reader.within(&word.key, |reader| {
            reader.error(place, "has no value", hint)
        });
        return None;
    };
    Some(Assignment {
        path,
        kind,
        value: Node::text(place, value),
    })
}

/// Builds the node for assignments that share the path so far; the slices hold the rest of each path.
fn build(parts: &[(&[Part], &Assignment)], reader: &mut Reader<'_>) -> Node {
    let place = parts
        .first()
        .map_or(Place::START, |(_, first)| first.value.place);
    let leaves: Vec<_> = parts
        .iter()
        .filter(|(rest, _)| rest.is_empty())
        .map(|(_, a)| *a)
        .collect();
    if let Some(last) = leaves.last() {
        return leaf(last, &leaves, reader);
    }
    let mut groups = group(parts);
    if matches!(groups.first(), Some((Part::Item(_), _))) {
        groups.sort_by(|a, b| a.0.cmp(b.0));
        return Node::list(
            place,
            groups
                .iter()
                .map(|(_, inner)| build(inner, reader))
                .collect(),
        );
    }
    let entries = groups
        .iter()
        .map(|(part, inner)| entry(part, inner, reader))
        .collect();
    Node::map(place, entries)
}

fn entry(part: &Part, inner: &[(&[Part], &Assignment)], reader: &mut Reader<'_>) -> Entry {
    let (key, segment) = match part {
        Part::Key(name) => ((*name).to_owned(), format!(".{name}")),
        Part::Entry(name) => (name.clone(), format!("[{name}]")),
        Part::Item(index) => (index.to_string(), format!("[{index}]")),
    };
    let mut value = None;
    reader.within(&segment, |reader| value = Some(build(inner, reader)));
    Entry::new(key, value.unwrap_or(Node::map(Place::START, Vec::new())))
}

/// A list holds every value; of anything else the last one counts.
fn leaf(last: &Assignment, all: &[&Assignment], reader: &mut Reader<'_>) -> Node {
    if matches!(last.kind, Kind::TextList) {
        let items = all.iter().map(|a| a.value.clone()).collect();
        return Node::list(last.value.place, items);
    }
    if all.len() > 1 {
        reader.warning(
            last.value.place,
            "is given more than once; the last one counts",
            None,
        );
    }
    last.value.clone()
}

type Group<'p, 'a> = (&'p Part, Vec<(&'a [Part], &'a Assignment)>);

/// Groups by the next part, in order of first appearance.
fn group<'p, 'a: 'p>(parts: &'p [(&'a [Part], &'a Assignment)]) -> Vec<Group<'p, 'a>> {
    let mut groups: Vec<Group<'p, 'a>> = Vec::new();
    for (path, assignment) in parts {
        let Some((first, rest)) = path.split_first() else {
            continue;
        };
        match groups.iter_mut().find(|(known, _)| *known == first) {
            Some((_, members)) => members.push((rest, assignment)),
            None => groups.push((first, vec![(rest, assignment)])),
        }
    }
    groups
}
