//! The archive that is unpacked over the root of another Linux, dropping its first directory: the release, and the `/sbin/init`
//! that enters it.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use board::old_init;
use system::layout::RELEASES;

use crate::archive::{Member, write_tar_with};
use crate::context::Context;
use crate::tree::Tree;

/// Writes it; gives its name. `program` is the static `k3os`.
pub fn write(
    ctx: &Context,
    files: &[(String, PathBuf)],
    program: &Path,
    scratch: &Path,
) -> Result<String> {
    let name = format!("k3os-rootfs-{}.tar.gz", ctx.arch.name());
    ctx.progress.timed("archive", || {
        let mut tree = Tree::default();
        let release = &ctx.release;
        for (file, path) in files {
            let inside = format!("k3os-{release}/{RELEASES}/{release}/{file}");
            tree.host_file(&inside, 0o644, path)?;
        }
        let out = std::fs::File::create(scratch.join(&name)).context("creating the archive")?;
        // Its content is compressed already: the lowest level finds what there is to find.
        let mut gzip = flate2::GzBuilder::new()
            .mtime(0)
            .write(std::io::BufWriter::new(out), flate2::Compression::new(1));
        members(
            &tree,
            &format!("k3os-{release}"),
            program,
            ctx.epoch,
            &mut gzip,
        )?;
        let file = gzip.finish().context("ending the archive")?;
        file.into_inner().context("ending the archive").map(drop)
    })?;
    Ok(name)
}

/// The tree, then `/sbin`. There is no member for the directory itself: unpacking one would replace a link, which `/sbin` is on most
/// systems. And in front of our init comes a link that gives the one which is there a second name, before it is replaced.
fn members(tree: &Tree, top: &str, program: &Path, epoch: u64, out: impl Write) -> Result<()> {
    let init = format!("{top}/sbin/init");
    let before = format!("{top}/sbin/{}", old_init::UNPACKED);
    let command = format!("{top}/sbin/k3os");
    let more = [
        Member::HardLink {
            path: &before,
            target: &init,
        },
        Member::Program {
            path: &init,
            source: program,
        },
        Member::HardLink {
            path: &command,
            target: &init,
        },
    ];
    write_tar_with(tree, &more, epoch, out)
}

#[cfg(test)]
mod tests;
