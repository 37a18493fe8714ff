//! Files below a directory, seen as by a program whose root it is: links stay inside, absolute ones and `..` too.
//!
//! Links are followed here rather than by `openat2`, which the kernels of boards may not have. Nobody is kept out by that:
//! whoever can change the directory meanwhile can as well change what is read.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

/// Links in one path, as many as the kernel follows.
const MAX_LINKS: usize = 40;

/// A directory that stands for `/`.
#[derive(Debug, Clone, Copy)]
pub struct Beneath<'a> {
    root: &'a Path,
    base: &'a Path,
}

/// A link whose end is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangling {
    /// The link, as a path below the root that begins with `/`.
    pub link: PathBuf,
    /// What it points at, as it is written in it.
    pub target: PathBuf,
}

impl<'a> Beneath<'a> {
    /// `root` itself may be a link.
    pub fn new(root: &'a Path) -> Self {
        Self::at(root, Path::new(""))
    }

    /// The same with paths that begin at `base`, a directory below the root without links; absolute links still begin at the root.
    pub fn at(root: &'a Path, base: &'a Path) -> Self {
        Self { root, base }
    }

    /// Where a path below the root leads, as a path for this process.
    ///
    /// # Errors
    /// When a part of it is not there, cannot be searched, or the links lead in a circle.
    pub fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let mut left: VecDeque<OsString> = parts(path);
        let (mut at, mut links) = (self.base.to_owned(), 0);
        while let Some(part) = left.pop_front() {
            if part == ".." {
                at.pop();
                continue;
            }
            let here = self.root.join(&at).join(&part);
            let Some(target) = link_target(&here)? else {
                at.push(part);
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::other("its links lead in a circle"));
            }
            if target.is_absolute() {
                at.clear();
            }
            for part in parts(&target).into_iter().rev() {
                left.push_front(part);
            }
        }
        Ok(self.root.join(at))
    }

    /// A plain file's bytes, at most `limit` of them. Nothing else is opened: a pipe would wait for ever.
    ///
    /// # Errors
    /// When it is not there, is a directory ([`ErrorKind::IsADirectory`]) or a device, or cannot be read.
    pub fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let path = self.resolve(path)?;
        let kind = fs::metadata(&path)?;
        if kind.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        if !kind.is_file() {
            return Err(io::Error::other("it is not a plain file"));
        }
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The names in a directory, in byte order.
    ///
    /// # Errors
    /// When it is not there, is none, or cannot be read.
    pub fn names(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let entries = fs::read_dir(self.resolve(directory)?)?;
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    /// The first link on the way to a path that leads nowhere, if that is why the path is not there.
    pub fn dangling(&self, path: &Path) -> Option<Dangling> {
        let mut way: Vec<_> = path.ancestors().collect();
        way.reverse();
        way.into_iter().find_map(|step| {
            let parent = self.resolve(step.parent()?).ok()?;
            let target = fs::read_link(parent.join(step.file_name()?)).ok()?;
            let is_absent = |error: &io::Error| error.kind() == ErrorKind::NotFound;
            let link = Path::new("/").join(step);
            let leads_nowhere = self.resolve(step).is_err_and(|error| is_absent(&error));
            leads_nowhere.then_some(Dangling { link, target })
        })
    }
}

/// The names of a path and its `..`.
fn parts(path: &Path) -> VecDeque<OsString> {
    let meant = |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::ParentDir);
    let name = |part: Component<'_>| part.as_os_str().to_owned();
    path.components().filter(meant).map(name).collect()
}

/// What a link points at; `None` for what is there and is no link.
fn link_target(path: &Path) -> io::Result<Option<PathBuf>> {
    match fs::read_link(path) {
        Ok(target) => Ok(Some(target)),
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A directory with `root/etc/name` in it, and `secret` beside the root.
    fn directory() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().join("root");
        fs::create_dir_all(root.join("etc")).expect("making a directory");
        fs::write(root.join("etc/name"), "inside").expect("writing");
        fs::write(directory.path().join("secret"), "outside").expect("writing");
        (directory, root)
    }

    fn text(root: &Path, path: &str) -> Result<String, ErrorKind> {
        let bytes = Beneath::new(root).read(Path::new(path), 100);
        bytes
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .map_err(|error| error.kind())
    }

    #[test]
    fn links_stay_inside() {
        let (directory, root) = directory();
        let secret = directory.path().join("secret");
        for (link, target, found) in [
            ("absolute", Path::new("/etc/name"), Ok("inside".into())),
            ("relative", Path::new("etc/name"), Ok("inside".into())),
            (
                "climbing",
                Path::new("../../../etc/name"),
                Ok("inside".into()),
            ),
            ("chained", Path::new("/absolute"), Ok("inside".into())),
            ("outside", secret.as_path(), Err(ErrorKind::NotFound)),
            (
                "climbing-out",
                Path::new("../secret"),
                Err(ErrorKind::NotFound),
            ),
        ] {
            symlink(target, root.join(link)).expect("linking");
            assert_eq!(text(&root, link), found, "{link}");
        }
        symlink("/etc", root.join("directory")).expect("linking");
        assert_eq!(text(&root, "/directory/name"), Ok("inside".into()));
        assert_eq!(
            text(&root, "/directory/../../secret"),
            Err(ErrorKind::NotFound)
        );
        assert_eq!(text(&root, "../secret"), Err(ErrorKind::NotFound));
    }

    #[test]
    fn absolute_links_begin_at_the_root_and_not_at_the_base() {
        let (_directory, root) = directory();
        fs::create_dir_all(root.join("data/etc")).expect("making a directory");
        symlink("/etc/name", root.join("data/link")).expect("linking");
        let below = Beneath::at(&root, Path::new("data"));
        assert_eq!(
            below.read(Path::new("link"), 9).ok(),
            Some(b"inside".into())
        );
        assert!(
            Beneath::new(&root.join("data"))
                .read(Path::new("link"), 9)
                .is_err()
        );
        assert!(below.read(Path::new("etc/name"), 9).is_err());
    }

    #[test]
    fn circles_end_and_only_plain_files_are_read() {
        let (_directory, root) = directory();
        symlink("b", root.join("a")).expect("linking");
        symlink("/a", root.join("b")).expect("linking");
        assert_eq!(text(&root, "a"), Err(ErrorKind::Other));
        assert_eq!(text(&root, "etc"), Err(ErrorKind::IsADirectory));
        assert_eq!(text(&root, "etc/name/x"), Err(ErrorKind::NotADirectory));
        let limited = Beneath::new(&root).read(Path::new("etc/name"), 2);
        assert_eq!(limited.expect("reading"), b"in");
    }

    #[test]
    fn a_link_that_leads_nowhere_is_named() {
        let (_directory, root) = directory();
        symlink("/not/there", root.join("etc/link")).expect("linking");
        symlink("gone", root.join("way")).expect("linking");
        let below = Beneath::new(&root);
        let dangling = |link: &str, target: &str| {
            let (link, target) = (link.into(), target.into());
            Some(Dangling { link, target })
        };
        let found = below.dangling(Path::new("etc/link"));
        assert_eq!(found, dangling("/etc/link", "/not/there"));
        let found = below.dangling(Path::new("/way/config.d"));
        assert_eq!(found, dangling("/way", "gone"));
        assert_eq!(below.dangling(Path::new("etc/absent")), None);
        assert_eq!(below.dangling(Path::new("etc/name")), None);
    }
}
