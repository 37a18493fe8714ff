//! A file tree as data: path → mode, owner, content. Every artefact is written from one of these, so that order, owners and
//! times never depend on the machine that builds, and nothing needs root.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

/// Where a file's bytes are.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory: files that the build writes itself.
    Bytes(Arc<[u8]>),
    /// `size` bytes at `offset` of a file on disk: a whole file, or a member of an uncompressed tar archive.
    Disk {
        /// The file on disk.
        path: Arc<Path>,
        /// Where the bytes begin in it.
        offset: u64,
        /// How many there are.
        size: u64,
    },
}

impl Content {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Disk { size, .. } => *size,
        }
    }

    /// A reader of exactly [`Content::size`] bytes.
    pub fn open(&self) -> Result<Box<dyn Read + '_>> {
        match self {
            Content::Bytes(bytes) => Ok(Box::new(&bytes[..])),
            Content::Disk { path, offset, size } => {
                let mut file =
                    File::open(path).with_context(|| format!("opening {}", path.display()))?;
                file.seek(SeekFrom::Start(*offset))
                    .with_context(|| format!("seeking in {}", path.display()))?;
                Ok(Box::new(file.take(*size)))
            }
        }
    }

    /// All bytes.
    pub fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.size() as usize);
        self.open()?
            .read_to_end(&mut bytes)
            .context("reading file content")?;
        if bytes.len() as u64 != self.size() {
            bail!(
                "reading file content: got {} bytes of {}",
                bytes.len(),
                self.size()
            );
        }
        Ok(bytes)
    }
}

/// What an entry is.
#[derive(Clone, Debug)]
pub enum Node {
    /// A directory.
    Dir,
    /// A regular file.
    File(Content),
    /// A symbolic link with its target.
    Link(String),
}

/// One path of a tree. `mode` is the permission bits with setuid, setgid and sticky (no file type).
#[derive(Clone, Debug)]
pub struct Entry {
    /// As for chmod.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// What it is.
    pub node: Node,
}

/// Paths are relative, without leading or trailing `/`; a directory sorts before what is in it.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    entries: BTreeMap<String, Entry>,
}

impl Tree {
    /// Every entry in path order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries
            .iter()
            .map(|(path, entry)| (path.as_str(), entry))
    }

    /// The entry at exactly this path; links are not followed.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// The same, to change mode or owner.
    pub fn get_mut(&mut self, path: &str) -> Option<&mut Entry> {
        self.entries.get_mut(path)
    }

    /// Puts an entry, replacing one at the same path, and the missing directories above it (0755, root).
    pub fn insert(&mut self, path: &str, entry: Entry) {
        for (at, _) in path.match_indices('/') {
            self.entries.entry(path[..at].to_owned()).or_insert(Entry {
                mode: 0o755,
                uid: 0,
                gid: 0,
                node: Node::Dir,
            });
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// Puts a root-owned file with these bytes.
    pub fn file(&mut self, path: &str, mode: u32, bytes: impl AsRef<[u8]>) {
        let node = Node::File(Content::Bytes(bytes.as_ref().into()));
        self.insert(
            path,
            Entry {
                mode,
                uid: 0,
                gid: 0,
                node,
            },
        );
    }

    /// Puts a root-owned file whose bytes are a file of the build machine.
    pub fn host_file(&mut self, path: &str, mode: u32, source: &Path) -> Result<()> {
        let size = source
            .metadata()
            .with_context(|| format!("reading {}", source.display()))?
            .len();
        let node = Node::File(Content::Disk {
            path: source.into(),
            offset: 0,
            size,
        });
        self.insert(
            path,
            Entry {
                mode,
                uid: 0,
                gid: 0,
                node,
            },
        );
        Ok(())
    }

    /// Puts a root-owned directory.
    pub fn dir(&mut self, path: &str, mode: u32) {
        self.insert(
            path,
            Entry {
                mode,
                uid: 0,
                gid: 0,
                node: Node::Dir,
            },
        );
    }

    /// Puts a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.insert(
            path,
            Entry {
                mode: 0o777,
                uid: 0,
                gid: 0,
                node: Node::Link(target.to_owned()),
            },
        );
    }

    /// Removes every path that the test names, and what is below it.
    pub fn remove_if(&mut self, unwanted: impl Fn(&str) -> bool) {
        let mut gone: HashSet<String> = HashSet::new();
        self.entries.retain(|path, _| {
            // Parents come first, so one step up is enough.
            let above = path
                .rsplit_once('/')
                .is_some_and(|(directory, _)| gone.contains(directory));
            let drop = above || unwanted(path);
            if drop {
                gone.insert(path.clone());
            }
            !drop
        });
    }

    /// Removes a path and what is below it; says whether there was anything.
    pub fn remove(&mut self, path: &str) -> bool {
        let before = self.entries.len();
        self.entries
            .retain(|other, _| other != path && !is_below(other, path));
        self.entries.len() != before
    }

    /// Moves a directory with its content; what is at the destination already is replaced file by file.
    pub fn rename(&mut self, from: &str, to: &str) {
        let moved: Vec<String> = self
            .entries
            .keys()
            .filter(|path| *path == from || is_below(path, from))
            .cloned()
            .collect();
        for path in moved {
            if let Some(entry) = self.entries.remove(&path) {
                self.insert(&format!("{to}{}", &path[from.len()..]), entry);
            }
        }
    }

    /// What is below `directory`, with paths relative to it.
    pub fn below(&self, directory: &str) -> Tree {
        let strip = |path: &String| {
            path.strip_prefix(directory)?
                .strip_prefix('/')
                .map(str::to_owned)
        };
        Tree {
            entries: self
                .entries
                .iter()
                .filter_map(|(path, entry)| Some((strip(path)?, entry.clone())))
                .collect(),
        }
    }

    /// Lays another tree over this one. A directory over a directory keeps what was in it.
    pub fn merge(&mut self, other: Tree) {
        for (path, entry) in other.entries {
            let both_directories = matches!(entry.node, Node::Dir)
                && self
                    .get(&path)
                    .is_some_and(|old| matches!(old.node, Node::Dir));
            if !both_directories {
                self.insert(&path, entry);
            }
        }
    }

    /// The bytes of a regular file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        match self.get(path).map(|entry| &entry.node) {
            Some(Node::File(content)) => content
                .read()
                .with_context(|| format!("reading {path} of the tree")),
            Some(_) => bail!("reading {path} of the tree: not a regular file"),
            None => bail!("reading {path} of the tree: no such file"),
        }
    }

    /// The text of a regular file.
    pub fn text(&self, path: &str) -> Result<String> {
        String::from_utf8(self.read(path)?)
            .with_context(|| format!("reading {path} of the tree as text"))
    }

    /// Paths of regular files below `directory`, in order.
    pub fn files_below<'a>(
        &'a self,
        directory: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Content)> {
        self.iter()
            .filter_map(move |(path, entry)| match &entry.node {
                Node::File(content) if is_below(path, directory) => Some((path, content)),
                _ => None,
            })
    }
}

