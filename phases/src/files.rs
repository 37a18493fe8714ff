//! `write_files`: from its entries to bytes, modes and owners.

use std::io::Read;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;

use crate::step;

/// The largest file that packed content may unfold to, in bytes.
const MAX_UNPACKED: u64 = 64 << 20;

/// What an entry of `write_files` asks for.
///
/// # Errors
/// When the content is not packed as the entry says, or the path or mode is none.
pub(crate) fn file(entry: &config::File) -> Result<step::File> {
    Ok(step::File {
        path: writable(absolute(&entry.path)?)?,
        content: config::Content(unpack(&entry.encoding, &entry.content.0)?),
        mode: mode(&entry.permissions)?,
        owner: entry.owner.clone(),
        once: entry.write.eq_ignore_ascii_case("once"),
    })
}

/// The path below `/`, without `..`.
fn absolute(path: &str) -> Result<PathBuf> {
    if path.is_empty() {
        bail!("the entry has no path");
    }
    let mut absolute = PathBuf::from("/");
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => absolute.push(name),
            Component::ParentDir => bail!("the path {path} contains \"..\""),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Ok(absolute)
}

/// Where files can be written: not in /usr and what links into it, nor in the kernel's own file systems, which have other keys.
fn writable(path: PathBuf) -> Result<PathBuf> {
    const READ_ONLY: [&str; 5] = ["/usr", "/bin", "/sbin", "/lib", "/lib64"];
    let is_in = |directory: &&str| path.starts_with(directory);
    if READ_ONLY.iter().any(is_in) && !path.starts_with("/usr/local") {
        bail!(
            "{} lies in the read-only part of the system; valid: below /usr/local, /etc, /opt, /var, /home and the like",
            path.display()
        );
    }
    if path.starts_with("/proc/sys") {
        bail!(
            "{} is a kernel setting; it belongs in k3os.sysctls",
            path.display()
        );
    }
    if is_in(&"/proc") || is_in(&"/sys") {
        bail!(
            "{} is the kernel's; write to it by a command of boot_cmd",
            path.display()
        );
    }
    Ok(path)
}

fn mode(permissions: &str) -> Result<u32> {
    if permissions.is_empty() {
        return Ok(0o644);
    }
    let digits = permissions.strip_prefix("0o").unwrap_or(permissions);
    u32::from_str_radix(digits, 8).with_context(|| format!("reading the mode {permissions}"))
}

/// Undoes the packings in order: what is named last was done last, so it is undone first.
fn unpack(encoding: &str, content: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = content.to_vec();
    for packing in encoding
        .to_ascii_lowercase()
        .split('+')
        .rev()
        .filter(|packing| !packing.is_empty())
    {
        bytes = match packing {
            "b64" | "base64" => decode_base64(&bytes)?,
            "gz" | "gzip" => gunzip(&bytes)?,
            // cloud-init's name for none.
            "text/plain" => bytes,
            other => bail!("the encoding {other} is not known"),
        };
    }
    Ok(bytes)
}

/// Standard base64 with padding; line breaks and blanks do not count.
fn decode_base64(bytes: &[u8]) -> Result<Vec<u8>> {
    let packed: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    STANDARD
        .decode(packed)
        .context("reading the content as base64")
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes).take(MAX_UNPACKED + 1);
    decoder
        .read_to_end(&mut unpacked)
        .context("reading the content as gzip")?;
    if unpacked.len() as u64 > MAX_UNPACKED {
        bail!(
            "the content unfolds to more than {} MiB",
            MAX_UNPACKED >> 20
        );
    }
    Ok(unpacked)
}

/// The user and group ids that an owner means, by the texts of /etc/passwd and /etc/group.
///
/// # Errors
/// When a name is not in them.
pub(crate) fn owner_ids(
    owner: &str,
    passwd: &str,
    group: &str,
) -> Result<(Option<u32>, Option<u32>)> {
    if owner.is_empty() {
        return Ok((Some(0), Some(0)));
    }
    let (user, group_name) = match owner.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (owner, None),
    };
    let user = (!user.is_empty())
        .then(|| id(user, passwd, "user"))
        .transpose()?;
    let group = group_name
        .map(|name| id(name, group, "group"))
        .transpose()?;
    Ok((user, group))
}

