//! How much memory the machine has.

use anyhow::{Context, Result};
use nix::sys::sysinfo::sysinfo;

/// What the kernel hands out, KiB: `MemTotal` of /proc/meminfo.
///
/// # Errors
/// When the kernel does not tell.
pub fn total_kib() -> Result<u64> {
    let info = sysinfo().context("asking the kernel for the machine's memory")?;
    Ok(info.ram_total() / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_proc_says() {
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
        let line = format!("MemTotal: {} kB", total_kib().unwrap());
        let first: Vec<&str> = meminfo.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(first.join(" "), line);
    }
}
