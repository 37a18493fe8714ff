//! Which parts of a tree of files to name. Pure.

use std::path::{Path, PathBuf};

use system::usage::Usage;

/// What is smaller is nobody's problem, in bytes.
const WORTH_NAMING: u64 = 1_000_000;
/// A directory that only holds other people's directories says nothing by its name.
const SHELF: &str = "/var/lib";

/// The `count` largest directories and files, largest first; none of them holds another.
///
/// A large directory gives way to what is in it as long as a few things make up most of it; one with many things of about
/// the same size is itself the answer.
pub fn largest(usage: &Usage, count: usize) -> Vec<(PathBuf, u64)> {
    let total: u64 = usage.roots().map(|root| usage.bytes(root)).sum();
    let mut chosen: Vec<usize> = Vec::new();
    let mut open: Vec<usize> = usage.roots().collect();
    while let Some(item) = open.pop() {
        if gives_way(usage, item, total) {
            open.extend(usage.children(item));
        } else {
            chosen.push(item);
        }
    }
    chosen.retain(|item| usage.bytes(*item) >= WORTH_NAMING);
    chosen.sort_by_key(|item| std::cmp::Reverse(usage.bytes(*item)));
    let named = chosen.into_iter().take(count);
    named
        .map(|item| (usage.path(item), usage.bytes(item)))
        .collect()
}

fn gives_way(usage: &Usage, item: usize, total: u64) -> bool {
    if usage.is_root(item) || usage.path(item) == Path::new(SHELF) {
        return true;
    }
    let bytes = usage.bytes(item);
    let largest_child = || usage.children(item).map(|child| usage.bytes(child)).max();
    bytes >= total / 4 && largest_child().is_some_and(|largest| largest >= bytes / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    /// Paths with the size of what lies directly in them, parents first; the first is the root.
    fn named(files: &[(&str, u64)]) -> Vec<(String, u64)> {
        let mut usage = Usage::default();
        let mut known: Vec<PathBuf> = Vec::new();
        for (path, megabytes) in files {
            let path = PathBuf::from(path);
            let parent = known
                .iter()
                .position(|it| Some(it.as_path()) == path.parent());
            let name = match parent {
                Some(_) => path.file_name().unwrap().into(),
                None => path.clone(),
            };
            let item = usage.add(parent, name);
            usage.grow(item, megabytes * MB);
            known.push(path);
        }
        let text = |(path, bytes): (PathBuf, u64)| (path.display().to_string(), bytes / MB);
        largest(&usage, 3).into_iter().map(text).collect()
    }

    #[test]
    fn a_directory_of_many_files_is_named_not_its_shelf() {
        let named = named(&[
            ("/var", 0),
            ("/var/lib", 0),
            ("/var/log", 3),
            ("/var/cache", 0),
            ("/var/lib/hog", 2000),
            ("/var/lib/rancher", 20),
            ("/var/lib/hog/1", 300),
            ("/var/lib/hog/2", 300),
            ("/var/lib/hog/3", 300),
            ("/var/lib/rancher/k3s", 100),
        ]);
        let expected = [
            ("/var/lib/hog", 2900),
            ("/var/lib/rancher", 120),
            ("/var/log", 3),
        ];
        assert_eq!(named, expected.map(|(path, size)| (path.into(), size)));
    }

    #[test]
    fn one_large_file_is_found_however_deep_it_lies() {
        let named = named(&[
            ("/var", 0),
            ("/var/lib", 0),
            ("/var/lib/rancher", 50),
            ("/var/lib/rancher/storage", 10),
            ("/var/lib/rancher/storage/claim", 0),
            ("/var/lib/rancher/storage/claim/big.db", 2500),
        ]);
        let first = named.first().map(|(path, _)| path.as_str());
        assert_eq!(first, Some("/var/lib/rancher/storage/claim/big.db"));
    }

    #[test]
    fn a_shelf_gives_way_even_to_many_equal_things() {
        let mut files = vec![("/var", 0), ("/var/lib", 0)];
        files.extend(["/var/lib/a", "/var/lib/b", "/var/lib/c"].map(|path| (path, 100)));
        files.extend(["/var/lib/d", "/var/lib/e", "/var/lib/f"].map(|path| (path, 100)));
        let named = named(&files);
        assert_eq!(named.len(), 3);
        assert!(
            named
                .iter()
                .all(|(path, _)| path.len() == "/var/lib/a".len())
        );
    }
}
