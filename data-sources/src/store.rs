//! Lays metadata and userdata where the configuration's sources are read, as k3OS's agent did.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use system::host::{Content, Host};

use crate::search::Found;

/// Where everything lies.
pub const DIRECTORY: &str = "/run/config";

/// Whether this boot has found its provider.
pub fn is_stored(host: &dyn Host) -> bool {
    matches!(
        host.read(&Path::new(DIRECTORY).join("provider")),
        Ok(Some(_))
    )
}

/// Writes what was found; who knew it comes last, so that an interrupted write is done again.
///
/// # Errors
/// When a file cannot be written.
pub fn store(found: &Found, host: &dyn Host) -> Result<()> {
    let metadata = &found.metadata;
    let names = [
        ("hostname", &metadata.hostname),
        ("local_hostname", &metadata.local_hostname),
    ];
    for (file, name) in names {
        if let Some(name) = name {
            write(file, format!("{name}\n").as_bytes(), host)?;
        }
    }
    if !metadata.keys.is_empty() {
        write(
            "ssh/authorized_keys",
            (metadata.keys.join("\n") + "\n").as_bytes(),
            host,
        )?;
    }
    if let Some(userdata) = &metadata.userdata {
        write("userdata", &unpacked(userdata), host)?;
    }
    write("provider", format!("{}\n", found.provider).as_bytes(), host)
}

/// Userdata may hold secrets, and the rest is nobody's business: root's eyes only.
fn write(file: &str, bytes: &[u8], host: &dyn Host) -> Result<()> {
    let path = Path::new(DIRECTORY).join(file);
    let content = Content {
        path: &path,
        bytes,
        mode: 0o600,
        owner: (Some(0), Some(0)),
    };
    host.write(&content).map(drop).context("keeping metadata")
}

/// Userdata without gzip around it, which clouds with little room for it make usual, nor base64 around that, which terraform's
/// `cloudinit_config` adds unless it is told not to, and which not every cloud takes off. What does not unpack, or to more
/// than a source may have, stays as it is.
pub fn unpacked(userdata: &[u8]) -> Vec<u8> {
    let without_base64 = userdata.starts_with(GZIP_IN_BASE64).then(|| {
        let packed = userdata
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace());
        STANDARD.decode(packed.collect::<Vec<_>>()).ok()
    });
    let unpacked = match without_base64.flatten() {
        Some(gzip) => gunzip(&gzip),
        None if userdata.starts_with(&[0x1f, 0x8b]) => gunzip(userdata),
        None => None,
    };
    unpacked.unwrap_or_else(|| userdata.to_vec())
}

/// How gzip begins in base64; no configuration begins so.
const GZIP_IN_BASE64: &[u8] = b"H4sI";

fn gunzip(packed: &[u8]) -> Option<Vec<u8>> {
    let limit = config::yaml::MAX_BYTES as u64;
    let mut bytes = Vec::new();
    let read = MultiGzDecoder::new(packed)
        .take(limit + 1)
        .read_to_end(&mut bytes);
    (read.is_ok() && bytes.len() as u64 <= limit).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use system::host::Recording;

    use super::*;
    use crate::Metadata;

    #[test]
    fn files_are_those_of_k3os_and_private() {
        let host = Recording::default();
        let found = Found {
            provider: "aws".into(),
            metadata: Metadata {
                hostname: Some("box.example".into()),
                local_hostname: Some("box".into()),
                keys: vec!["ssh-rsa A".into(), "ssh-rsa B".into()],
                userdata: Some(b"token: x".to_vec()),
            },
        };
        assert!(!is_stored(&host));
        store(&found, &host).expect("storing");
        assert!(is_stored(&host));
        assert_eq!(
            host.text("/run/config/local_hostname").as_deref(),
            Some("box\n")
        );
        assert_eq!(
            host.text("/run/config/ssh/authorized_keys").as_deref(),
            Some("ssh-rsa A\nssh-rsa B\n")
        );
        assert_eq!(
            host.text("/run/config/userdata").as_deref(),
            Some("token: x")
        );
        let open = |action: &system::host::Action| matches!(action, system::host::Action::Write { mode, .. } if *mode != 0o600);
        assert!(!host.actions().iter().any(open));
    }

    #[test]
    fn gzip_is_taken_off_and_nothing_else() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"#cloud-config\n").expect("packing");
        let packed = gzip.finish().expect("packing");
        assert_eq!(unpacked(&packed), b"#cloud-config\n");
        let in_base64 = STANDARD.encode(&packed) + "\n";
        assert_eq!(unpacked(in_base64.as_bytes()), b"#cloud-config\n");
        assert_eq!(unpacked(b"H4sI no base64"), b"H4sI no base64");
        assert_eq!(unpacked(&packed[..10]), &packed[..10]);
        assert_eq!(unpacked(b"text"), b"text");
    }
}
