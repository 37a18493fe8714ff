//! Trees from and to tar and cpio archives, byte for byte the same for the same tree.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use tar::{Builder, EntryType, Header};

use crate::tree::{Content, Entry, Node, Tree};

/// Reads an uncompressed tar archive; the files' bytes stay where they are. Device nodes are left out: the running system makes
/// its own.
pub fn read_tar(path: &Path) -> Result<Tree> {
    let reading = || format!("reading {}", path.display());
    let file = std::fs::File::open(path).with_context(reading)?;
    let mut archive = tar::Archive::new(std::io::BufReader::new(file));
    let mut tree = Tree::default();
    let mut hard_links = Vec::new();
    for entry in archive.entries_with_seek().with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let name = tar_name(&entry.path().with_context(reading)?);
        if name.is_empty() {
            continue;
        }
        let header = entry.header();
        let (mode, uid, gid) = (
            header.mode()? & 0o7777,
            header.uid()? as u32,
            header.gid()? as u32,
        );
        let target = || -> Result<String> {
            Ok(entry
                .link_name()?
                .context("a link without target")?
                .to_string_lossy()
                .into_owned())
        };
        let node = match header.entry_type() {
            EntryType::Directory => Node::Dir,
            EntryType::Symlink => Node::Link(target().with_context(reading)?),
            EntryType::Regular => Node::File(Content::Disk {
                path: path.into(),
                offset: entry.raw_file_position(),
                size: entry.size(),
            }),
            EntryType::Link => {
                hard_links.push((name, tar_name(Path::new(&target().with_context(reading)?))));
                continue;
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => continue,
            other => bail!(
                "reading {}: {name} is of the unknown type {other:?}",
                path.display()
            ),
        };
        tree.insert(
            &name,
            Entry {
                mode,
                uid,
                gid,
                node,
            },
        );
    }
    for (name, original) in hard_links {
        let entry = tree.get(&original).with_context(|| {
            format!(
                "reading {}: {name} links to {original}, which is missing",
                path.display()
            )
        })?;
        tree.insert(&name, entry.clone());
    }
    Ok(tree)
}

/// `./usr/bin/` → `usr/bin`.
fn tar_name(path: &Path) -> String {
    let name = path.to_string_lossy();
    let name = name.strip_prefix("./").unwrap_or(&name).trim_matches('/');
    if name == "." {
        String::new()
    } else {
        name.to_owned()
    }
}

/// Writes a tree as a tar stream; every time is `epoch` (seconds since 1970).
pub fn write_tar(tree: &Tree, epoch: u64, out: impl Write) -> Result<()> {
    write_tar_with(tree, &[], epoch, out)
}

/// What a tree cannot hold: members in an order of their own, without the directories above them.
pub enum Member<'a> {
    /// A program of the build machine, mode 0755, owned by root.
    Program { path: &'a str, source: &'a Path },
    /// A second name for what is at `target` when this member is unpacked.
    HardLink { path: &'a str, target: &'a str },
}

/// The same with more members behind the tree's.
pub fn write_tar_with(tree: &Tree, more: &[Member], epoch: u64, out: impl Write) -> Result<()> {
    let mut builder = Builder::new(out);
    for (path, entry) in tree.iter() {
        append(&mut builder, path, entry, epoch)
            .with_context(|| format!("adding {path} to an archive"))?;
    }
    for member in more {
        append_member(&mut builder, member, epoch)?;
    }
    builder
        .into_inner()
        .context("ending an archive")?
        .flush()
        .context("ending an archive")
}

fn append_member(builder: &mut Builder<impl Write>, member: &Member, epoch: u64) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(epoch);
    match member {
        Member::Program { path, source } => {
            let file = std::fs::File::open(source)
                .with_context(|| format!("opening {}", source.display()))?;
            let size = file
                .metadata()
                .with_context(|| format!("reading {}", source.display()))?;
            header.set_entry_type(EntryType::Regular);
            header.set_size(size.len());
            builder.append_data(&mut header, path, file)
        }
        Member::HardLink { path, target } => {
            header.set_entry_type(EntryType::Link);
            header.set_size(0);
            builder.append_link(&mut header, path, target)
        }
    }
    .context("adding a program to an archive")
}

