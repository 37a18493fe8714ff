//! The menu while another system is being taken over: it finds the file system by its UUID, since the label comes with the first
//! boot, and it can bring the other system back.

use super::Menu;
use system::layout::RELEASES;

const HEAD: &str = "# Written by the k3OS installer. The system that was here before can be brought back by the last entry until \
                    it is deleted;\n# then this menu is replaced.\n";

impl Menu {
    /// The text of `grub.cfg` for the takeover of `system`, on the file system `uuid`.
    pub fn takeover(&self, version: &str, uuid: &str, system: &str) -> String {
        let words = format!("{} k3os.takeover={uuid}", self.kernel_words());
        let debug = if self.debug { " k3os.debug" } else { "" };
        // What GRUB would take for more than text.
        let system: String = system.chars().filter(|c| !"\"$\\\n".contains(*c)).collect();
        [
            HEAD.to_owned(),
            format!("search --no-floppy --set=root --fs-uuid {uuid} --hint \"$root\"\n"),
            "load_env\nset default=0\nset timeout=5\n".to_owned(),
            self.serial().unwrap_or_default(),
            entry(
                &format!("k3OS ({version})"),
                version,
                &format!("{words}{debug}"),
            ),
            entry("k3OS Rescue", version, &format!("{words} rescue")),
            entry(
                &format!("Bring back {system} (undo the takeover)"),
                version,
                &format!("{words} k3os.undo_takeover"),
            ),
        ]
        .concat()
    }
}

fn entry(title: &str, version: &str, words: &str) -> String {
    let directory = format!("/{RELEASES}/{version}");
    format!(
        "\nmenuentry \"{title}\" {{\n  linux {directory}/vmlinuz {words}\n  initrd {directory}/initrd\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_names_the_file_system_and_the_last_brings_back() {
        let menu = Menu {
            debug: true,
            tty: Some("ttyS0".into()),
        };
        let text = menu.takeover("v1", "0a-1b", "Bad \"$OS\"");
        let kernels: Vec<&str> = text.lines().filter(|l| l.starts_with("  linux ")).collect();
        assert_eq!(kernels.len(), 3);
        assert!(
            kernels
                .iter()
                .all(|line| line.contains(" k3os.takeover=0a-1b"))
        );
        assert!(kernels[0].starts_with("  linux /k3os/system/releases/v1/vmlinuz "));
        assert!(kernels[0].ends_with(" k3os.debug") && kernels[2].ends_with(" k3os.undo_takeover"));
        assert!(text.contains("--fs-uuid 0a-1b --hint"));
        assert!(text.contains("menuentry \"Bring back Bad OS (undo the takeover)\""));
        assert!(text.contains("terminal_output console serial"));
    }
}
