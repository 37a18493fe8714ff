//! Where a board's loader takes the kernel's command line from.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::Facts;

/// Files by which a loader is known, the most telling first, and how words are added there.
const PLACES: [(&str, &str); 9] = [
    (
        "boot/firmware/cmdline.txt",
        "append to the one line of /boot/firmware/cmdline.txt",
    ),
    (
        "boot/firmware/current/cmdline.txt",
        "append to the one line of /boot/firmware/current/cmdline.txt",
    ),
    (
        "boot/cmdline.txt",
        "append to the one line of /boot/cmdline.txt",
    ),
    (
        "boot/armbianEnv.txt",
        "append to the line extraargs= of /boot/armbianEnv.txt (add the line if it is missing)",
    ),
    (
        "boot/orangepiEnv.txt",
        "append to the line extraargs= of /boot/orangepiEnv.txt (add the line if it is missing)",
    ),
    (
        "etc/default/u-boot",
        "append to U_BOOT_PARAMETERS in /etc/default/u-boot and run u-boot-update",
    ),
    (
        "boot/extlinux/extlinux.conf",
        "append to the lines `append` of /boot/extlinux/extlinux.conf",
    ),
    (
        "boot/uEnv.txt",
        "append to the line that sets the kernel's arguments in /boot/uEnv.txt",
    ),
    (
        "etc/default/grub",
        "append to GRUB_CMDLINE_LINUX in /etc/default/grub and run update-grub",
    ),
];
/// As the firmware's device tree begins to name it.
const PI: &str = "Raspberry Pi";
/// The file is always there, and a node does not mount its partition.
const PI_FIRMWARE: &str = "append to the one line of cmdline.txt on the boot partition (from a node: mount /dev/mmcblk0p1 /mnt)";
/// Where no file is known.
const U_BOOT: &str =
    "append to bootargs in U-Boot's environment (fw_printenv bootargs; fw_setenv bootargs \"…\")";

/// Those of the files that count on the board whose root is at `root`. Raspberry Pi OS keeps a /boot/cmdline.txt that only says where
/// the true one has gone: a command line names its root.
pub fn files(root: &Path) -> Vec<&'static str> {
    let counts = |file: &str| match fs::read_to_string(root.join(file)) {
        Ok(text) => !file.ends_with("cmdline.txt") || text.contains("root="),
        Err(error) => error.kind() != ErrorKind::NotFound,
    };
    let names = PLACES.iter().map(|(file, _)| *file);
    names.filter(|file| counts(file)).collect()
}

/// How to add these words to the board's command line.
pub fn add(words: &[&str], board: &Facts) -> String {
    let mut known = PLACES.iter();
    let known = known.find(|(file, _)| board.loader_files.contains(file));
    let unknown = if board.model.starts_with(PI) {
        PI_FIRMWARE
    } else {
        U_BOOT
    };
    let how = known.map_or(unknown, |(_, how)| how);
    format!("{how}: {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &[&'static str]) -> Facts {
        Facts {
            loader_files: files.to_vec(),
            ..Facts::default()
        }
    }

    #[test]
    fn the_firmware_s_file_counts_before_an_old_one() {
        let text = add(
            &["a", "b=c"],
            &with(&["boot/cmdline.txt", "boot/firmware/cmdline.txt"]),
        );
        assert!(text.contains("/boot/firmware/cmdline.txt"), "{text}");
        assert!(text.ends_with(": a b=c"), "{text}");
        let text = add(&["a"], &with(&["boot/extlinux/extlinux.conf"]));
        assert!(text.contains("extlinux.conf"), "{text}");
        assert!(add(&["a"], &with(&[])).contains("fw_setenv"));
    }

    #[test]
    fn a_file_that_only_says_where_the_command_line_has_gone_does_not_count() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("boot/cmdline.txt", "It has moved to /boot/firmware\n");
        write("boot/uEnv.txt", "bootargs=quiet\n");
        assert_eq!(files(root.path()), ["boot/uEnv.txt"]);
        write("boot/cmdline.txt", "console=tty1 root=/dev/mmcblk0p2\n");
        write("boot/firmware/cmdline.txt", "root=PARTUUID=1-02\n");
        let all = [
            "boot/firmware/cmdline.txt",
            "boot/cmdline.txt",
            "boot/uEnv.txt",
        ];
        assert_eq!(files(root.path()), all);
    }

    #[test]
    fn a_pi_that_does_not_mount_its_boot_partition_is_told_where_it_is() {
        let mut pi = with(&[]);
        pi.model = "Raspberry Pi 5 Model B Rev 1.0".to_owned();
        assert!(add(&["a"], &pi).contains("mount /dev/mmcblk0p1 /mnt): a"));
    }
}
