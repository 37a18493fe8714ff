//! Unit files on disk: the search path, templates, aliases, masks, drop-ins and `*.wants` directories.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use system::bounded;

use crate::unit::Unit;
use crate::unit::name::Name;
use crate::unit::read::{self, Warning};

/// The longest unit file, in bytes.
const LONGEST_FILE: u64 = 1 << 20;

/// How many links from name to name are followed.
const MOST_ALIASES: usize = 8;

/// The directories of unit files, lowest priority first.
#[derive(Debug, Clone, Default)]
pub struct Store {
    dirs: Vec<PathBuf>,
}

/// What stands at a unit's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file to read, and the unit's true name.
    File(PathBuf, String),
    /// A mask.
    Masked(PathBuf),
    /// Nothing.
    Missing,
}

impl Store {
    /// A store over `dirs`; in later ones a file wins over its namesake in earlier ones.
    pub fn new(dirs: Vec<PathBuf>) -> Self {
        Self { dirs }
    }

    /// The directories, lowest priority first.
    pub fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }

    /// Looks a name up, through templates and aliases.
    pub fn find(&self, name: &str) -> Found {
        let mut name = name.to_owned();
        for _ in 0..MOST_ALIASES {
            let Some(path) = self.path_of(&name) else {
                return Found::Missing;
            };
            if is_mask(&path) {
                return Found::Masked(path);
            }
            match alias(&path, &name) {
                Some(other) => name = other,
                None => return Found::File(path, name),
            }
        }
        Found::Missing
    }

    /// The file of a name, or of its template; the directory of highest priority wins.
    fn path_of(&self, name: &str) -> Option<PathBuf> {
        let parsed = Name::parse(name)?;
        let names = [Some(name.to_owned()), parsed.template()];
        let exists = |path: &PathBuf| path.symlink_metadata().is_ok_and(|meta| !meta.is_dir());
        names.into_iter().flatten().find_map(|name| {
            self.dirs
                .iter()
                .rev()
                .map(|dir| dir.join(&name))
                .find(exists)
        })
    }

    /// Reads a unit with its drop-ins and `*.wants` directories. The result's name is its true one.
    pub fn load(&self, name: &str) -> (Unit, Vec<Warning>) {
        let (mut unit, mut warnings) = match self.find(name) {
            Found::Missing => (Unit::empty(name), Vec::new()),
            Found::Masked(path) => {
                return (
                    Unit {
                        masked: true,
                        files: vec![path],
                        ..Unit::empty(name)
                    },
                    Vec::new(),
                );
            }
            Found::File(path, true_name) => {
                let mut unit = Unit::empty(&true_name);
                let warnings = apply_file(&mut unit, &path);
                (unit, warnings)
            }
        };
        for drop_in in self.drop_ins(&unit.name) {
            warnings.extend(apply_file(&mut unit, &drop_in));
        }
        let (wants, requires) = (
            self.linked(&unit.name, "wants"),
            self.linked(&unit.name, "requires"),
        );
        unit.wants.extend(wants);
        unit.requires.extend(requires);
        (unit, warnings)
    }

    /// The drop-in files of a unit in the order in which they apply.
    pub fn drop_ins(&self, name: &str) -> Vec<PathBuf> {
        let directories = self
            .names_for(name)
            .into_iter()
            .map(|name| format!("{name}.d"));
        self.merged(directories.collect(), |path| {
            path.extension() == Some(OsStr::new("conf"))
        })
        .into_values()
        .collect()
    }

    /// The units that links in `NAME.wants` or `NAME.requires` directories name.
    pub fn linked(&self, name: &str, kind: &str) -> BTreeSet<String> {
        let directories = self
            .names_for(name)
            .into_iter()
            .map(|name| format!("{name}.{kind}"));
        let links = self.merged(directories.collect(), |_| true);
        links
            .into_keys()
            .filter(|name| Name::parse(name).is_some())
            .collect()
    }

    /// The names under which directories of a unit may stand, the most general first.
    fn names_for(&self, name: &str) -> Vec<String> {
        let Some(parsed) = Name::parse(name) else {
            return Vec::new();
        };
        [
            Some(parsed.kind.to_owned()),
            parsed.template(),
            Some(name.to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The entries of like-named directories by file name: later directories win, masks take entries out.
    fn merged(
        &self,
        directories: Vec<String>,
        keep: impl Fn(&Path) -> bool,
    ) -> BTreeMap<String, PathBuf> {
        let mut entries = BTreeMap::new();
        for directory in directories
            .iter()
            .flat_map(|directory| self.dirs.iter().map(move |dir| dir.join(directory)))
        {
            for path in list(&directory).into_iter().filter(|path| keep(path)) {
                if let Some(name) = path.file_name().and_then(OsStr::to_str) {
                    entries.insert(name.to_owned(), path.clone());
                }
            }
        }
        entries.retain(|_, path| !is_mask(path));
        entries
    }

    /// Every unit file's name with its path, templates included.
    pub fn all(&self) -> BTreeMap<String, PathBuf> {
        let mut files = BTreeMap::new();
        for path in self.dirs.iter().flat_map(|dir| list(dir)) {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let is_unit = Name::parse(name).is_some_and(|name| KINDS.contains(&name.kind));
            if is_unit && !path.is_dir() {
                files.insert(name.to_owned(), path.clone());
            }
        }
        files
    }

    /// The targets whose directories want or require `name`, with the directories' kinds.
    pub fn wanted_by(&self, name: &str) -> BTreeSet<(String, &'static str)> {
        let mut targets = BTreeSet::new();
        for directory in self.dirs.iter().flat_map(|dir| list(dir)) {
            let directory = directory
                .file_name()
                .and_then(OsStr::to_str)
                .unwrap_or_default();
            for kind in ["wants", "requires"] {
                if let Some(target) = directory
                    .strip_suffix(kind)
                    .and_then(|rest| rest.strip_suffix('.'))
                    && self.linked(target, kind).contains(name)
                {
                    targets.insert((target.to_owned(), kind));
                }
            }
        }
        targets
    }
}

const KINDS: [&str; 8] = [
    "service",
    "target",
    "socket",
    "timer",
    "mount",
    "path",
    "slice",
    "automount",
];

fn apply_file(unit: &mut Unit, path: &Path) -> Vec<Warning> {
    match bounded::read_text(path, LONGEST_FILE) {
        Ok(text) => read::apply(unit, path, &text),
        Err(error) => {
            let message = format!("reading the unit file: {error}");
            vec![Warning {
                file: path.to_owned(),
                line: 0,
                message,
            }]
        }
    }
}

/// The entries of a directory, sorted; none if it cannot be read.
fn list(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// A link to /dev/null, or an empty file.
pub fn is_mask(path: &Path) -> bool {
    let linked = fs::read_link(path).is_ok_and(|target| target == Path::new("/dev/null"));
    linked
        || path
            .metadata()
            .is_ok_and(|meta| meta.is_file() && meta.len() == 0)
}

/// The other name that a link gives, if it is an alias: a link to a file of another name.
fn alias(path: &Path, name: &str) -> Option<String> {
    let target = fs::read_link(path).ok()?;
    let target = target.file_name()?.to_str()?;
    let parsed = Name::parse(name)?;
    let other = Name::parse(target)?;
    if target == name || parsed.template().as_deref() == Some(target) {
        return None;
    }
    match (other.instance, parsed.instance) {
        // A template's alias: the instance carries over.
        (Some(""), Some(instance)) if !instance.is_empty() => {
            Some(format!("{}@{instance}.{}", other.prefix, other.kind))
        }
        _ => Some(target.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Tree {
        root: tempfile::TempDir,
        store: Store,
    }

    /// Two directories, `usr` below `etc`.
    fn tree(files: &[(&str, &str)], links: &[(&str, &str)]) -> Tree {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        for (path, target) in links {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(target, path).unwrap();
        }
        let store = Store::new(vec![root.path().join("usr"), root.path().join("etc")]);
        Tree { root, store }
    }

    #[test]
    fn the_later_directory_wins_and_drop_ins_add() {
        let tree = tree(
            &[
                (
                    "usr/a.service",
                    "[Unit]\nDescription=low\n[Service]\nExecStart=/low",
                ),
                (
                    "etc/a.service",
                    "[Unit]\nDescription=high\n[Service]\nExecStart=/high",
                ),
                ("usr/a.service.d/10.conf", "[Unit]\nAfter=x.target"),
                ("usr/a.service.d/20.conf", "[Unit]\nDescription=lost"),
                ("etc/a.service.d/20.conf", "[Unit]\nDescription=drop-in"),
                ("usr/service.d/5.conf", "[Service]\nUMask=077"),
            ],
            &[],
        );
        let (unit, warnings) = tree.store.load("a.service");
        assert_eq!(warnings, vec![]);
        assert_eq!(unit.service.start[0].program, "/high");
        assert_eq!(unit.description, "drop-in");
        assert!(unit.after.contains("x.target"));
        assert_eq!(unit.service.umask, 0o077);
        assert_eq!(unit.files.len(), 4);
    }

    #[test]
    fn templates_aliases_and_masks() {
        let tree = tree(
            &[
                ("usr/getty@.service", "[Service]\nExecStart=/sbin/agetty %I"),
                ("usr/b.service", "[Unit]\n"),
            ],
            &[
                ("usr/autovt@.service", "getty@.service"),
                ("etc/alias.service", "../usr/b.service"),
                ("etc/b2.service", "/dev/null"),
            ],
        );
        let (unit, _) = tree.store.load("autovt@tty1.service");
        assert_eq!(unit.name, "getty@tty1.service");
        assert_eq!(unit.service.start[0].arguments, vec!["tty1"]);
        assert_eq!(tree.store.load("alias.service").0.name, "b.service");
        assert!(tree.store.load("b2.service").0.masked);
        assert_eq!(tree.store.find("none.service"), Found::Missing);
        assert!(tree.root.path().exists());
    }

    #[test]
    fn wants_directories_are_merged_and_can_be_masked() {
        let tree = tree(
            &[],
            &[
                ("usr/m.target.wants/a.service", "../a.service"),
                ("usr/m.target.wants/b.service", "../b.service"),
                ("etc/m.target.wants/b.service", "/dev/null"),
                ("etc/m.target.requires/c.service", "../c.service"),
            ],
        );
        let (unit, _) = tree.store.load("m.target");
        assert_eq!(
            unit.wants.into_iter().collect::<Vec<_>>(),
            vec!["a.service"]
        );
        assert!(unit.requires.contains("c.service"));
        let wanted = tree.store.wanted_by("a.service");
        assert_eq!(wanted, BTreeSet::from([("m.target".to_owned(), "wants")]));
        assert_eq!(tree.store.wanted_by("b.service"), BTreeSet::new());
    }

    #[test]
    fn aliases_in_a_circle_are_missing() {
        let tree = tree(
            &[],
            &[
                ("usr/a.service", "b.service"),
                ("usr/b.service", "a.service"),
            ],
        );
        assert_eq!(tree.store.find("a.service"), Found::Missing);
    }
}
