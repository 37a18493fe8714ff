//! CDs that hold userdata, as hypervisors make them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::tool::{self, text};

/// Makes a CD labelled `cidata` below `dir` with `user-data` and `meta-data`.
pub fn cidata(dir: &Path, name: &str, user_data: &str, meta_data: &str) -> Result<PathBuf> {
    let tree = dir.join(name);
    fs::create_dir_all(&tree).with_context(|| format!("creating {}", tree.display()))?;
    for (file, content) in [("user-data", user_data), ("meta-data", meta_data)] {
        let path = tree.join(file);
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
    }
    let iso = dir.join(format!("{name}.iso"));
    let (target, source) = (text(&iso), text(&tree));
    let arguments = [
        "-as", "mkisofs", "-quiet", "-V", "cidata", "-J", "-r", "-o", &target, &source,
    ];
    tool::run("xorriso", arguments)?;
    Ok(iso)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cd_has_its_label_and_files() {
        let dir = tempfile::tempdir().unwrap();
        let iso = cidata(dir.path(), "seed", "hostname: a\n", "instance-id: i\n").unwrap();
        let bytes = fs::read(iso).unwrap();
        assert_eq!(&bytes[0x8028..0x802e], b"cidata");
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
        assert!(holds(b"hostname: a\n") && holds(b"instance-id: i\n"));
    }
}
