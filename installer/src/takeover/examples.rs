//! A system that can be taken over, for tests.

use super::identity::Identity;
use super::running::Running;
use crate::facts::{Facts, examples};
use crate::request::Request;
use crate::selector::Selector;

/// Debian on `/dev/sda1`.
pub fn running() -> Running {
    Running {
        machine: "x86_64".into(),
        system: "Debian GNU/Linux 13 (trixie)".into(),
        ours: false,
        device: Ok("/dev/sda1".into()),
        disk: "/dev/sda".into(),
        fstype: "ext4".into(),
        writable: true,
        free: 8 << 30,
        label: "cloudimg-rootfs".into(),
        uuid: Some("0a0b".into()),
        loader: Some("boot/grub".into()),
        boot: None,
        mounts: Vec::new(),
        keep: Vec::new(),
        before: None,
        aside: false,
    }
}

/// Its disk, and the release on a CD.
pub fn facts() -> Facts {
    let disk = examples::disk("/dev/sda", 20 << 30);
    examples::facts(vec![examples::with_state(disk, "cloudimg-rootfs", 8 << 30)])
}

/// What k3OS's README says to run.
pub fn request() -> Request {
    Request {
        device: Some(Selector::Path("/dev/sda1".into())),
        takeover: true,
        no_format: true,
        ..Request::default()
    }
}

/// Its name and a key.
pub fn identity() -> Identity {
    Identity {
        hostname: Some("oldbox".into()),
        keys: vec!["ssh-ed25519 AAAA one".into()],
        ..Identity::default()
    }
}
