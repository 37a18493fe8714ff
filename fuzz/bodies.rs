//! What is tried with odd bytes, and what must hold whatever they are. Shared by the targets of `cargo fuzz` and by
//! `data-sources/tests/fuzz.rs`, which runs them for a moment on the stable compiler.

use config::explain::{self, Secrets};
use config::{BootSwitches, Loaded, Severity, Source, SourceKind, cmdline, dump, load};
use data_sources::{Metadata, parse};

/// One body, by the name of its target and of its directory of seeds.
pub type Body = (&'static str, fn(&[u8]));

/// All of them.
pub const BODIES: [Body; 4] = [
    ("yaml", yaml),
    ("cmdline", command_line),
    ("userdata", userdata),
    ("metadata", metadata),
];

/// A configuration file.
pub fn yaml(bytes: &[u8]) {
    let first = source(
        SourceKind::File,
        b"ssh_authorized_keys: [ssh-ed25519 AAAA me]\n",
    );
    let loaded = checked(load(&[first, source(SourceKind::File, bytes)]));
    assert!(
        loaded
            .config
            .ssh_authorized_keys
            .0
            .iter()
            .any(|key| key == "ssh-ed25519 AAAA me"),
        "a file took away the key of another"
    );
}

/// The kernel command line.
pub fn command_line(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let length = text.chars().count();
    for word in cmdline::split(&text) {
        assert!(
            (1..=length).contains(&word.column),
            "the column of a word is outside of the text"
        );
    }
    BootSwitches::from_cmdline(&text);
    checked(load(&[source(SourceKind::Cmdline, bytes)]));
}

/// Userdata, packed or not.
pub fn userdata(bytes: &[u8]) {
    let bytes = parse::unpacked(bytes);
    let loaded = checked(load(&[source(SourceKind::Userdata, &bytes)]));
    if bytes.starts_with(b"#!") && bytes.len() <= config::yaml::MAX_BYTES {
        assert_eq!(
            loaded.config.run_cmd,
            ["/run/k3os/userdata"],
            "a script is not run"
        );
    }
}

/// What metadata services and data media say.
pub fn metadata(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    checked_metadata(Some(parse::meta_data(&text)));
    checked_metadata(parse::hetzner(&text));
    checked_metadata(parse::openstack_meta_data(bytes));
    checked_metadata(
        serde_json::from_slice(bytes)
            .ok()
            .and_then(|json| parse::digitalocean(&json)),
    );
    assert!(
        parse::key_numbers(&text).len() <= 100,
        "more keys are asked for than anybody has"
    );
    assert!(
        parse::gcp_keys(&text, "2026-01-31T10:00:00")
            .iter()
            .all(|key| !key.is_empty())
    );
    for kind in [SourceKind::LocalHostname, SourceKind::AuthorizedKeys] {
        checked(load(&[source(kind, bytes)]));
    }
}

fn source(kind: SourceKind, bytes: &[u8]) -> Source {
    Source {
        name: "source".into(),
        kind,
        bytes: bytes.to_vec(),
    }
}

/// Every problem can be told, every value explained, and both dumps read back as what they show.
fn checked(loaded: Loaded) -> Loaded {
    for problem in &loaded.problems {
        assert!(!problem.message.is_empty() && !problem.source.is_empty());
        assert!(
            problem
                .place
                .is_none_or(|place| place.line >= 1 && place.column >= 1)
        );
    }
    explain::text(&loaded, "", Secrets::Hidden);
    for text in [dump::json(&loaded.config), dump::yaml(&loaded.config)] {
        let again = load(&[source(SourceKind::File, text.as_bytes())]);
        let complete = !again
            .problems
            .iter()
            .any(|problem| problem.severity == Severity::Error);
        // The YAML form leaves out what the installer is told.
        let mut expected = loaded.config.clone();
        if !text.starts_with('{') {
            expected.k3os.install = again.config.k3os.install.clone();
        }
        assert!(
            !complete || again.config == expected,
            "a dump reads back as something else:\n{text}"
        );
    }
    loaded
}

fn checked_metadata(metadata: Option<Metadata>) {
    let Some(metadata) = metadata else {
        return;
    };
    let names = [metadata.hostname, metadata.local_hostname]
        .into_iter()
        .flatten();
    assert!(
        names.chain(metadata.keys).all(|text| !text.is_empty()),
        "a name or key is empty"
    );
}
