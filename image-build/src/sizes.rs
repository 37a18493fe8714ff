//! How large the artefacts are, and what in /usr makes them so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::arch::Arch;
use crate::context::{Compression, Context};
use crate::run::run;
use crate::tools;
use crate::tree::{Node, Tree, from_directory};

/// Parts of /usr by the start of their paths; the first that fits counts.
const PARTS: &[(&str, &str)] = &[
    (
        "libexec/k3os/kubernetes",
        "Kubernetes: server, agent, containerd, kubectl",
    ),
    ("libexec/k3os/addons", "add-ons: CoreDNS, metrics-server"),
    ("libexec/k3os/containerd-shim", "containerd's shim"),
    ("libexec/cni/", "CNI plugins"),
    ("lib/modules/", "kernel modules"),
    ("bin/k3os", "k3os"),
    ("bin/k3s", "k3s"),
    ("share/k3os/", "container images"),
    ("", "Debian userland"),
];
/// Blocks in which the shares are estimated, bytes.
const BLOCK: usize = 256 << 10;

/// All sizes, bytes.
#[derive(Serialize)]
struct Sizes {
    artefacts: BTreeMap<String, u64>,
    parts: Vec<Part>,
}

/// One part of the squashfs.
#[derive(Serialize)]
struct Part {
    name: &'static str,
    /// Sum of its files.
    size: u64,
    /// Its share of the squashfs: zstd's result for each part alone, scaled so that all make up the squashfs.
    packed: u64,
}

/// Prints them.
pub fn print(arch: Arch, output: &Path, json: bool) -> Result<()> {
    let ctx = Context::new(arch, Compression::Best, output)?;
    let sizes = measure(&ctx)?;
    if json {
        println!(
            "{}",
            serde_json::to_string_pretty(&sizes).context("writing the sizes")?
        );
    } else {
        print!("{}", text(&sizes));
    }
    Ok(())
}

fn measure(ctx: &Context) -> Result<Sizes> {
    let mut artefacts = BTreeMap::new();
    for item in std::fs::read_dir(&ctx.output)
        .with_context(|| format!("listing {}: build the image first", ctx.output.display()))?
    {
        let item = item.context("listing the artefacts")?;
        let meta = item.metadata().context("listing the artefacts")?;
        if meta.is_file() {
            artefacts.insert(item.file_name().to_string_lossy().into_owned(), meta.len());
        }
    }
    let squashfs = ctx
        .output
        .join(format!("k3os-{}.squashfs", ctx.arch.name()));
    let size = squashfs
        .metadata()
        .with_context(|| format!("reading {}: build the image first", squashfs.display()))?
        .len();
    let scratch = tempfile::tempdir().context("making a scratch directory")?;
    let tree = unpack(ctx, &squashfs, scratch.path().join("usr"))?;
    Ok(Sizes {
        artefacts,
        parts: parts(&tree, size)?,
    })
}

fn unpack(ctx: &Context, squashfs: &Path, directory: PathBuf) -> Result<Tree> {
    let tools = tools::prepare(ctx)?;
    let mut command = tools.command("unsquashfs");
    // Owners cannot be set without root, and do not matter here.
    command
        .args([
            "-quiet",
            "-no-progress",
            "-no-xattrs",
            "-ignore-errors",
            "-no-exit-code",
            "-dest",
        ])
        .arg(&directory)
        .arg(squashfs);
    run(&ctx.progress, "sizes", &mut command)?;
    from_directory(&directory)
}

fn parts(tree: &Tree, squashfs: u64) -> Result<Vec<Part>> {
    let mut parts: Vec<Part> = PARTS
        .iter()
        .map(|(_, name)| Part {
            name,
            size: 0,
            packed: 0,
        })
        .collect();
    for (path, entry) in tree.iter() {
        let Node::File(content) = &entry.node else {
            continue;
        };
        let fits = PARTS.iter().position(|(start, _)| path.starts_with(start));
        if let Some(part) = fits.and_then(|index| parts.get_mut(index)) {
            part.size += content.size();
            part.packed += packed(&content.read()?)?;
        }
    }
    let total: u64 = parts.iter().map(|part| part.packed).sum();
    for part in &mut parts {
        part.packed =
            (u128::from(part.packed) * u128::from(squashfs) / u128::from(total.max(1))) as u64;
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.packed));
    Ok(parts)
}

fn packed(bytes: &[u8]) -> Result<u64> {
    let block = |block: &[u8]| {
        Ok(zstd::bulk::compress(block, 3)
            .context("compressing a block")?
            .len()
            .min(block.len()) as u64)
    };
    bytes.chunks(BLOCK).map(block).sum()
}

fn text(sizes: &Sizes) -> String {
    let mut text = String::from("artefact                              MB\n");
    for (name, size) in &sizes.artefacts {
        text += &format!("{name:<34} {:>7.1}\n", *size as f64 / 1e6);
    }
    text +=
        "\npart of /usr                                        MB   in the squashfs (estimated)\n";
    for part in &sizes.parts {
        text += &format!(
            "{:<48} {:>7.1} {:>7.1}\n",
            part.name,
            part.size as f64 / 1e6,
            part.packed as f64 / 1e6
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_squashfs_and_the_largest_comes_first() {
        let mut tree = Tree::default();
        tree.file("bin/k3os", 0o755, [7; 1000]);
        let noise: Vec<u8> = (0u32..100_000)
            .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        tree.file("lib/modules/x.ko", 0o644, noise);
        let parts = parts(&tree, 1_000_000).unwrap();
        assert_eq!((parts[0].name, parts[0].size), ("kernel modules", 400_000));
        let total: u64 = parts.iter().map(|part| part.packed).sum();
        assert!((999_990..=1_000_000).contains(&total), "{total}");
    }
}
