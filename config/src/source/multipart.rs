//! Userdata in several parts, as cloud-init's tools and terraform's `cloudinit_config` make it: a MIME message.
//!
//! What those write is understood. A mail library would bring the alphabets of the world into the initrd, and takes in silence
//! what a configuration must report.

mod mime;

use super::{Source, SourceKind, form, read as read_source, userdata};
use crate::model::Config;
use crate::problem::{Place, Severity};
use crate::reader::{Reader, Report};
use crate::yaml::MAX_BYTES;
use mime::Part;

/// The parts of userdata that has some.
pub(super) fn split(source: &Source) -> Option<Vec<Part>> {
    let fits = source.kind == SourceKind::Userdata && source.bytes.len() <= MAX_BYTES;
    fits.then(|| mime::parts(&source.bytes)).flatten()
}

/// Whether bytes are what userdata in parts begins with.
pub(super) fn is_message(bytes: &[u8]) -> bool {
    mime::parts(bytes).is_some()
}

/// What a part is for.
enum Kind {
    Configuration,
    Script,
}

/// Reads the parts in their order. Their lists and maps add up: scripts run beside the commands of a configuration.
pub(super) fn read(source: &Source, parts: &[Part], config: &mut Config, report: &mut Report) {
    let whole = format!("{}, part ", source.name);
    for (part, number) in parts.iter().zip(1..) {
        let name = match &part.file_name {
            Some(file) => format!("{whole}{number} ({file})"),
            None => format!("{whole}{number}"),
        };
        match content(part) {
            Ok((Kind::Configuration, bytes)) => {
                let kind = SourceKind::File;
                let reader = Reader::new(&name, report).beside(&whole);
                read_source(
                    &Source {
                        name: name.clone(),
                        kind,
                        bytes,
                    },
                    config,
                    reader,
                );
            }
            Ok((Kind::Script, bytes)) => {
                let mut reader = Reader::new(&name, report).beside(&whole);
                let path = format!("{}-{number}", userdata::PATH);
                reader.section(config, &userdata::program(&bytes, &path));
            }
            Err(message) => refuse(source, part, &format!("part {number} {message}"), report),
        }
    }
}

/// Reports a part that does not apply, at its place in the userdata.
fn refuse(source: &Source, part: &Part, message: &str, report: &mut Report) {
    let place = Place {
        line: part.line,
        column: 1,
    };
    let hint = "the other parts apply; a part is text/cloud-config or text/x-shellscript, as it is or in base64";
    let mut reader = Reader::new(&source.name, report);
    reader.problem(
        Severity::Error,
        Some(place),
        message.to_owned(),
        Some(hint.into()),
    );
    let text = part.body.as_deref().map(String::from_utf8_lossy);
    // What cannot be unpacked may say anything.
    reader.lost_text(&text.unwrap_or("token".into()));
}

/// What a part is for and its bytes, or why it does not apply.
fn content(part: &Part) -> Result<(Kind, Vec<u8>), String> {
    let bytes = form::script_or_text(form::utf8(&part.body.clone()?));
    let kind = match part.media_type.as_str() {
        "text/cloud-config" => Kind::Configuration,
        "text/x-shellscript" | "text/x-shellscript-per-boot" => Kind::Script,
        "" | "text/plain" | "application/octet-stream" => kind_of(&bytes)?,
        other => return Err(format!("is of the type {other}, which is not supported")),
    };
    Ok((kind, bytes))
}

/// As cloud-init decides where the type says nothing.
fn kind_of(bytes: &[u8]) -> Result<Kind, String> {
    match bytes {
        script if script.starts_with(b"#!") => Ok(Kind::Script),
        text if text.starts_with(b"#cloud-config") => Ok(Kind::Configuration),
        _ => Err("begins with neither #cloud-config nor #!".into()),
    }
}

#[cfg(test)]
mod tests;
