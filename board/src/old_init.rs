//! The board's own `/sbin/init`: kept when ours takes its place, and given back.
//!
//! The archive with the release holds, in front of `sbin/init`, a hard link from [`UNPACKED`] to it: so `tar` itself gives
//! the board's init, be it a file or a link, a second name before it puts ours in its place. Unpacking another release over
//! the first would do the same to our own, so the first boot gives the board's init a name that no archive has, [`KEPT`].

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use system::durable::sync_directory;

use crate::MARK;

/// The name that the archive gives to the board's init, beside it.
pub const UNPACKED: &str = "init.before-k3os";
/// The name under which it is kept for good.
pub const KEPT: &str = "init.board";
/// Our command, which the archive puts there, too.
const COMMAND: &str = "k3os";

/// Inits that other systems have: the program, what tells that it is this system's init, and the link to it that
/// `/sbin/init` is there.
const KNOWN: [(&str, &str, &str); 5] = [
    ("systemd", "lib/systemd/systemd", "/lib/systemd/systemd"),
    (
        "systemd",
        "usr/lib/systemd/systemd",
        "/usr/lib/systemd/systemd",
    ),
    ("OpenRC", "sbin/openrc-init", "/sbin/openrc-init"),
    ("runit", "sbin/runit-init", "/sbin/runit-init"),
    // Alpine, Buildroot: busybox is many things, and init where it has a table.
    ("busybox", "etc/inittab", "/bin/busybox"),
];

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing.
    Absent,
    /// One of our programs.
    Ours,
    /// Something of the board's.
    TheBoards,
}

/// What is known of the inits of a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// `/sbin/init`.
    pub init: Seen,
    /// [`KEPT`].
    pub kept: Seen,
    /// [`UNPACKED`].
    pub unpacked: Seen,
    /// One of [`KNOWN`]: its name and the link to it.
    pub known: Option<(&'static str, &'static str)>,
}

/// How the board gets its init back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// It has it.
    Nothing,
    /// From this name, beside it.
    Rename(&'static str),
    /// By a link to the init of this name, at this path.
    Link(&'static str, &'static str),
    /// Nobody knows where it is.
    Unknown,
}

/// What is to be done.
pub fn plan(facts: Facts) -> Plan {
    match facts {
        Facts {
            init: Seen::TheBoards,
            ..
        } => Plan::Nothing,
        Facts {
            kept: Seen::TheBoards,
            ..
        } => Plan::Rename(KEPT),
        Facts {
            unpacked: Seen::TheBoards,
            ..
        } => Plan::Rename(UNPACKED),
        Facts {
            known: Some((name, target)),
            ..
        } => Plan::Link(name, target),
        _ => Plan::Unknown,
    }
}

impl Facts {
    /// Looks at the root of a board.
    ///
    /// # Errors
    /// When one of the files cannot be read.
    pub fn gather(root: &Path) -> Result<Self> {
        let directory = sbin(root);
        let known = KNOWN.iter().find(|(_, mark, target)| {
            let program = root.join(target.trim_start_matches('/'));
            root.join(mark).exists() && fs::symlink_metadata(program).is_ok()
        });
        Ok(Self {
            init: seen(&directory.join("init"))?,
            kept: seen(&directory.join(KEPT))?,
            unpacked: seen(&directory.join(UNPACKED))?,
            known: known.map(|(name, _, target)| (*name, *target)),
        })
    }
}

/// Keeps the board's init for good, under the name that no archive has. Says whether there was anything to do.
///
/// # Errors
/// When it cannot be renamed.
pub fn keep(root: &Path) -> Result<bool> {
    let directory = sbin(root);
    // At every boot but the first there is none, and nothing needs to be read.
    match seen(&directory.join(UNPACKED))? {
        Seen::TheBoards => rename(&directory, UNPACKED, KEPT).map(|()| true),
        Seen::Ours => remove_ours(&directory.join(UNPACKED)).map(|()| false),
        Seen::Absent => Ok(false),
    }
}

/// Gives the board its init back and takes our programs out of `/sbin`. Releases and data stay below `/k3os`. Says what was
/// done, a sentence.
///
/// # Errors
/// When nobody knows the board's init, or the file system refuses.
pub fn restore(root: &Path) -> Result<String> {
    let directory = sbin(root);
    let done = match plan(Facts::gather(root)?) {
        Plan::Nothing => "/sbin/init is the board's own already".to_owned(),
        Plan::Rename(from) => {
            rename(&directory, from, "init")?;
            "/sbin/init is the board's own again, as it was".to_owned()
        }
        Plan::Link(name, target) => {
            link(&directory, target)?;
            format!("/sbin/init is a link to {target} ({name}) again")
        }
        Plan::Unknown => bail!(
            "finding the board's own init: neither /sbin/{KEPT} nor /sbin/{UNPACKED} is there, nor systemd, OpenRC, runit or \
             busybox; install the package that brings /sbin/init again (Debian: apt-get install --reinstall \
             sysvinit-core), or link /sbin/init to the board's init by hand"
        ),
    };
    for name in [COMMAND, UNPACKED, KEPT] {
        remove_ours(&directory.join(name))?;
    }
    sync_directory(&directory)
        .with_context(|| format!("writing {} to disk", directory.display()))?;
    Ok(done)
}

/// `/sbin` of a root. A link to an absolute path means one of that root.
fn sbin(root: &Path) -> PathBuf {
    match fs::read_link(root.join("sbin")) {
        Ok(target) => root.join(target.strip_prefix("/").unwrap_or(&target)),
        Err(_) => root.join("sbin"),
    }
}

fn seen(path: &Path) -> Result<Seen> {
    let reading = || format!("reading {}", path.display());
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Seen::Absent),
        Err(error) => Err(error).with_context(reading),
        Ok(meta) if meta.is_file() => {
            let bytes = fs::read(path).with_context(reading)?;
            Ok(if is_ours(&bytes) {
                Seen::Ours
            } else {
                Seen::TheBoards
            })
        }
        // The archive holds no link.
        Ok(_) => Ok(Seen::TheBoards),
    }
}

fn is_ours(program: &[u8]) -> bool {
    // Else the compiler may compare with pieces of the mark, and our own programs would not hold it in one.
    let mark = std::hint::black_box(MARK);
    program.windows(mark.len()).any(|bytes| bytes == mark)
}

fn rename(directory: &Path, from: &str, to: &str) -> Result<()> {
    let (from, to) = (directory.join(from), directory.join(to));
    fs::rename(&from, &to)
        .with_context(|| format!("renaming {} to {}", from.display(), to.display()))
}

/// Makes the link beside and renames it, so that there is an init at any moment.
fn link(directory: &Path, target: &str) -> Result<()> {
    let beside = directory.join("init.new");
    let making = || format!("linking {} to {target}", beside.display());
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(making);
        }
        _ => symlink(target, &beside).with_context(making)?,
    }
    rename(directory, "init.new", "init")
}

fn remove_ours(path: &Path) -> Result<()> {
    if seen(path)? == Seen::Ours {
        fs::remove_file(path).with_context(|| format!("removing {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
