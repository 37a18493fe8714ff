//! depmod's text files: what a module needs, and the index of a smaller set of modules.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

/// `modules.dep`: path of a module → paths of all modules that it needs, nearest first.
pub struct Dependencies(BTreeMap<String, Vec<String>>);

impl Dependencies {
    /// Lines are `path: needed needed…`; paths are relative to the directory of the kernel's modules.
    pub fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let (path, needed) = line.split_once(':')?;
            Some((
                path.to_owned(),
                needed.split_whitespace().map(str::to_owned).collect(),
            ))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// All modules.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What this module needs; nothing for an unknown one.
    pub fn of(&self, path: &str) -> &[String] {
        self.0.get(path).map_or(&[], Vec::as_slice)
    }

    /// The modules of these names with all that they need. A name that is neither a module nor in `builtin` is an error: the
    /// kernel has renamed a driver, and the initrd would miss it silently.
    pub fn closure(&self, names: &[&str], builtin: &str) -> Result<BTreeSet<String>> {
        let by_name: BTreeMap<String, &str> =
            self.paths().map(|path| (name_of(path), path)).collect();
        let builtin: BTreeSet<String> = builtin.lines().map(name_of).collect();
        let mut chosen = BTreeSet::new();
        for name in names {
            match by_name.get(&name.replace('-', "_")) {
                Some(path) => {
                    chosen.insert((*path).to_owned());
                    chosen.extend(self.of(path).iter().cloned());
                }
                None if builtin.contains(&name.replace('-', "_")) => {}
                None => bail!("choosing modules of the initrd: this kernel has no module {name}"),
            }
        }
        Ok(chosen)
    }

    /// `modules.dep` for these modules, decompressed.
    pub fn text_for(&self, chosen: &BTreeSet<String>) -> String {
        let line = |path: &String| {
            let needed: String = self
                .of(path)
                .iter()
                .map(|needed| format!(" {}", decompressed(needed)))
                .collect();
            format!("{}:{needed}\n", decompressed(path))
        };
        chosen.iter().map(line).collect()
    }
}

/// `kernel/fs/ext4/ext4.ko.xz` → `ext4`, with `_` for `-` as in aliases.
pub fn name_of(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

/// The path of a module without the ending of its compression.
pub fn decompressed(path: &str) -> &str {
    path.strip_suffix(".xz").unwrap_or(path)
}

/// Lines of `modules.alias` or `modules.softdep` whose module (the word at `position`) is chosen; comments go.
pub fn lines_for(text: &str, position: usize, chosen: &BTreeSet<String>) -> String {
    let names: BTreeSet<String> = chosen.iter().map(|path| name_of(path)).collect();
    let wanted = |line: &&str| {
        line.split_whitespace()
            .nth(position)
            .is_some_and(|name| names.contains(&name.replace('-', "_")))
            && !line.starts_with('#')
    };
    text.lines()
        .filter(wanted)
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "kernel/fs/ext4/ext4.ko.xz: kernel/fs/jbd2/jbd2.ko.xz kernel/lib/crc16.ko.xz\nkernel/fs/jbd2/jbd2.ko.xz:\nkernel/lib/crc16.ko.xz:\nkernel/sound/snd.ko.xz:\nkernel/drivers/usb/usb-storage.ko.xz:\n";

    #[test]
    fn a_module_brings_what_it_needs() {
        let deps = Dependencies::parse(DEP);
        let chosen = deps
            .closure(
                &["ext4", "usb_storage", "loop"],
                "kernel/drivers/block/loop.ko\n",
            )
            .unwrap();
        assert_eq!(chosen.len(), 4);
        assert!(deps.text_for(&chosen).starts_with("kernel/drivers/usb/usb-storage.ko:\nkernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko kernel/lib/crc16.ko\n"));
    }

    #[test]
    fn an_unknown_module_is_named() {
        let error = Dependencies::parse(DEP)
            .closure(&["nvmee"], "")
            .unwrap_err();
        assert!(error.to_string().contains("nvmee"));
    }

    #[test]
    fn aliases_are_those_of_the_chosen_modules() {
        let chosen = BTreeSet::from(["kernel/drivers/usb/usb-storage.ko.xz".to_owned()]);
        let aliases = "# comment usb_storage\nalias usb:v* usb_storage\nalias pci:x snd\n";
        assert_eq!(lines_for(aliases, 2, &chosen), "alias usb:v* usb_storage\n");
        assert_eq!(
            lines_for(
                "softdep usb-storage pre: uas\nsoftdep snd pre: x\n",
                1,
                &chosen
            ),
            "softdep usb-storage pre: uas\n"
        );
    }
}
