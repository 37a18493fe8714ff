//! What depmod's lists say, in a form that answers quickly.

use std::collections::{BTreeMap, BTreeSet};

use super::glob;

/// Aliases, dependencies and built-in modules of one kernel.
#[derive(Debug, Default)]
pub struct Index {
    /// By bus (the text up to the first `:`): pattern and module.
    aliases: BTreeMap<String, Vec<(String, String)>>,
    /// Module name → its file and the files it depends on, nearest first.
    files: BTreeMap<String, Vec<String>>,
    /// Module name → modules to load before it (softdep `pre:`).
    before: BTreeMap<String, Vec<String>>,
    builtin: BTreeSet<String>,
}

impl Index {
    /// Parses the texts of modules.alias, modules.dep, modules.softdep and modules.builtin; lines that do not fit
    /// are left out.
    pub fn parse(alias: &str, dep: &str, softdep: &str, builtin: &str) -> Self {
        let mut index = Self::default();
        alias.lines().for_each(|line| index.add_alias(line));
        dep.lines().for_each(|line| index.add_files(line));
        softdep.lines().for_each(|line| index.add_softdep(line));
        index.builtin = builtin.lines().map(module_name).collect();
        index
    }

    fn add_alias(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        if let (Some("alias"), Some(pattern), Some(module)) =
            (words.next(), words.next(), words.next())
        {
            self.aliases
                .entry(bus(pattern).to_string())
                .or_default()
                .push((pattern.to_string(), normalise(module)));
        }
    }

    fn add_files(&mut self, line: &str) {
        if let Some((file, needs)) = line.split_once(':') {
            let files = std::iter::once(file).chain(needs.split_whitespace());
            self.files
                .insert(module_name(file), files.map(str::to_string).collect());
        }
    }

    fn add_softdep(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        if let (Some("softdep"), Some(module)) = (words.next(), words.next()) {
            let pre = words
                .skip_while(|word| *word != "pre:")
                .skip(1)
                .take_while(|word| *word != "post:");
            self.before
                .insert(normalise(module), pre.map(str::to_string).collect());
        }
    }

    /// Whether there is a module of this name, built in or as a file.
    pub fn knows(&self, name: &str) -> bool {
        let name = normalise(name);
        self.builtin.contains(&name) || self.files.contains_key(&name)
    }

    /// The modules that serve an alias such as `virtio:d00000002v00001AF4` or `fs-ext4`.
    pub fn by_alias(&self, alias: &str) -> Vec<String> {
        let Some(candidates) = self.aliases.get(bus(alias)) else {
            return Vec::new();
        };
        let fitting = candidates
            .iter()
            .filter(|(pattern, _)| glob::matches(pattern.as_bytes(), alias.as_bytes()));
        let names: BTreeSet<String> = fitting.map(|(_, module)| module.clone()).collect();
        names.into_iter().collect()
    }

    /// The files to load for a module, in order, itself last; empty when it is built in or unknown.
    pub fn load_order(&self, name: &str) -> Vec<String> {
        let mut order = Vec::new();
        self.append(&normalise(name), &mut order, &mut BTreeSet::new());
        order
    }

    fn append(&self, name: &str, order: &mut Vec<String>, seen: &mut BTreeSet<String>) {
        if !seen.insert(name.to_string()) {
            return;
        }
        for wanted in self.before.get(name).into_iter().flatten() {
            let modules = if self.knows(wanted) {
                vec![normalise(wanted)]
            } else {
                self.by_alias(wanted)
            };
            modules
                .iter()
                .for_each(|module| self.append(module, order, seen));
        }
        let Some((own, needs)) = self.files.get(name).and_then(|files| files.split_first()) else {
            return;
        };
        for need in needs.iter().rev() {
            self.append(&module_name(need), order, seen);
        }
        order.push(own.clone());
    }
}

/// The bus of an alias: what stands before the first `:`.
fn bus(alias: &str) -> &str {
    alias.split_once(':').map_or("", |(bus, _)| bus)
}

/// A module's name from its file: `kernel/fs/nls/nls_cp437.ko.xz` → `nls_cp437`.
pub fn module_name(file: &str) -> String {
    let base = file.rsplit('/').next().unwrap_or(file);
    normalise(base.split(".ko").next().unwrap_or(base))
}

/// The kernel holds `-` and `_` for the same in module names.
pub fn normalise(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        Index::parse(
            "# Aliases\nalias virtio:d00000002v* virtio_blk\nalias fs-ext4 ext4\nalias crypto-crc32c crc32c_generic\n",
            "kernel/drivers/block/virtio_blk.ko.xz: kernel/drivers/virtio/virtio.ko.xz kernel/drivers/virtio/virtio_ring.ko.xz\n\
             kernel/drivers/virtio/virtio.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz\n\
             kernel/drivers/virtio/virtio_ring.ko.xz:\nkernel/fs/ext4/ext4.ko.xz:\nkernel/crypto/crc32c-generic.ko.xz:\n",
            "softdep ext4 pre: crypto-crc32c post: x\n",
            "kernel/drivers/block/loop.ko\n",
        )
    }

    #[test]
    fn an_alias_finds_its_driver() {
        assert_eq!(
            index().by_alias("virtio:d00000002v00001AF4"),
            ["virtio_blk"]
        );
        assert_eq!(index().by_alias("fs-ext4"), ["ext4"]);
        assert!(index().by_alias("pci:v1").is_empty());
    }

    #[test]
    fn dependencies_come_first_and_once() {
        let order = index().load_order("virtio-blk");
        let names: Vec<String> = order.iter().map(|file| module_name(file)).collect();
        assert_eq!(names, ["virtio_ring", "virtio", "virtio_blk"]);
    }

    #[test]
    fn soft_dependencies_may_be_aliases() {
        let order = index().load_order("ext4");
        assert_eq!(
            order,
            [
                "kernel/crypto/crc32c-generic.ko.xz",
                "kernel/fs/ext4/ext4.ko.xz"
            ]
        );
    }

    #[test]
    fn built_in_modules_are_known_and_need_no_file() {
        assert!(index().knows("loop"));
        assert!(index().load_order("loop").is_empty());
        assert!(!index().knows("nothing"));
    }
}
