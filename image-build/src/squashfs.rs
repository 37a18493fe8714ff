//! squashfs images, from a tree by way of a tar stream: no staging directory, no root.

use std::io::BufWriter;
use std::path::Path;

use anyhow::Result;

use crate::archive::write_tar;
use crate::context::{Compression, Context};
use crate::run::run_with_input;
use crate::tools::Tools;
use crate::tree::Tree;

/// Bytes that are compressed together. Larger blocks make smaller images, and slower reads of single pages.
const BLOCK: &str = "256K";

/// Writes the tree as a squashfs with zstd.
pub fn write(ctx: &Context, tools: &Tools, step: &str, tree: &Tree, target: &Path) -> Result<()> {
    let level = if ctx.compression == Compression::Best {
        "19"
    } else {
        "3"
    };
    let time = ctx.epoch.to_string();
    let mut command = tools.command("mksquashfs");
    command.arg("-").arg(target).args([
        "-tar",
        "-noappend",
        "-quiet",
        "-no-progress",
        "-no-xattrs",
        "-reproducible",
        "-exit-on-error",
    ]);
    command.args(["-comp", "zstd", "-Xcompression-level", level, "-b", BLOCK]);
    command.args([
        "-root-mode",
        "0755",
        "-root-uid",
        "0",
        "-root-gid",
        "0",
        "-root-time",
        &time,
        "-mkfs-time",
        &time,
    ]);
    // mksquashfs refuses the variable beside its own options.
    command.env_remove("SOURCE_DATE_EPOCH");
    run_with_input(&ctx.progress, step, &mut command, |stdin| {
        write_tar(tree, ctx.epoch, BufWriter::with_capacity(1 << 20, stdin))
    })?;
    Ok(())
}
