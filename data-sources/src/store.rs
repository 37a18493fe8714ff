//! Lays metadata and userdata where the configuration's sources are read, as k3OS's agent did.

use std::path::Path;

use anyhow::{Context, Result};
use system::host::{Content, Host};

use crate::search::Found;
use crate::unpack::unpacked;

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

#[cfg(test)]
mod tests {
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
}
