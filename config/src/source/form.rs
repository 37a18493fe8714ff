//! The form that text comes in: encodings and line breaks of Windows, blank lines in front, and forms that are not understood.

use super::{Source, SourceKind};
use crate::yaml::MAX_BYTES;
use std::borrow::Cow;

/// What to do about userdata of a form that is not understood.
pub(super) const HINT: &str = "userdata may be a configuration, a script that begins with #!, or a MIME message of these, each \
                               of them packed by gzip or base64 or not";

/// A source in UTF-8, and userdata without what stands in front of its first line.
pub(super) fn plain(source: &Source) -> Cow<'_, Source> {
    if source.bytes.len() > MAX_BYTES {
        return Cow::Borrowed(source);
    }
    let bytes = utf8(&source.bytes);
    let bytes = match source.kind {
        SourceKind::Userdata => script_or_text(bytes),
        _ => bytes.into_owned(),
    };
    Cow::Owned(Source {
        name: source.name.clone(),
        kind: source.kind,
        bytes,
    })
}

/// UTF-16, as Windows' editors and PowerShell write it, becomes UTF-8.
pub(super) fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let decode = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: String = char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        Cow::Owned(text.into_bytes())
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => decode(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => decode(rest, u16::from_be_bytes),
        // Without a mark: no program and no other text has these.
        [1..=0x7f, 0, 1..=0x7f, 0, ..] => decode(bytes, u16::from_le_bytes),
        [0, 1..=0x7f, 0, 1..=0x7f, ..] => decode(bytes, u16::from_be_bytes),
        _ => Cow::Borrowed(bytes),
    }
}

/// The first line of a script must be the first bytes, and end as the kernel and shells expect it. The same for the head of a
/// MIME message.
pub(super) fn script_or_text(bytes: Cow<'_, [u8]>) -> Vec<u8> {
    let without_mark = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let begun = without_mark.trim_ascii_start();
    if begun.starts_with(b"#!") {
        return unix_lines(begun);
    }
    let head = begun.get(..13).unwrap_or_default().to_ascii_lowercase();
    if head.starts_with(b"content-type:") || head.starts_with(b"mime-version:") {
        return begun.to_vec();
    }
    bytes.into_owned()
}

/// What a script holds besides text stays: a CR LF in it may be data.
fn unix_lines(script: &[u8]) -> Vec<u8> {
    let first = script
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    if !first.ends_with(b"\r") || script.contains(&0) {
        return script.to_vec();
    }
    let mut lines = Vec::with_capacity(script.len());
    for line in script.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(text) => lines.extend([text, b"\n"].concat()),
            None => lines.extend(line),
        }
    }
    lines
}