/// The third field of the line that begins with the name, or the number itself.
fn id(name: &str, table: &str, what: &str) -> Result<u32> {
    let line = table
        .lines()
        .find(|line| line.split(':').next() == Some(name));
    let known = line
        .and_then(|line| line.split(':').nth(2))
        .and_then(|id| id.parse().ok());
    known
        .or_else(|| name.parse().ok())
        .with_context(|| format!("there is no {what} {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("packing");
        encoder.finish().expect("packing")
    }

    #[test]
    fn every_packing_is_undone() {
        let packed = gzip(b"hello");
        let both = STANDARD.encode(&packed);
        for (encoding, content) in [
            ("", &b"hello"[..]),
            ("b64", b"aGVs\n bG8="),
            ("base64", b"aGVsbG8="),
            ("gz", &packed),
            ("gzip", &packed),
            ("gz+b64", both.as_bytes()),
            ("gz+base64", both.as_bytes()),
            ("gzip+b64", both.as_bytes()),
            ("gzip+base64", both.as_bytes()),
        ] {
            assert_eq!(
                unpack(encoding, content).expect(encoding),
                b"hello",
                "{encoding}"
            );
        }
    }

    #[test]
    fn content_that_is_not_packed_so_is_an_error() {
        assert!(unpack("b64", b"a!").is_err());
        assert!(unpack("gz", b"plain").is_err());
        assert!(unpack("zip", b"plain").is_err());
    }

    #[test]
    fn files_that_cannot_be_written_are_refused_and_cloud_init_s_plain_text_is_taken() {
        let entry = |path: &str| config::File {
            path: path.into(),
            encoding: "text/plain".into(),
            content: config::Content(b"x".to_vec()),
            ..config::File::default()
        };
        for path in [
            "/usr/bin/tool",
            "//bin/./tool",
            "usr/lib/x",
            "/proc/sys/vm/swappiness",
            "/sys/block/sda",
        ] {
            assert!(file(&entry(path)).is_err(), "{path}");
        }
        for path in [
            "/usr/local/bin/tool",
            "/library/x",
            "/etc/x",
            "/k3os/data/x",
        ] {
            assert_eq!(file(&entry(path)).expect(path).content.0, b"x");
        }
    }

    #[test]
    fn a_gzip_bomb_is_refused() {
        let bomb = gzip(&vec![0; MAX_UNPACKED as usize + 1]);
        assert!(
            unpack("gz", &bomb)
                .unwrap_err()
                .to_string()
                .contains("unfolds")
        );
    }

    #[test]
    fn paths_stay_below_the_root() {
        assert_eq!(absolute("etc//x/./y").ok(), Some("/etc/x/y".into()));
        assert!(absolute("/var/../../etc/shadow").is_err());
        assert!(absolute("").is_err());
    }

    #[test]
    fn owners_are_names_or_numbers() {
        let (passwd, group) = (
            "root:x:0:0::/root:/bin/sh\nrancher:x:1000:1000::/:/bin/sh\n",
            "root:x:0:\nadm:x:4:\n",
        );
        assert_eq!(owner_ids("", passwd, group).ok(), Some((Some(0), Some(0))));
        assert_eq!(
            owner_ids("rancher", passwd, group).ok(),
            Some((Some(1000), None))
        );
        assert_eq!(
            owner_ids("rancher:adm", passwd, group).ok(),
            Some((Some(1000), Some(4)))
        );
        assert_eq!(owner_ids(":4", passwd, group).ok(), Some((None, Some(4))));
        assert_eq!(
            owner_ids("123:456", passwd, group).ok(),
            Some((Some(123), Some(456)))
        );
        // `ran` begins like rancher but is nobody.
        assert_eq!(
            owner_ids("ran", passwd, group).unwrap_err().to_string(),
            "there is no user ran"
        );
    }
}
