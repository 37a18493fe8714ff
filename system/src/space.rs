//! How much room a file system has.

use std::path::Path;

use anyhow::{Context, Result};
use nix::sys::statvfs::statvfs;

/// The size of a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// What others than root may still use.
    pub free: u64,
}

/// Asks the file system that `path` lies on.
///
/// # Errors
/// When there is no such path.
pub fn space(path: &Path) -> Result<Space> {
    let answer = statvfs(path)
        .with_context(|| format!("asking for the free space of {}", path.display()))?;
    let bytes = |blocks: u64| blocks.saturating_mul(answer.fragment_size());
    Ok(Space {
        total: bytes(answer.blocks()),
        free: bytes(answer.blocks_available()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_has_no_more_room_than_size() {
        let space = space(Path::new("/")).unwrap();
        assert!(space.total > 0 && space.free <= space.total, "{space:?}");
    }
}
