//! Userdata without what clouds and tools pack around it.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;

/// Packings around packings: gzip in base64, which terraform's `cloudinit_config` makes, by a cloud that packs it once more.
const MAX_DEPTH: usize = 4;
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Userdata without gzip and base64 around it, in any order. What does not unpack, or to more than a source may have, stays as
/// it is.
pub fn unpacked(userdata: &[u8]) -> Vec<u8> {
    let mut bytes = userdata.to_vec();
    for _ in 0..MAX_DEPTH {
        match gunzip(&bytes).or_else(|| without_base64(&bytes)) {
            Some(inner) => bytes = inner,
            None => break,
        }
    }
    bytes
}

fn gunzip(packed: &[u8]) -> Option<Vec<u8>> {
    if !packed.starts_with(GZIP) {
        return None;
    }
    let limit = config::yaml::MAX_BYTES as u64;
    let mut bytes = Vec::new();
    let read = MultiGzDecoder::new(packed)
        .take(limit + 1)
        .read_to_end(&mut bytes);
    (read.is_ok() && bytes.len() as u64 <= limit).then_some(bytes)
}

/// No configuration, script or message consists of base64's letters alone: each has a `:` or a `#`.
fn without_base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(bytes)
        .trim_ascii();
    let is_letter = |b: &u8| b.is_ascii_alphanumeric() || b"+/=".contains(b);
    let packed: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|b| !matches!(b, b'\r' | b'\n'))
        .collect();
    if packed.len() < 4 || !packed.iter().all(is_letter) {
        return None;
    }
    STANDARD
        .decode(packed)
        .ok()
        .filter(|inner| is_userdata(inner))
}

/// Whether bytes begin as userdata does. A word may happen to be base64 of anything.
fn is_userdata(bytes: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 5] = [GZIP, b"\x7fELF", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"];
    let is_known = BEGINNINGS.iter().any(|begin| bytes.starts_with(begin));
    let is_text = || {
        str::from_utf8(bytes)
            .is_ok_and(|text| text.contains(':') || text.trim_start().starts_with('#'))
    };
    is_known || is_text() || without_base64(bytes).is_some()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).expect("packing");
        gzip.finish().expect("packing")
    }

    fn base64(bytes: &[u8]) -> Vec<u8> {
        (STANDARD.encode(bytes) + "\n").into_bytes()
    }

    #[test]
    fn every_packing_is_taken_off() {
        for plain in [
            &b"#cloud-config\n"[..],
            b"#!/bin/sh\nx\n",
            b"k3os: {token: x}\n",
            b"\n#!/bin/sh\n",
        ] {
            let (zip, text) = (gzip(plain), base64(plain));
            let all = [
                plain.to_vec(),
                zip.clone(),
                text.clone(),
                gzip(&zip),
                base64(&zip),
                base64(&text),
                gzip(&text),
                base64(&gzip(&zip)),
            ];
            for packed in all {
                assert_eq!(unpacked(&packed), plain);
            }
        }
        // As coreutils' base64 and MIME break lines.
        let long = format!("hostname: {}\n", "a".repeat(100));
        let mut broken = base64(long.as_bytes());
        broken.splice(76..76, *b"\r\n");
        assert_eq!(unpacked(&broken), long.as_bytes());
    }

    #[test]
    fn what_is_not_packed_stays_as_it_is() {
        let whole = gzip(b"#cloud-config\n");
        for bytes in [
            &b"H4sI no base64"[..],
            &whole[..10],
            b"text",
            b"hostname",
            b"",
            b"AAAA",
        ] {
            assert_eq!(unpacked(bytes), bytes);
        }
    }
}
