//! The sources, and how they become one configuration.

mod form;
mod multipart;
mod userdata;

use crate::cmdline;
use crate::model::{Config, File};
use crate::problem::{Place, Problem, Severity};
use crate::reader::{Origins, Reader, Report};
use crate::setting::Content;
use crate::tree::{Entry, Node};
use crate::yaml;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One source of configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How messages name it: its path, or `cmdline`.
    pub name: String,
    /// How it is read.
    pub kind: SourceKind,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// How a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A configuration file in YAML or JSON.
    File,
    /// The kernel command line.
    Cmdline,
    /// The machine's name, from metadata.
    LocalHostname,
    /// Public keys, one a line, from metadata.
    AuthorizedKeys,
    /// Userdata of a cloud: a configuration, a script or a program.
    Userdata,
}

/// The configuration that the sources give together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// What does not apply, or perhaps not as meant, in the order of the sources.
    pub problems: Vec<Problem>,
    /// Where each value came from.
    pub origins: Origins,
    /// Problems by which it may be lost whose machine this is: the server to join, its token, the arguments of Kubernetes, the
    /// machine's name. Without these it would become another machine of another cluster.
    pub doubts: Vec<Problem>,
}

/// Reads sources, given from the lowest to the highest precedence.
///
/// Sections merge key by key. A list or map replaces an earlier one as a whole, and so does text, even
/// when it is empty; only ssh keys add up. What is wrong in one source is reported, and everything else applies.
pub fn load(sources: &[Source]) -> Loaded {
    let mut report = Report::default();
    let mut config = Config::default();
    for source in sources {
        let source = &form::plain(source);
        match multipart::split(source) {
            Some(parts) => multipart::read(source, &parts, &mut config, &mut report),
            None => read(source, &mut config, Reader::new(&source.name, &mut report)),
        }
    }
    config.write_files.iter_mut().for_each(pack_binary);
    Loaded {
        config,
        problems: report.problems,
        origins: report.origins,
        doubts: report.losses.doubts(),
    }
}

/// Reads one source into the configuration.
fn read(source: &Source, config: &mut Config, mut reader: Reader<'_>) {
    if let Some(tree) = tree(source, &mut reader) {
        reader.section(config, &tree);
    }
    let text = match source.kind {
        // Its words are told one by one.
        SourceKind::Cmdline => Default::default(),
        _ => String::from_utf8_lossy(&source.bytes),
    };
    reader.lost_text(&text);
    reader.finish();
}

fn tree(source: &Source, reader: &mut Reader<'_>) -> Option<Node> {
    if source.bytes.len() > yaml::MAX_BYTES {
        let message = format!(
            "is larger than {} MiB and is not read",
            yaml::MAX_BYTES >> 20
        );
        reader.problem(Severity::Error, None, message, None);
        return None;
    }
    if source.kind == SourceKind::Userdata
        && let Some(refusal) = form::refusal(&source.bytes)
    {
        reader.error(Place::START, refusal, Some(form::HINT.into()));
        return None;
    }
    if source.kind == SourceKind::Userdata && userdata::is_program(&source.bytes) {
        return Some(userdata::program(&source.bytes, userdata::PATH));
    }
    if source.kind == SourceKind::File && multipart::is_message(&source.bytes) {
        let message = "is a MIME message of several parts, which only userdata may be";
        let hint = "`k3os config validate --userdata` reads it as that";
        reader.error(Place::START, message, Some(hint.into()));
        return None;
    }
    let text = text(source, reader);
    match source.kind {
        SourceKind::Cmdline => Some(cmdline::tree(&text, reader)),
        SourceKind::LocalHostname => hostname(&text),
        SourceKind::AuthorizedKeys => Some(authorized_keys(&text)),
        SourceKind::File | SourceKind::Userdata => file(&text, reader),
    }
}

/// The text of a source. What is not text is replaced and reported, so that the rest of it applies.
fn text(source: &Source, reader: &mut Reader<'_>) -> String {
    let text = String::from_utf8_lossy(&source.bytes);
    let text = text.trim_end_matches('\0');
    let Some(at) = text.find(['\u{fffd}', '\0']) else {
        return text.to_owned();
    };
    let place = place_of(text, at);
    let key = match source.kind {
        SourceKind::File | SourceKind::Userdata => yaml::Keys::of(text).at(place.line).to_owned(),
        _ => String::new(),
    };
    let message = "holds bytes that are not UTF-8 text; they are replaced";
    reader.within(&key, |reader| reader.warning(place, message, None));
    text.replace('\0', "\u{fffd}")
}

fn place_of(text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or_default();
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Place {
        line: before.matches('\n').count() + 1,
        column,
    }
}

fn file(text: &str, reader: &mut Reader<'_>) -> Option<Node> {
    match yaml::parse(text) {
        Ok(document) => {
            remarks(text, document.remarks, reader);
            document.root
        }
        Err(remark) => parts(text, remark, reader),
    }
}

/// Reports what was skipped, with the key that it lies in.
fn remarks(text: &str, remarks: Vec<yaml::Remark>, reader: &mut Reader<'_>) {
    let keys = (!remarks.is_empty()).then(|| yaml::Keys::of(text));
    for remark in remarks {
        let key = match (&keys, remark.cause) {
            (None, _) | (_, yaml::Cause::End) => "",
            (Some(keys), _) => keys.at(remark.place.line),
        };
        reader.within(key, |reader| {
            reader.warning(remark.place, remark.message, None)
        });
    }
}

/// What can be saved of a file that is not YAML as a whole.
fn parts(text: &str, whole: yaml::Remark, reader: &mut Reader<'_>) -> Option<Node> {
    let (remarks, hint, root) = match yaml::parse_parts(text, &whole) {
        Some(saved) => (
            saved.remarks,
            "this key does not apply; the others of this source do",
            saved.root,
        ),
        None => {
            let key = yaml::Keys::of(text).at(whole.place.line).to_owned();
            let whole = yaml::Remark { key, ..whole };
            (vec![whole], "nothing of this source applies", None)
        }
    };
    for remark in remarks {
        // Without a key, it is about the file as a whole, the keys of which may apply all the same.
        let hint = (root.is_none() || !remark.key.is_empty()).then(|| hint.to_owned());
        reader.within(&remark.key, |reader| {
            reader.error(remark.place, remark.message, hint)
        });
    }
    root
}

fn hostname(text: &str) -> Option<Node> {
    let name = text.trim();
    let value = Node::text(Place::START, name);
    (!name.is_empty()).then(|| Node::map(Place::START, vec![Entry::new("hostname", value)]))
}

fn authorized_keys(text: &str) -> Node {
    let line = |(number, line): (usize, &str)| {
        let line = line.trim();
        let place = Place {
            line: number + 1,
            column: 1,
        };
        (!line.is_empty() && !line.starts_with('#')).then(|| Node::text(place, line))
    };
    let keys = text.lines().enumerate().filter_map(line).collect();
    Node::map(
        Place::START,
        vec![Entry::new(
            "ssh_authorized_keys",
            Node::list(Place::START, keys),
        )],
    )
}

/// Bytes that are not text have no form in JSON and YAML dumps: they become base64.
fn pack_binary(file: &mut File) {
    if str::from_utf8(&file.content.0).is_err() {
        file.content = Content(STANDARD.encode(&file.content.0).into_bytes());
        file.encoding = match file.encoding.as_str() {
            "" => "b64".into(),
            packed => format!("{packed}+b64"),
        };
    }
}

#[cfg(test)]
mod tests;