fn append(builder: &mut Builder<impl Write>, path: &str, entry: &Entry, epoch: u64) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_uid(entry.uid.into());
    header.set_gid(entry.gid.into());
    header.set_mtime(epoch);
    header.set_size(0);
    match &entry.node {
        Node::Dir => {
            header.set_entry_type(EntryType::Directory);
            builder.append_data(&mut header, format!("{path}/"), std::io::empty())?;
        }
        Node::Link(target) => {
            header.set_entry_type(EntryType::Symlink);
            builder.append_link(&mut header, path, target)?;
        }
        Node::File(content) => {
            header.set_entry_type(EntryType::Regular);
            header.set_size(content.size());
            builder.append_data(&mut header, path, content.open()?)?;
        }
    }
    Ok(())
}

/// Writes a tree as a cpio archive of the `newc` format, which the kernel unpacks as an initramfs. Equal contents are stored
/// once for each path: an initramfs has no use for hard links.
pub fn write_cpio(tree: &Tree, epoch: u64, out: &mut impl Write) -> Result<()> {
    for (number, (path, entry)) in tree.iter().enumerate() {
        let (kind, bytes) = match &entry.node {
            Node::Dir => (0o040000, Vec::new()),
            Node::Link(target) => (0o120000, target.clone().into_bytes()),
            Node::File(content) => (0o100000, content.read()?),
        };
        let links = if kind == 0o040000 { 2 } else { 1 };
        let fields = [
            number as u64 + 1,
            u64::from(kind | entry.mode),
            entry.uid.into(),
            entry.gid.into(),
            links,
            epoch,
            bytes.len() as u64,
        ];
        cpio_member(out, path, &fields, &bytes)
            .with_context(|| format!("adding {path} to an initrd"))?;
    }
    cpio_member(out, "TRAILER!!!", &[0, 0, 0, 0, 1, 0, 0], &[]).context("ending an initrd")
}

/// One member: magic, 13 fields of 8 hexadecimal digits, name, content; name and content padded to 4 bytes.
fn cpio_member(out: &mut impl Write, path: &str, fields: &[u64; 7], bytes: &[u8]) -> Result<()> {
    let mut head = String::from("070701");
    let device = [0u64; 4];
    let tail = [path.len() as u64 + 1, 0];
    for field in fields.iter().chain(&device).chain(&tail) {
        let field = u32::try_from(*field).context("a number does not fit into 32 bits")?;
        head.push_str(&format!("{field:08X}"));
    }
    head.push_str(path);
    head.push('\0');
    out.write_all(head.as_bytes())?;
    out.write_all(&[0; 3][..padding(head.len())])?;
    out.write_all(bytes)?;
    out.write_all(&[0; 3][..padding(bytes.len())])?;
    Ok(())
}

fn padding(length: usize) -> usize {
    (4 - length % 4) % 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tree {
        let mut tree = Tree::default();
        tree.file("usr/bin/sudo", 0o4755, "program");
        tree.link("bin", "usr/bin");
        tree.file(&format!("usr/{}", "long/".repeat(40)), 0o644, "deep");
        tree.get_mut("usr/bin/sudo").unwrap().gid = 27;
        tree
    }

    #[test]
    fn a_tar_archive_gives_its_tree_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.tar");
        let mut tree = sample();
        tree.remove(&format!("usr/{}", "long/".repeat(40)));
        write_tar(&tree, 7, std::fs::File::create(&path).unwrap()).unwrap();
        let back = read_tar(&path).unwrap();
        assert_eq!(back.text("usr/bin/sudo").unwrap(), "program");
        let sudo = back.get("usr/bin/sudo").unwrap();
        assert_eq!((sudo.mode, sudo.gid), (0o4755, 27));
        assert!(
            matches!(&back.get("bin").unwrap().node, Node::Link(target) if target == "usr/bin")
        );
        assert_eq!(back.iter().count(), tree.iter().count());
    }

    #[test]
    fn names_lose_only_their_leading_dot() {
        for (given, expected) in [
            ("./usr/.hidden", "usr/.hidden"),
            ("./", ""),
            (".", ""),
            ("./etc/.pwd.lock", "etc/.pwd.lock"),
            ("a/b/", "a/b"),
            ("./.x", ".x"),
        ] {
            assert_eq!(tar_name(Path::new(given)), expected, "{given}");
        }
    }

    #[test]
    fn cpio_is_what_the_kernel_documents() {
        let mut tree = Tree::default();
        tree.file("init", 0o755, "hello");
        let mut out = Vec::new();
        write_cpio(&tree, 0x10, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let numbers = [1, 0o100755, 0, 0, 1, 0x10, 5, 0, 0, 0, 0, 5, 0]
            .map(|number| format!("{number:08X}"))
            .concat();
        let expected = format!("070701{numbers}init\0\0hello\0\0\0070701");
        assert!(text.starts_with(&expected), "{text:?}");
        assert_eq!(text.len() % 4, 0);
    }
}
