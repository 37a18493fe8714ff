//! What the files of a file system take, by directory: a bounded `du`.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, DirEntry, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Files from this size on are kept by name, in bytes.
const LARGE_FILE: u64 = 1 << 20;

/// Where a search ends, whatever is left.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// So many files and directories were looked at.
    pub entries: usize,
    /// So much time is over.
    pub time: Duration,
}

/// Directories and large files, and what they take with all that is in them.
#[derive(Debug, Default)]
pub struct Usage {
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    parent: Option<usize>,
    /// The path of a root, else the last part of it.
    name: PathBuf,
    bytes: u64,
}

impl Usage {
    /// Adds up what lies in these directories, from the top down, as far as the limits allow.
    ///
    /// Stays on the file system of the first directory; what was removed meanwhile or cannot be read counts nothing. A file
    /// with several names, and a directory that is mounted a second time, count once.
    pub fn collect(roots: &[PathBuf], limits: Limits) -> Self {
        let Some(device) = roots.first().and_then(|root| fs::metadata(root).ok()) else {
            return Self::default();
        };
        let mut search = Search {
            usage: Self::default(),
            device: device.dev(),
            seen: HashSet::new(),
            open: VecDeque::new(),
            left: limits.entries,
            end: Instant::now() + limits.time,
        };
        roots.iter().for_each(|root| search.begin(root));
        while let Some(directory) = search.open.pop_front()
            && search.look_into(directory)
        {}
        search.usage
    }

    /// Adds a directory or file that takes nothing yet; returns its number, which is larger than its parent's.
    pub fn add(&mut self, parent: Option<usize>, name: PathBuf) -> usize {
        self.items.push(Item {
            parent,
            name,
            bytes: 0,
        });
        self.items.len() - 1
    }

    /// Lets an item, and all that hold it, take this much more.
    pub fn grow(&mut self, item: usize, bytes: u64) {
        let mut next = Some(item);
        while let Some(item) = next.and_then(|number| self.items.get_mut(number)) {
            item.bytes = item.bytes.saturating_add(bytes);
            next = item.parent;
        }
    }

    /// The directories that were begun with.
    pub fn roots(&self) -> impl Iterator<Item = usize> {
        (0..self.items.len()).filter(|item| self.is_root(*item))
    }

    /// Whether the search began here.
    pub fn is_root(&self, item: usize) -> bool {
        self.parent(item).is_none()
    }

    /// The items directly in a directory.
    pub fn children(&self, directory: usize) -> impl Iterator<Item = usize> {
        (directory..self.items.len()).filter(move |item| self.parent(*item) == Some(directory))
    }

    /// What an item takes with all that is in it, in bytes.
    pub fn bytes(&self, item: usize) -> u64 {
        self.items.get(item).map_or(0, |item| item.bytes)
    }

    /// An item's whole path.
    pub fn path(&self, item: usize) -> PathBuf {
        let Some(item) = self.items.get(item) else {
            return PathBuf::new();
        };
        match item.parent {
            Some(parent) => self.path(parent).join(&item.name),
            None => item.name.clone(),
        }
    }

    fn parent(&self, item: usize) -> Option<usize> {
        self.items.get(item).and_then(|item| item.parent)
    }
}

struct Search {
    usage: Usage,
    device: u64,
    /// Inodes of directories, and of files with several names.
    seen: HashSet<u64>,
    open: VecDeque<usize>,
    left: usize,
    end: Instant,
}

impl Search {
    fn begin(&mut self, root: &PathBuf) {
        // A link would lead out of the file system or to what is counted anyway.
        if let Ok(meta) = fs::symlink_metadata(root)
            && self.counts(&meta)
            && meta.is_dir()
        {
            let item = self.usage.add(None, root.clone());
            self.open.push_back(item);
        }
    }

    /// Returns whether there is time for more.
    fn look_into(&mut self, directory: usize) -> bool {
        let entries = fs::read_dir(self.usage.path(directory))
            .into_iter()
            .flatten();
        for entry in entries.flatten() {
            if self.left == 0 || Instant::now() >= self.end {
                return false;
            }
            self.left -= 1;
            self.take(directory, &entry);
        }
        true
    }

    fn take(&mut self, directory: usize, entry: &DirEntry) {
        let Some(meta) = entry.metadata().ok().filter(|meta| self.counts(meta)) else {
            return;
        };
        // What it takes on the disk: a sparse file may be longer than the disk. In units of 512 bytes, whatever the
        // file system's own are.
        let bytes = meta.blocks() * 512;
        if !meta.is_dir() && bytes < LARGE_FILE {
            self.usage.grow(directory, bytes);
            return;
        }
        let item = self.usage.add(Some(directory), entry.file_name().into());
        self.usage.grow(item, bytes);
        if meta.is_dir() {
            self.open.push_back(item);
        }
    }

    fn counts(&mut self, meta: &Metadata) -> bool {
        let may_come_twice = meta.is_dir() || meta.nlink() > 1;
        meta.dev() == self.device && (!may_come_twice || self.seen.insert(meta.ino()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Limits = Limits {
        entries: 1000,
        time: Duration::from_secs(60),
    };

    fn bytes_of(usage: &Usage, path: &std::path::Path) -> Option<u64> {
        let mut items = 0..usage.items.len();
        let item = items.find(|item| usage.path(*item) == path)?;
        Some(usage.bytes(item))
    }

    #[test]
    fn directories_take_what_is_in_them_and_links_count_once() {
        let directory = tempfile::tempdir().unwrap();
        let (deep, root) = (directory.path().join("a/b"), directory.path().to_path_buf());
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("large"), vec![1; 2 << 20]).unwrap();
        fs::write(deep.join("small"), "x").unwrap();
        fs::hard_link(deep.join("large"), root.join("again")).unwrap();
        std::os::unix::fs::symlink("/", root.join("link")).unwrap();
        let usage = Usage::collect(std::slice::from_ref(&root), ALL);
        let total = bytes_of(&usage, &root).unwrap();
        assert!((2 << 20..3 << 20).contains(&total), "{total}");
        assert_eq!(usage.roots().count(), 1);
        assert!(bytes_of(&usage, &deep).is_some());
        assert_eq!(bytes_of(&usage, &deep.join("small")), None);
    }

    #[test]
    fn other_file_systems_are_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let roots = [
            directory.path().to_path_buf(),
            "/proc".into(),
            "/none".into(),
        ];
        let usage = Usage::collect(&roots, ALL);
        assert_eq!(usage.roots().count(), 1);
    }

    #[test]
    fn the_limits_end_it_and_what_is_near_the_top_is_seen_first() {
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path().join("top");
        fs::create_dir_all(top.join("below")).unwrap();
        let limits = Limits { entries: 1, ..ALL };
        let usage = Usage::collect(&[directory.path().to_path_buf()], limits);
        assert!(bytes_of(&usage, &top).is_some());
        assert_eq!(bytes_of(&usage, &top.join("below")), None);
        let no_time = Limits {
            time: Duration::ZERO,
            ..ALL
        };
        let usage = Usage::collect(&[directory.path().to_path_buf()], no_time);
        assert_eq!(bytes_of(&usage, &top), None);
    }
}