/// Is `path` strictly inside `directory`?
pub fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// A directory of the build machine as a tree: owner root, modes 0755 and 0644 by the executable bit.
pub fn from_directory(root: &Path) -> Result<Tree> {
    let mut tree = Tree::default();
    add_directory(&mut tree, root, "")?;
    Ok(tree)
}

fn add_directory(tree: &mut Tree, directory: &Path, prefix: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let reading = || format!("reading {}", directory.display());
    for item in std::fs::read_dir(directory).with_context(reading)? {
        let item = item.with_context(reading)?;
        let name = item
            .file_name()
            .into_string()
            .ok()
            .with_context(|| format!("reading {}: a name is not UTF-8", directory.display()))?;
        let (path, source) = (format!("{prefix}{name}"), item.path());
        let meta = source.symlink_metadata().with_context(reading)?;
        if meta.is_dir() {
            tree.dir(&path, 0o755);
            add_directory(tree, &source, &format!("{path}/"))?;
        } else if meta.is_symlink() {
            let target: PathBuf = std::fs::read_link(&source).with_context(reading)?;
            tree.link(&path, &target.to_string_lossy());
        } else {
            let executable = meta.permissions().mode() & 0o100 != 0;
            tree.host_file(&path, if executable { 0o755 } else { 0o644 }, &source)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(tree: &Tree) -> Vec<&str> {
        tree.iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn parents_come_with_a_file() {
        let mut tree = Tree::default();
        tree.file("a/b/c", 0o600, "x");
        assert_eq!(paths(&tree), ["a", "a/b", "a/b/c"]);
        assert_eq!(tree.read("a/b/c").unwrap(), b"x");
    }

    #[test]
    fn removing_a_directory_removes_only_what_is_below_it() {
        let mut tree = Tree::default();
        for path in ["usr/share/doc/x", "usr/share/doc-base/y", "usr/share/doc.z"] {
            tree.file(path, 0o644, "");
        }
        let (mut other, mut both) = (tree.clone(), tree.clone());
        other.remove_if(|path| path == "usr/share/doc");
        // `-` sorts before `/`: doc-base stands between doc and what is in it.
        both.remove_if(|path| path == "usr/share/doc" || path == "usr/share/doc-base");
        assert_eq!(paths(&both), ["usr", "usr/share", "usr/share/doc.z"]);
        assert!(tree.remove("usr/share/doc"));
        assert_eq!(
            paths(&tree),
            [
                "usr",
                "usr/share",
                "usr/share/doc-base",
                "usr/share/doc-base/y",
                "usr/share/doc.z"
            ]
        );
        assert_eq!(paths(&tree), paths(&other));
        assert!(!tree.remove("nothing"));
    }

    #[test]
    fn a_moved_directory_takes_its_content_along() {
        let mut tree = Tree::default();
        tree.file("etc/passwd", 0o644, "a");
        tree.file("etcetera", 0o644, "b");
        tree.rename("etc", "usr/etc");
        assert_eq!(
            paths(&tree),
            ["etcetera", "usr", "usr/etc", "usr/etc/passwd"]
        );
    }

    #[test]
    fn the_upper_tree_wins_and_directories_merge() {
        let (mut lower, mut upper) = (Tree::default(), Tree::default());
        lower.file("d/one", 0o644, "lower");
        lower.file("d/two", 0o644, "lower");
        upper.file("d/two", 0o600, "upper");
        lower.merge(upper);
        assert_eq!(paths(&lower), ["d", "d/one", "d/two"]);
        assert_eq!(lower.text("d/two").unwrap(), "upper");
        assert_eq!(paths(&lower.below("d")), ["one", "two"]);
    }

    #[test]
    fn reading_what_is_not_a_file_says_so() {
        let mut tree = Tree::default();
        tree.link("l", "target");
        assert!(
            tree.read("l")
                .unwrap_err()
                .to_string()
                .contains("not a regular file")
        );
        assert!(
            tree.read("none")
                .unwrap_err()
                .to_string()
                .contains("no such file")
        );
    }
}