/// Why userdata of a known form is not read; without this it would be taken for comments, or be run as a program.
pub(super) fn refusal(bytes: &[u8]) -> Option<String> {
    const PACKED: [(&[u8], &str); 6] = [
        (
            b"\x1f\x8b",
            "gzip, but cut off, damaged, or larger than 16 MiB inside",
        ),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh", "bzip2"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"PK\x03\x04", "zip"),
        (b"7z\xbc\xaf", "7z"),
    ];
    const FORMS: [&str; 8] = [
        "#include",
        "#include-once",
        "#cloud-boothook",
        "#upstart-job",
        "#part-handler",
        "#cloud-config-archive",
        "#cloud-config-jsonp",
        "## template:",
    ];
    if let Some((_, name)) = PACKED.iter().find(|(begin, _)| bytes.starts_with(begin)) {
        return Some(format!("is packed by {name}, and is not read"));
    }
    let first = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let first = String::from_utf8_lossy(first).trim().to_ascii_lowercase();
    let is_form = |form: &&&str| match form.ends_with(':') {
        true => first.starts_with(**form),
        false => first == **form,
    };
    let form = FORMS.iter().find(is_form)?;
    Some(format!(
        "is cloud-init's form {form}, which is not supported"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::{Loaded, load};
    use super::*;

    fn read(kind: SourceKind, bytes: impl Into<Vec<u8>>) -> Loaded {
        load(&[Source {
            name: "u".into(),
            kind,
            bytes: bytes.into(),
        }])
    }

    fn utf16(text: &str, mark: bool, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mark = mark.then_some(0xfeff);
        mark.into_iter()
            .chain(text.encode_utf16())
            .flat_map(unit)
            .collect()
    }

    /// A script is run by the kernel as it is written on Unix, whatever wrote it.
    #[test]
    fn scripts_of_every_form_are_run() {
        const SCRIPT: &str = "#!/bin/sh\necho a\n";
        let windows = SCRIPT.replace('\n', "\r\n");
        let forms: Vec<Vec<u8>> = vec![
            SCRIPT.into(),
            windows.clone().into(),
            format!("\u{feff}{SCRIPT}").into(),
            format!("\n\n{SCRIPT}").into(),
            format!("\u{feff}\r\n{windows}").into(),
            utf16(SCRIPT, true, u16::to_le_bytes),
            utf16(&windows, true, u16::to_be_bytes),
            utf16(SCRIPT, false, u16::to_le_bytes),
            utf16(SCRIPT, false, u16::to_be_bytes),
            format!("MIME-Version: 1.0\nContent-Type: text/x-shellscript\n\n{SCRIPT}").into(),
            format!("Content-Type: text/x-shellscript; charset=\"utf-8\"\r\n\r\n{windows}").into(),
            format!("\nContent-Type: text/plain\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n{}\n", {
                use base64::Engine;
                base64::engine::general_purpose::STANDARD.encode(SCRIPT)
            })
            .into(),
        ];
        for form in forms {
            let shown = String::from_utf8_lossy(&form).into_owned();
            let loaded = read(SourceKind::Userdata, form);
            assert_eq!(loaded.problems, [], "{shown}");
            let file = &loaded.config.write_files[0];
            assert_eq!(file.content.0, b"IyEvYmluL3NoCmVjaG8gYQo=", "{shown}");
            assert_eq!(loaded.config.run_cmd, [file.path.as_str()], "{shown}");
        }
    }

    #[test]
    fn configurations_of_every_form_apply() {
        const TEXT: &str = "#cloud-config\nhostname: box\n";
        let windows = TEXT.replace('\n', "\r\n");
        for kind in [SourceKind::File, SourceKind::Userdata] {
            for form in [
                windows.clone().into_bytes(),
                format!("\u{feff}{windows}").into_bytes(),
                format!("\n\n{TEXT}").into_bytes(),
                utf16(TEXT, true, u16::to_le_bytes),
                utf16(&windows, false, u16::to_le_bytes),
            ] {
                let loaded = read(kind, form);
                assert_eq!(
                    (loaded.config.hostname.as_str(), loaded.problems.len()),
                    ("box", 0)
                );
            }
        }
        let one = format!("Content-Type: text/cloud-config\n\n{TEXT}");
        assert_eq!(read(SourceKind::Userdata, one).config.hostname, "box");
    }

    #[test]
    fn data_in_scripts_stays() {
        let script = b"#!/bin/sh\necho a\r\n";
        assert_eq!(script_or_text(Cow::Borrowed(script)), script);
        let binary = b"#!/bin/sh\r\n\0\r\n";
        assert_eq!(script_or_text(Cow::Borrowed(binary)), binary);
    }

    #[test]
    fn forms_that_are_not_understood_are_told() {
        for form in [
            &b"\x1f\x8bx"[..],
            b"\xfd7zXZ\0\0",
            b"PK\x03\x04",
            b"#include\nhttps://x\n",
            b"#cloud-boothook\n#!/bin/sh\n",
            b"## template: jinja\n#cloud-config\n",
            b"#upstart-job\r\n",
        ] {
            let loaded = read(SourceKind::Userdata, form);
            assert_eq!(
                loaded.problems.len(),
                1,
                "{}",
                String::from_utf8_lossy(form)
            );
            assert!(loaded.config.write_files.is_empty());
        }
    }
}
