//! Modules that a Kubernetes machine does not need, each group with the reason.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::index::Dependencies;

/// Directories below `kernel/` that go.
const UNWANTED: &[(&str, &str)] = &[
    (
        "drivers/accel",
        "AI accelerators need firmware that is not in the image",
    ),
    ("drivers/accessibility", "speech synthesizers"),
    ("drivers/atm", "no longer in use"),
    ("drivers/bluetooth", "no bluetooth daemon"),
    ("drivers/comedi", "laboratory equipment"),
    ("drivers/firewire", "no longer in use"),
    ("drivers/gpu", "graphics; see KEPT"),
    ("drivers/greybus", "modular telephones"),
    ("drivers/hwtracing", "debugging of processors"),
    ("drivers/iio", "sensors"),
    ("drivers/input/gameport", "joysticks"),
    ("drivers/input/joystick", "joysticks"),
    ("drivers/input/tablet", "graphics tablets"),
    ("drivers/input/touchscreen", "touch screens"),
    ("drivers/isdn", "no longer in use"),
    ("drivers/media", "cameras, television"),
    ("drivers/memstick", "cameras' memory"),
    ("drivers/mtd", "raw flash memory is no PC's disk"),
    ("drivers/net/arcnet", "no longer in use"),
    ("drivers/net/can", "vehicles"),
    ("drivers/net/fddi", "no longer in use"),
    ("drivers/net/hamradio", "radio amateurs"),
    ("drivers/net/ieee802154", "sensors"),
    ("drivers/net/wan", "no longer in use"),
    ("drivers/nfc", "telephones"),
    ("drivers/parport", "printers"),
    ("drivers/pcmcia", "no longer in use"),
    ("drivers/soundwire", "sound"),
    (
        "drivers/staging",
        "drivers which the kernel's authors hold for unfinished",
    ),
    ("drivers/video", "graphics"),
    ("drivers/w1", "sensors"),
    ("fs/adfs", "disks of other systems"),
    ("fs/affs", "disks of other systems"),
    ("fs/afs", "a network file system without users here"),
    ("fs/befs", "disks of other systems"),
    ("fs/bfs", "disks of other systems"),
    ("fs/coda", "a network file system without users here"),
    ("fs/efs", "disks of other systems"),
    ("fs/freevxfs", "disks of other systems"),
    ("fs/hpfs", "disks of other systems"),
    ("fs/jffs2", "raw flash memory"),
    ("fs/jfs", "disks of other systems"),
    ("fs/minix", "disks of other systems"),
    ("fs/omfs", "disks of other systems"),
    ("fs/orangefs", "a network file system without users here"),
    ("fs/qnx4", "disks of other systems"),
    ("fs/qnx6", "disks of other systems"),
    ("fs/sysv", "disks of other systems"),
    ("fs/ubifs", "raw flash memory"),
    ("fs/ufs", "disks of other systems"),
    ("net/6lowpan", "sensors"),
    ("net/appletalk", "no longer in use"),
    ("net/atm", "no longer in use"),
    ("net/ax25", "radio amateurs"),
    ("net/bluetooth", "no bluetooth daemon"),
    ("net/can", "vehicles"),
    ("net/ieee802154", "sensors"),
    ("net/mac802154", "sensors"),
    ("net/netrom", "radio amateurs"),
    ("net/nfc", "telephones"),
    ("net/rose", "radio amateurs"),
    ("sound", "no speaker"),
];

/// What stays of those directories: consoles of servers and virtual machines.
const KEPT: &[&str] = &[
    "drivers/gpu/drm/ast/",
    "drivers/gpu/drm/drm.ko",
    "drivers/gpu/drm/drm_kms_helper.ko",
    "drivers/gpu/drm/drm_panel_orientation_quirks.ko",
    "drivers/gpu/drm/drm_shmem_helper.ko",
    "drivers/gpu/drm/drm_ttm_helper.ko",
    "drivers/gpu/drm/drm_vram_helper.ko",
    "drivers/gpu/drm/hyperv/",
    "drivers/gpu/drm/mgag200/",
    "drivers/gpu/drm/qxl/",
    "drivers/gpu/drm/tiny/bochs",
    "drivers/gpu/drm/tiny/cirrus",
    "drivers/gpu/drm/tiny/simpledrm",
    "drivers/gpu/drm/ttm/",
    "drivers/gpu/drm/vboxvideo/",
    "drivers/gpu/drm/virtio/",
    "drivers/gpu/drm/vmwgfx/",
    "drivers/video/aperture",
    "drivers/video/fbdev/core/",
];

/// How many modules went: by the list, and because they need one of those.
pub struct Dropped {
    pub named: usize,
    pub dependent: usize,
}

/// Removes the unwanted modules from an indexed directory, and those which could not load without them.
pub fn trim(directory: &Path) -> Result<Dropped> {
    let text =
        std::fs::read_to_string(directory.join("modules.dep")).context("reading modules.dep")?;
    let all = Dependencies::parse(&text);
    let named: BTreeSet<&str> = all.paths().filter(|path| unwanted(path)).collect();
    let dependent: Vec<&str> = all
        .paths()
        .filter(|path| {
            !named.contains(path)
                && all
                    .of(path)
                    .iter()
                    .any(|needed| named.contains(needed.as_str()))
        })
        .collect();
    for path in named.iter().chain(&dependent) {
        std::fs::remove_file(directory.join(path))
            .with_context(|| format!("leaving out {path}"))?;
    }
    Ok(Dropped {
        named: named.len(),
        dependent: dependent.len(),
    })
}

/// `path` as in modules.dep: `kernel/drivers/…/x.ko.xz`.
fn unwanted(path: &str) -> bool {
    let Some(path) = path.strip_prefix("kernel/") else {
        return false;
    };
    UNWANTED
        .iter()
        .any(|(directory, _)| crate::tree::is_below(path, directory))
        && !KEPT.iter().any(|kept| path.starts_with(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consoles_stay_and_graphics_go() {
        assert!(unwanted("kernel/drivers/gpu/drm/i915/i915.ko.xz"));
        assert!(!unwanted("kernel/drivers/gpu/drm/virtio/virtio-gpu.ko.xz"));
        assert!(!unwanted("kernel/fs/xfs/xfs.ko.xz"));
        assert!(unwanted("kernel/fs/ufs/ufs.ko.xz"));
    }

    #[test]
    fn what_needs_a_removed_module_goes_too() {
        let directory = tempfile::tempdir().unwrap();
        let dep = "kernel/sound/snd.ko:\nkernel/drivers/x/loud.ko: kernel/sound/snd.ko\nkernel/fs/ext4.ko:\n";
        std::fs::write(directory.path().join("modules.dep"), dep).unwrap();
        for path in [
            "kernel/sound/snd.ko",
            "kernel/drivers/x/loud.ko",
            "kernel/fs/ext4.ko",
        ] {
            std::fs::create_dir_all(directory.path().join(path).parent().unwrap()).unwrap();
            std::fs::write(directory.path().join(path), "").unwrap();
        }
        let dropped = trim(directory.path()).unwrap();
        assert_eq!((dropped.named, dropped.dependent), (1, 1));
        assert!(directory.path().join("kernel/fs/ext4.ko").exists());
        assert!(!directory.path().join("kernel/drivers/x/loud.ko").exists());
    }
}
