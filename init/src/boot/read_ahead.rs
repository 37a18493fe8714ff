//! Reads the Kubernetes program before it is started.
//!
//! Three processes start from the one large program, and take it page by page from a compressed medium: mostly waiting. The
//! second stage's own steps leave the medium idle; so it is read meanwhile, in order, into the page cache.

use std::fs::File;
use std::os::fd::AsFd;
use std::thread;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

/// What starts first, in the order of need.
const PROGRAMS: [&str; 3] = [
    "/usr/libexec/k3os/kubernetes",
    "/usr/libexec/k3os/containerd-shim-runc-v2",
    "/usr/bin/runc",
];
/// The kernel reads so much at once and no more, however much it is asked for.
const CHUNK: i64 = 2 << 20;

/// Starts reading in the background. What fails costs time only, so nobody is told.
pub(super) fn start() {
    let _ = thread::Builder::new()
        .name("read-ahead".into())
        .spawn(|| PROGRAMS.iter().for_each(|program| read(program)));
}

fn read(program: &str) {
    let Ok(file) = File::open(program) else {
        return;
    };
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let mut offset = 0;
    while u64::try_from(offset).is_ok_and(|offset| offset < size) {
        let advice = PosixFadviseAdvice::POSIX_FADV_WILLNEED;
        if posix_fadvise(file.as_fd(), offset, CHUNK, advice).is_err() {
            return;
        }
        offset += CHUNK;
    }
}
