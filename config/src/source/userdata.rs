//! Userdata that is a program rather than a configuration.

use crate::problem::Place;
use crate::tree::{Entry, Node};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const PATH: &str = "/run/k3os/userdata";

/// The tree for a script or a binary: a file that is written and run. `None` for text without `#!`.
///
/// k3OS has its shell read the file; here the kernel runs it, so that its first line says by what.
pub(super) fn program(bytes: &[u8]) -> Option<Node> {
    if !bytes.starts_with(b"#!") && !bytes.contains(&0) {
        return None;
    }
    let text = |text: &str| Node::text(Place::START, text);
    let file = vec![
        Entry::new("encoding", text("b64")),
        Entry::new("content", text(&STANDARD.encode(bytes))),
        Entry::new("owner", text("root")),
        Entry::new("path", text(PATH)),
        Entry::new("permissions", text("0700")),
    ];
    let files = Node::list(Place::START, vec![Node::map(Place::START, file)]);
    let entries = vec![
        Entry::new("write_files", files),
        Entry::new("run_cmd", text(PATH)),
    ];
    Some(Node::map(Place::START, entries))
}
