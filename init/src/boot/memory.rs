//! How the kernel hands out memory: huge pages only to programs that ask, and no reserve for what is not used.
//!
//! With huge pages for everybody (Debian's default) Go's heaps take 2 MiB where they need a page, and the kernel keeps
//! 67 MiB or more free so that it can make huge pages at any time: about 150 MiB of a machine with 4 GiB.

use std::fs;

use anyhow::{Context, Result};
use system::memory;

const HUGE_PAGES: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
const RESERVE: &str = "/proc/sys/vm/min_free_kbytes";
/// The word of the command line with which the owner decides.
const OWNERS_WORD: &str = "transparent_hugepage=";

/// Applies both, unless the kernel's command line decides about huge pages.
///
/// # Errors
/// When the kernel refuses. One that was built without huge pages has nothing to set.
pub(super) fn tune(cmdline: &str) -> Result<()> {
    let decided = cmdline
        .split_whitespace()
        .any(|word| word.starts_with(OWNERS_WORD));
    if decided || !fs::exists(HUGE_PAGES).unwrap_or(false) {
        return Ok(());
    }
    fs::write(HUGE_PAGES, "madvise").with_context(|| format!("writing {HUGE_PAGES}"))?;
    fs::write(RESERVE, reserve_kib(memory::total_kib()?).to_string())
        .with_context(|| format!("writing {RESERVE}"))
}

/// What the kernel reserves by itself where there are no huge pages: the root of sixteen times its memory (in KiB), see
/// `calculate_min_free_kbytes` in Linux; and never less than bursts of network packets need.
fn reserve_kib(total_kib: u64) -> u64 {
    const LEAST: u64 = 4096;
    const MOST: u64 = 262_144;
    total_kib.saturating_mul(16).isqrt().clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_the_kernels_own() {
        assert_eq!(reserve_kib(4 << 20), 8192);
        assert_eq!(reserve_kib(64 << 10), 4096);
        assert_eq!(reserve_kib(u64::MAX), 262_144);
    }
}
