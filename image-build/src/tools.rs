//! Tools of the build machine that write into the image (mksquashfs, GRUB, xorriso, depmod), run from Debian packages of the
//! image's own release. Each runs by its own dynamic loader, so neither root nor a chroot is needed, and the bytes that they
//! write do not depend on the host's versions.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::arch::Arch;
use crate::archive::read_tar;
use crate::cache::Key;
use crate::context::Context;
use crate::debian;
use crate::packages::{FOREIGN_GRUB, TOOLS};
use crate::tree::{Entry, Node};

/// Programs that get a start script in `bin/`.
const PROGRAMS: &[&str] = &[
    "usr/bin/grub-mkimage",
    "usr/bin/grub-mkrescue",
    "usr/bin/mksquashfs",
    "usr/bin/mtools",
    "usr/bin/unsquashfs",
    "usr/bin/xorriso",
];
/// mtools is one program which looks at its name.
const MTOOLS: &[&str] = &["mformat", "mcopy", "mmd", "mdir"];

/// The unpacked tools.
#[derive(Clone)]
pub struct Tools {
    root: PathBuf,
    /// Lists of what was fetched, for the bill of materials.
    pub packages: Vec<PathBuf>,
    /// GRUB's modules for a foreign processor: the directory of its unpacked package.
    foreign_grub: Option<PathBuf>,
}

/// Fetches and unpacks the tools.
pub fn prepare(ctx: &Context) -> Result<Tools> {
    let fetched = debian::fetch(ctx, "tools-fetch", TOOLS, "amd64")?;
    let key = Key::new("tools")
        .with(fetched.to_string_lossy().as_bytes())
        .with(format!("{PROGRAMS:?}{MTOOLS:?}"));
    let root = ctx.cache.step(&ctx.progress, "tools", key, |directory| {
        unpack(&fetched.join(debian::ARCHIVE), directory, wanted)?;
        write_scripts(directory)
    })?;
    let mut tools = Tools {
        root,
        packages: vec![fetched.join(debian::LIST)],
        foreign_grub: None,
    };
    if ctx.arch != Arch::Amd64 {
        tools.add_foreign_grub(ctx)?;
    }
    Ok(tools)
}

impl Tools {
    fn add_foreign_grub(&mut self, ctx: &Context) -> Result<()> {
        let fetched = debian::fetch(ctx, "grub-fetch", FOREIGN_GRUB, ctx.arch.name())?;
        let key = Key::new("grub").with(fetched.to_string_lossy().as_bytes());
        let root = ctx.cache.step(&ctx.progress, "grub", key, |directory| {
            unpack(&fetched.join(debian::ARCHIVE), directory, |path| {
                path.starts_with("usr/lib/grub/")
            })
        })?;
        self.packages.push(fetched.join(debian::LIST));
        self.foreign_grub = Some(root);
        Ok(())
    }

    /// The directory of GRUB's modules for a platform such as `x86_64-efi`.
    pub fn grub_modules(&self, platform: &str) -> PathBuf {
        let root = self.foreign_grub.as_ref().unwrap_or(&self.root);
        root.join("root/usr/lib/grub").join(platform)
    }

    /// A command for one of the tools, with the others on its PATH.
    pub fn command(&self, name: &str) -> Command {
        let bin = self.root.join("bin");
        let mut command = Command::new(bin.join(name));
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC");
        command
    }

    /// A path inside the unpacked packages.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.join("root").join(inside)
    }
}

/// Writes the archive's files below `directory/root`. Owners do not matter: nothing of this gets into an image.
fn unpack(archive: &Path, directory: &Path, wanted: impl Fn(&str) -> bool) -> Result<()> {
    let tree = read_tar(archive)?;
    for (path, entry) in tree.iter() {
        if wanted(path) {
            unpack_entry(&directory.join("root").join(path), entry)
                .with_context(|| format!("unpacking {path}"))?;
        }
    }
    Ok(())
}

fn wanted(path: &str) -> bool {
    let top = path.split('/').next().unwrap_or_default();
    matches!(top, "usr" | "lib" | "lib64" | "bin" | "sbin" | "etc")
        && !path.starts_with("usr/share/doc/")
        && !path.starts_with("usr/share/locale/")
}

fn unpack_entry(path: &Path, entry: &Entry) -> Result<()> {
    match &entry.node {
        Node::Dir => std::fs::create_dir_all(path)?,
        _ if !path.parent().is_none_or(Path::is_dir) => {
            std::fs::create_dir_all(path.parent().unwrap_or(path))?;
            unpack_entry(path, entry)?;
        }
        Node::Link(target) => std::os::unix::fs::symlink(target, path)?,
        Node::File(content) => {
            std::fs::write(path, content.read()?)?;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(entry.mode & 0o755))?;
        }
    }
    Ok(())
}

fn write_scripts(directory: &Path) -> Result<()> {
    std::fs::create_dir(directory.join("bin")).context("making the tools' directory")?;
    for program in PROGRAMS {
        let name = program.rsplit('/').next().unwrap_or(program);
        write_script(directory, name, program, "")?;
    }
    for name in MTOOLS {
        write_script(directory, name, "usr/bin/mtools", name)?;
    }
    // depmod is kmod by another name.
    write_script(directory, "depmod", "usr/bin/kmod", "depmod")
}

/// A script that starts a program by its own loader; `called` is the name it sees as its own.
fn write_script(directory: &Path, name: &str, program: &str, called: &str) -> Result<()> {
    let argv0 = if called.is_empty() {
        String::new()
    } else {
        format!(" --argv0 {called}")
    };
    let text = format!(
        "#!/bin/sh\nroot=$(dirname \"$(dirname \"$0\")\")/root\nlib=$root/usr/lib/x86_64-linux-gnu\n\
         exec \"$lib/ld-linux-x86-64.so.2\" --library-path \"$lib\"{argv0} \"$root/{program}\" \"$@\"\n"
    );
    let path = directory.join("bin").join(name);
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("writing {}", path.display()))
}
