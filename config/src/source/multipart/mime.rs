//! As much of MIME (RFC 2045, 2046) as userdata has.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// More than anybody writes.
const MAX_PARTS: usize = 100;
/// Messages in messages.
const MAX_DEPTH: usize = 4;
/// Lines of one head.
const MAX_HEAD: usize = 64;

/// A part that is no message with parts of its own.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::source) struct Part {
    /// Its media type in lower case, without parameters; empty when it has none.
    pub media_type: String,
    /// The name of the file that it was made of.
    pub file_name: Option<String>,
    /// The line where it begins.
    pub line: usize,
    /// Its bytes, unpacked, or why there are none.
    pub body: Result<Vec<u8>, String>,
}

impl Part {
    fn refused(line: usize, why: impl Into<String>) -> Self {
        Self {
            media_type: String::new(),
            file_name: None,
            line,
            body: Err(why.into()),
        }
    }
}

/// The parts of a MIME message, of messages in it too; a message without parts is one. `None` for anything else.
pub(super) fn parts(bytes: &[u8]) -> Option<Vec<Part>> {
    let (head, body, lines) = Head::of(bytes)?;
    let kind = head.get("content-type")?;
    let kind = media_type(kind);
    if !kind.starts_with("multipart/") {
        let is_message = OF_CLOUDS.contains(&kind.as_str()) || head.get("mime-version").is_some();
        return is_message.then(|| vec![part(&head, kind, body, 1 + lines, true)]);
    }
    let mut parts = Vec::new();
    collect(&head, body, 1 + lines, MAX_DEPTH, &mut parts);
    Some(parts)
}

/// Types that nobody writes but for a cloud.
const OF_CLOUDS: [&str; 2] = ["text/cloud-config", "text/x-shellscript"];

fn media_type(value: &str) -> String {
    let media_type = value.split(';').next().unwrap_or_default();
    media_type.trim().to_ascii_lowercase()
}

fn part(head: &Head, media_type: String, body: &[u8], line: usize, is_closed: bool) -> Part {
    Part {
        file_name: file_name(head),
        media_type: media_type.chars().take(80).collect(),
        line,
        body: match is_closed {
            true => unpacked(head, body),
            false => Err("is cut off: no boundary ends it".into()),
        },
    }
}

/// Adds the parts of a message whose body begins at a line.
fn collect(head: &Head, body: &[u8], line: usize, depth: usize, parts: &mut Vec<Part>) {
    let Some(boundary) = head
        .parameter("content-type", "boundary")
        .filter(|b| !b.is_empty())
    else {
        return parts.push(Part::refused(line, "has no boundary in its Content-Type"));
    };
    for piece in pieces(body, &boundary, line) {
        if parts.len() >= MAX_PARTS {
            return parts.push(Part::refused(piece.line, "is one too many; 100 are read"));
        }
        let (head, body, lines) =
            Head::of(piece.bytes).unwrap_or((Head::default(), piece.bytes, 0));
        let media_type = media_type(head.get("content-type").unwrap_or_default());
        match (media_type.starts_with("multipart/"), depth) {
            (true, 0) => parts.push(Part::refused(piece.line, "is nested too deep")),
            (true, _) => collect(&head, body, piece.line + lines, depth - 1, parts),
            (false, _) => {
                parts.push(part(&head, media_type, body, piece.line, piece.is_closed));
            }
        }
    }
}

/// What lies between two boundaries.
struct Piece<'a> {
    line: usize,
    bytes: &'a [u8],
    is_closed: bool,
}

/// The line break in front of a boundary belongs to the boundary.
fn pieces<'a>(body: &'a [u8], boundary: &str, line: usize) -> Vec<Piece<'a>> {
    let (between, last) = (format!("--{boundary}"), format!("--{boundary}--"));
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    let (mut at, mut begin) = (0, None);
    for (number, text) in body.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let word = text.trim_ascii_end();
        let is_last = word == last.as_bytes();
        if is_last || word == between.as_bytes() {
            pieces.extend(begin.take().map(|(from, line)| Piece {
                line,
                bytes: without_break(body.get(from..at).unwrap_or_default()),
                is_closed: true,
            }));
            if is_last {
                return pieces;
            }
            begin = Some((at + text.len(), line + number + 1));
        }
        at += text.len();
    }
    pieces.extend(begin.map(|(from, line)| Piece {
        line,
        bytes: body.get(from..).unwrap_or_default(),
        is_closed: false,
    }));
    pieces
}

fn without_break(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

fn unpacked(head: &Head, body: &[u8]) -> Result<Vec<u8>, String> {
    let encoding = head.get("content-transfer-encoding").unwrap_or_default();
    match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "7bit" | "8bit" | "binary" => Ok(body.to_vec()),
        "base64" => {
            let packed: Vec<u8> = body
                .iter()
                .copied()
                .filter(|b| !b.is_ascii_whitespace())
                .collect();
            STANDARD
                .decode(packed)
                .map_err(|error| format!("is not the base64 that it says: {error}"))
        }
        other => Err(format!("is encoded as {other:?}, which is not supported")),
    }
}

fn file_name(head: &Head) -> Option<String> {
    let name = head
        .parameter("content-disposition", "filename")
        .or_else(|| head.parameter("content-type", "name"))?;
    let name: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    (!name.is_empty()).then_some(name)
}

/// The lines in front of the first empty one, by their names in lower case.
#[derive(Default)]
struct Head(Vec<(String, String)>);

impl Head {
    /// The head, what follows it, and how many lines it takes; `None` when there is none.
    fn of(bytes: &[u8]) -> Option<(Self, &[u8], usize)> {
        let (mut head, mut at) = (Self::default(), 0);
        for (number, line) in bytes
            .split_inclusive(|byte| *byte == b'\n')
            .take(MAX_HEAD)
            .enumerate()
        {
            at += line.len();
            let line = String::from_utf8_lossy(line);
            if line.trim().is_empty() {
                return Some((head, bytes.get(at..).unwrap_or_default(), number + 1));
            }
            head.add(line.trim_end())?;
        }
        None
    }

    /// A line that begins with a blank goes on with the one before.
    fn add(&mut self, line: &str) -> Option<()> {
        if line.starts_with([' ', '\t']) {
            let (_, value) = self.0.last_mut()?;
            value.push_str(line);
            return Some(());
        }
        let (name, value) = line.split_once(':')?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name = name.to_ascii_lowercase();
        self.0.push((name, value.trim().to_owned()));
        self.0.last()?.0.chars().all(is_name).then_some(())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let entry = self.0.iter().find(|(known, _)| known == name);
        entry.map(|(_, value)| value.as_str())
    }

    /// `boundary` of `multipart/mixed; boundary="x"`.
    fn parameter(&self, header: &str, name: &str) -> Option<String> {
        let mut rest = self.get(header)?.split_once(';')?.1;
        loop {
            let (key, value) = rest.split_once('=')?;
            let (value, behind) = match value.trim_start().strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => value.split_once(';').unwrap_or((value, "")),
            };
            if key
                .trim_matches([' ', '\t', ';'])
                .eq_ignore_ascii_case(name)
            {
                return Some(value.trim().to_owned());
            }
            rest = behind;
        }
    }
}
