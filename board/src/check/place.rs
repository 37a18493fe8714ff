//! Where a board's loader takes the kernel's command line from.

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
/// Where no file is known.
const U_BOOT: &str =
    "append to bootargs in U-Boot's environment (fw_printenv bootargs; fw_setenv bootargs \"…\")";

/// The files to look for, relative to the root.
pub fn files() -> impl Iterator<Item = &'static str> {
    PLACES.iter().map(|(file, _)| *file)
}

/// How to add these words to the command line of a board that has these files.
pub fn add(words: &[&str], files: &[&str]) -> String {
    let known = PLACES.iter().find(|(file, _)| files.contains(file));
    let how = known.map_or(U_BOOT, |(_, how)| how);
    format!("{how}: {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_firmware_s_file_counts_before_an_old_one() {
        let both = ["boot/cmdline.txt", "boot/firmware/cmdline.txt"];
        let text = add(&["a", "b=c"], &both);
        assert!(text.contains("/boot/firmware/cmdline.txt"), "{text}");
        assert!(text.ends_with(": a b=c"), "{text}");
        assert!(add(&["a"], &["boot/extlinux/extlinux.conf"]).contains("extlinux.conf"));
        assert!(add(&["a"], &[]).contains("fw_setenv"));
    }
}
