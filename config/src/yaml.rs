//! Reads YAML (and JSON, which is YAML) into a tree. The only place that knows the YAML library.
//!
//! Scalars keep their spelling, so the model decides what `yes`, `0644` or `1048576` mean. Merge keys
//! (`<<`) are honoured. Sizes are bounded: a small file that unfolds to a huge one is refused.

mod builder;
mod parts;

use crate::problem::Place;
use crate::tree::Node;
use builder::{Builder, Size};
pub use parts::{Keys, parse_parts};
use saphyr_parser::{Event, Parser, ScanError, Span};

/// The largest source that is read, in bytes.
pub const MAX_BYTES: usize = 16 << 20;

/// Something about the text at a position: a reason to refuse it, or a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Where.
    pub place: Place,
    /// The top-level key that it concerns, as it is written; empty where that is not known.
    pub key: String,
    /// What.
    pub message: String,
    /// Why.
    pub cause: Cause,
}

/// Why there is a remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// What is written there.
    Text,
    /// An alias whose anchor does not stand before it.
    Anchor,
    /// It is nested too deep, or unfolds to too much.
    Size,
    /// The document ends there.
    End,
}

impl Remark {
    fn new(cause: Cause, place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            key: String::new(),
            message: message.into(),
            cause,
        }
    }
}

/// A parsed text: its tree, `None` when it holds nothing, and what had to be skipped.
#[derive(Debug, Default)]
pub struct Document {
    /// The first document of the text.
    pub root: Option<Node>,
    /// Parts that were skipped.
    pub remarks: Vec<Remark>,
}

/// Parses the first document of a text.
///
/// # Errors
/// The first position at which the text is not YAML, is nested too deep or unfolds to too much.
pub fn parse(text: &str) -> Result<Document, Remark> {
    parse_sized(text, Size::default()).map(|(document, _)| document)
}

/// Parses all documents of a text. An empty one has no root.
///
/// # Errors
/// As [`parse`]; the bounds are for each document.
pub fn parse_all(text: &str) -> Result<Vec<Document>, Remark> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = Vec::new();
    let mut builder = Builder::new(Size::default());
    for event in Parser::new_from_str(text) {
        let (event, place) = placed(event)?;
        let ends = matches!(event, Event::DocumentEnd);
        builder.take(event, place)?;
        if ends {
            let done = std::mem::replace(&mut builder, Builder::new(Size::default()));
            documents.push(done.finish().0);
        }
    }
    Ok(documents)
}

/// The same, for one of several texts whose trees are kept together: with what there is before it, and with it.
fn parse_sized(text: &str, size: Size) -> Result<(Document, Size), Remark> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::new(size);
    for event in Parser::new_from_str(text) {
        let (event, place) = placed(event)?;
        if matches!(event, Event::DocumentStart(_)) && builder.is_complete() {
            let message = "only the first YAML document of a file is read";
            builder.remark(Remark::new(Cause::End, place, message));
            break;
        }
        builder.take(event, place)?;
    }
    Ok(builder.finish())
}

fn placed<'a>(event: Result<(Event<'a>, Span), ScanError>) -> Result<(Event<'a>, Place), Remark> {
    let (event, span) = event.map_err(|error| scan_error(&error))?;
    let place = Place {
        line: span.start.line().max(1),
        column: span.start.col() + 1,
    };
    Ok((event, place))
}

fn scan_error(error: &ScanError) -> Remark {
    let marker = error.marker();
    let place = Place {
        line: marker.line().max(1),
        column: marker.col() + 1,
    };
    let cause = match error.info().contains("unknown anchor") {
        true => Cause::Anchor,
        false => Cause::Text,
    };
    Remark::new(cause, place, format!("this is not YAML: {}", error.info()))
}

#[cfg(test)]
mod tests;
