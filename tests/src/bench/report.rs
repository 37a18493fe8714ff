//! The numbers for people.

use std::fmt::Write;

use super::goals::{goals, median};
use super::sizes::Size;
use super::{Boot, Measured, Memory};

/// How many programs the table shows.
const PROGRAMS: usize = 12;

/// The whole report.
pub fn text(measured: &Measured) -> String {
    let mut text = format!("k3OS {} on {}\n", measured.version, measured.accelerator);
    times(&mut text, &measured.boots);
    memory(&mut text, &measured.memory);
    sizes(&mut text, "Artefacts", &measured.sizes.artifacts);
    sizes(&mut text, "In the release", &measured.sizes.release);
    sizes(
        &mut text,
        "Largest in /usr, before compression",
        &measured.sizes.largest,
    );
    line(
        &mut text,
        "\nGoals                                       is      at most",
    );
    for goal in goals(measured) {
        let value = goal
            .value
            .map_or("-".to_owned(), |value| format!("{value:.1}"));
        line(
            &mut text,
            &format!(
                "  {:36} {value:>9} {:>9.1}  {}",
                goal.name,
                goal.limit,
                goal.verdict()
            ),
        );
    }
    text
}

fn times(text: &mut String, boots: &[Boot]) {
    line(
        text,
        &format!(
            "\nSeconds since the kernel's start, median of {}",
            boots.len()
        ),
    );
    for milestone in boots
        .first()
        .map(|boot| &boot.milestones)
        .into_iter()
        .flatten()
    {
        let values = boots
            .iter()
            .filter_map(|boot| boot.at(&milestone.name))
            .collect();
        if let Some(seconds) = median(values) {
            line(text, &format!("  {:36} {seconds:9.1}", milestone.name));
        }
    }
}

fn memory(text: &mut String, memory: &Memory) {
    line(
        text,
        &format!("\nMemory in MiB, of {:.0}", memory.total_mib),
    );
    let parts = [
        ("in use", memory.used_mib),
        ("processes (PSS)", memory.processes_mib),
        ("kernel", memory.kernel_mib),
        ("tmpfs", memory.tmpfs_mib),
    ];
    for (name, mib) in parts {
        line(text, &format!("  {name:36} {mib:9.1}"));
    }
    for program in memory.programs.iter().take(PROGRAMS) {
        let name = format!("  {} ({})", program.name, program.processes);
        line(text, &format!("  {name:36} {:9.1}", program.pss_mib));
    }
}

fn sizes(text: &mut String, title: &str, sizes: &[Size]) {
    line(text, &format!("\n{title}, MB"));
    for size in sizes {
        line(
            text,
            &format!("  {:60} {:9.1}", size.name, size.bytes as f64 / 1e6),
        );
    }
}

fn line(text: &mut String, content: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{content}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::boot::Milestone;

    #[test]
    fn times_are_medians_over_the_boots() {
        let boot = |seconds| Boot {
            milestones: vec![Milestone {
                name: "node_ready".to_owned(),
                seconds,
            }],
        };
        let mut text = String::new();
        times(&mut text, &[boot(40.0), boot(70.0), boot(41.0)]);
        assert!(
            text.contains("median of 3") && text.contains("41.0") && !text.contains("70.0"),
            "{text}"
        );
    }
}
