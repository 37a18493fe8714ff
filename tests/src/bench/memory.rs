//! Where the memory is: each process's share (PSS), the kernel's, and the total.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::guest::Guest;

/// Memory in MiB.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Memory {
    /// What the kernel manages.
    pub total_mib: f64,
    /// Total without what is available to new programs.
    pub used_mib: f64,
    /// Sum of the processes' PSS.
    pub processes_mib: f64,
    /// Slab, page tables, stacks and per-processor areas.
    pub kernel_mib: f64,
    /// Files in memory: tmpfs.
    pub tmpfs_mib: f64,
    /// PSS by program, largest first.
    pub programs: Vec<Program>,
}

/// All processes of one name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Program {
    /// Program, and for a multi-call one its applet.
    pub name: String,
    /// How many.
    pub processes: usize,
    /// Their PSS together.
    pub pss_mib: f64,
}

/// One line for each process: PSS in KiB, then its arguments.
const PROCESSES: &str = r#"for p in /proc/[0-9]*; do
pss=$(awk "/^Pss:/ { print \$2 }" $p/smaps_rollup 2>/dev/null)
[ -n "$pss" ] && { printf "%s " $pss; cat $p/cmdline | tr "\0\n" "  "; echo; }
done; true"#;

/// Reads it from the running machine.
pub fn measure(guest: &Guest) -> Result<Memory> {
    let info = guest.root("cat /proc/meminfo")?;
    let programs = programs(&guest.root(PROCESSES)?);
    summary(&info, programs).context("reading /proc/meminfo")
}

fn summary(info: &str, programs: Vec<Program>) -> Option<Memory> {
    let field = |name: &str| field_mib(info, name);
    let kernel: Option<f64> = ["Slab", "PageTables", "KernelStack", "Percpu"]
        .into_iter()
        .map(field)
        .sum();
    Some(Memory {
        total_mib: field("MemTotal")?,
        used_mib: field("MemTotal")? - field("MemAvailable")?,
        processes_mib: programs.iter().map(|program| program.pss_mib).sum(),
        kernel_mib: kernel?,
        tmpfs_mib: field("Shmem")?,
        programs,
    })
}

/// `MemTotal:        4012345 kB`
fn field_mib(info: &str, name: &str) -> Option<f64> {
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

fn programs(listing: &str) -> Vec<Program> {
    let mut by_name: BTreeMap<String, (usize, f64)> = BTreeMap::new();
    for (kib, name) in listing.lines().filter_map(process) {
        let entry = by_name.entry(name).or_default();
        entry.0 += 1;
        entry.1 += kib / 1024.0;
    }
    let mut programs: Vec<Program> = by_name
        .into_iter()
        .map(|(name, (processes, pss_mib))| Program {
            name,
            processes,
            pss_mib,
        })
        .collect();
    programs.sort_by(|a, b| b.pss_mib.total_cmp(&a.pss_mib));
    programs
}

fn process(line: &str) -> Option<(f64, String)> {
    let mut words = line.split_whitespace();
    let kib = words.next()?.parse().ok()?;
    let program = words.next()?.rsplit('/').next()?.to_owned();
    let applet = words
        .next()
        .filter(|word| !word.starts_with('-') && !word.contains('/'));
    let name = match (program.as_str(), applet) {
        ("kubernetes" | "addons" | "k3s", Some(applet)) => format!("{program} {applet}"),
        _ => program,
    };
    Some((kib, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_one_program_are_added_and_applets_kept_apart() {
        let listing = "1024 /usr/libexec/k3os/kubernetes server --config x\n\
            2048 /usr/libexec/k3os/containerd-shim-runc-v2 -namespace k8s.io\n\
            1024 /usr/libexec/k3os/containerd-shim-runc-v2 -namespace k8s.io\n\
            512 /usr/libexec/k3os/kubernetes agent\n";
        let programs = programs(listing);
        let names: Vec<&str> = programs
            .iter()
            .map(|program| program.name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "containerd-shim-runc-v2",
                "kubernetes server",
                "kubernetes agent"
            ]
        );
        assert_eq!((programs[0].processes, programs[0].pss_mib), (2, 3.0));
    }

    #[test]
    fn what_is_available_is_not_in_use() {
        let info = "MemTotal: 4096 kB\nMemAvailable: 1024 kB\nShmem: 0 kB\nSlab: 1024 kB\n\
            PageTables: 0 kB\nKernelStack: 0 kB\nPercpu: 1024 kB\n";
        let memory = summary(info, Vec::new()).unwrap();
        assert_eq!((memory.used_mib, memory.kernel_mib), (3.0, 2.0));
        assert_eq!(summary("MemTotal: 1 kB\n", Vec::new()), None);
    }
}
