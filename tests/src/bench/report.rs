//! The numbers for people.

mod table;

use super::Measured;
use super::boot::{Boot, Runs};
use super::build::Times;
use super::goals::Goal;
use super::install::Install;
use super::memory::Memory;
use super::sizes::{Size, Sizes};
use table::{Row, cell, heading, line, row};

/// How many programs the table shows of each machine.
const PROGRAMS: usize = 12;
/// How many steps of the build.
const STEPS: usize = 8;

/// The whole report.
pub fn text(measured: &Measured, goals: &[Goal]) -> String {
    let (version, kernel) = (&measured.version, &measured.kernel);
    let mut text = format!(
        "k3OS {version} beside Debian with systemd, both with kernel {kernel}, on {}\n\
         Debian: starts the same Kubernetes. Alone: Debian without it. Ratio: k3OS / Debian.\n",
        measured.accelerator
    );
    times(&mut text, measured);
    memory(&mut text, measured);
    disks(&mut text, &measured.sizes);
    sizes(&mut text, "Artefacts", &measured.sizes.artifacts);
    sizes(&mut text, "In the release", &measured.sizes.release);
    sizes(
        &mut text,
        "Largest in /usr, before compression",
        &measured.sizes.largest,
    );
    if let Some(install) = &measured.install {
        installation(&mut text, install);
    }
    if let Some(times) = &measured.build {
        build(&mut text, times);
    }
    promises(&mut text, goals);
    failures(&mut text, &measured.failures);
    text
}

fn times(text: &mut String, measured: &Measured) {
    let boots = measured.k3os.boots.len();
    heading(text, &format!("Seconds, medians of {boots}"));
    for name in milestones(&[&measured.k3os, &measured.debian]) {
        let times = Row {
            name,
            ours: measured.k3os.at(name),
            debian: measured.debian.at(name),
            alone: measured.debian_alone.at(name),
        };
        row(text, &times);
    }
}

/// The names of all milestones, each once: ours in their order, then what only the others have.
fn milestones<'a>(machines: &[&'a Runs]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    let boots = machines.iter().filter_map(|runs| runs.boots.first());
    for milestone in boots.flat_map(|boot| &boot.milestones) {
        if !names.contains(&milestone.name.as_str()) {
            names.push(&milestone.name);
        }
    }
    names
}

/// A number of the memory.
type Part = fn(&Memory) -> f64;

/// What of the memory is told.
const MEMORY: [(&str, Part); 5] = [
    ("in use", |memory| memory.used_mib),
    ("processes (PSS)", |memory| memory.processes_mib),
    ("kernel", |memory| memory.kernel_mib),
    ("tmpfs", |memory| memory.tmpfs_mib),
    ("of", |memory| memory.total_mib),
];

fn memory(text: &mut String, measured: &Measured) {
    heading(text, "Memory in MiB, medians");
    for (name, value) in MEMORY {
        let of = |runs: &Runs| runs.median(|boot: &Boot| Some(value(&boot.memory)));
        let memory = Row {
            name,
            ours: of(&measured.k3os),
            debian: of(&measured.debian),
            alone: of(&measured.debian_alone),
        };
        row(text, &memory);
    }
    programs(text, "k3OS", &measured.k3os);
    programs(text, "Debian", &measured.debian);
}

fn programs(text: &mut String, machine: &str, runs: &Runs) {
    line(
        text,
        &format!("\nPrograms of {machine} in its last boot, MiB (PSS)"),
    );
    let last = runs.boots.last().map(|boot| &boot.memory.programs);
    for program in last.into_iter().flatten().take(PROGRAMS) {
        let name = format!("{} ({})", program.name, program.processes);
        line(text, &format!("  {name:36}{:9.1}", program.pss_mib));
    }
}

fn disks(text: &mut String, sizes: &Sizes) {
    heading(text, "What they boot from, MB");
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let pairs = [
        (
            "initrd",
            sizes.artifact("k3os-initrd-amd64"),
            sizes.reference_initrd,
        ),
        (
            "disk before the first boot",
            Some(sizes.disk),
            sizes.reference_disk,
        ),
    ];
    for (name, ours, debian) in pairs {
        let pair = Row {
            name,
            ours: ours.map(megabytes),
            debian: Some(megabytes(debian)),
            alone: None,
        };
        row(text, &pair);
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

fn installation(text: &mut String, install: &Install) {
    line(
        text,
        &format!(
            "\nInstallation of {:.0} MB onto a loop device: {:.2} s; dd with sync {:.2} s; ratio {:.2}",
            install.bytes as f64 / 1e6,
            install.seconds,
            install.dd_seconds,
            install.ratio()
        ),
    );
}

fn build(text: &mut String, times: &Times) {
    line(
        text,
        &format!(
            "\nThe last build took {:.0} s; what was not kept from before, s",
            times.total
        ),
    );
    for (name, seconds) in times.longest().into_iter().take(STEPS) {
        line(text, &format!("  {name:36}{seconds:9.1}"));
    }
}

fn promises(text: &mut String, goals: &[Goal]) {
    line(
        text,
        &format!("\n{:38}{:>9} {:>9}", "Goals", "is", "at most"),
    );
    for goal in goals {
        let numbers = format!(
            "{} {}",
            cell(goal.value, 9, 2),
            cell(Some(goal.limit), 9, 2)
        );
        let verdict = goal.verdict.text();
        line(text, &format!("  {:38}{numbers}  {verdict}", goal.name));
    }
}

fn failures(text: &mut String, failures: &[String]) {
    for failure in failures {
        line(text, &format!("\nFAILED: {failure}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::goals::goals;
    use crate::bench::tests::measured;

    fn words<'a>(report: &'a str, start: &str) -> Vec<&'a str> {
        let found = report
            .lines()
            .find(|line| line.trim_start().starts_with(start));
        found.unwrap_or_default().split_whitespace().collect()
    }

    #[test]
    fn the_machines_stand_side_by_side_with_their_ratio() {
        let measured = measured();
        let text = text(&measured, &goals(&measured));
        assert_eq!(
            words(&text, "services_up"),
            ["services_up", "5.0", "25.0", "0.20", "20.0"]
        );
        assert_eq!(words(&text, "node_ready"), Vec::<&str>::new());
        assert_eq!(words(&text, "initrd"), ["initrd", "-", "40.0", "-", "-"]);
    }

    #[test]
    fn a_goal_without_a_number_is_told_as_that() {
        let measured = measured();
        let text = text(&measured, &goals(&measured));
        assert!(words(&text, "kernel start to pod").ends_with(&["-", "50.00", "not", "measured"]));
        assert!(words(&text, "services up,").ends_with(&["0.25", "0.30", "met"]));
    }
}
