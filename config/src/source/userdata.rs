//! Userdata that is a program rather than a configuration.

use crate::problem::Place;
use crate::tree::{Entry, Node};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Where it is written and run.
pub(super) const PATH: &str = "/run/k3os/userdata";

/// Whether it is a script or a binary rather than text without `#!`.
pub(super) fn is_program(bytes: &[u8]) -> bool {
    bytes.starts_with(b"#!") || bytes.contains(&0)
}

/// The tree for a script or a binary: a file that is written and run.
///
/// k3OS has its shell read the file; here the kernel runs it, so that its first line says by what.
pub(super) fn program(bytes: &[u8], path: &str) -> Node {
    let text = |text: &str| Node::text(Place::START, text);
    let file = vec![
        Entry::new("encoding", text("b64")),
        Entry::new("content", text(&STANDARD.encode(bytes))),
        Entry::new("owner", text("root")),
        Entry::new("path", text(path)),
        Entry::new("permissions", text("0700")),
    ];
    let files = Node::list(Place::START, vec![Node::map(Place::START, file)]);
    let entries = vec![
        Entry::new("write_files", files),
        Entry::new("run_cmd", text(path)),
    ];
    Node::map(Place::START, entries)
}
