//! What `systemctl` prints. The texts are built apart from printing them.

mod lists;

use std::io::IsTerminal;

use super::args::Args;
use crate::control::UnitStatus;
pub use lists::{is_listed, list, manager, properties, show, unit_files};

const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[31m";
const PLAIN: &str = "\u{1b}[0m";

fn has_colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Prints `status` of units.
pub fn status(units: &[UnitStatus], args: &Args, enabled: impl Fn(&str) -> &'static str) {
    if args.json {
        return json(units);
    }
    for unit in units {
        print!(
            "{}",
            status_text(unit, enabled(&unit.name), args.lines, has_colours())
        );
    }
}

fn json<T: serde::Serialize + ?Sized>(value: &T) {
    // Plain data always serialises; an empty line would be no JSON.
    println!(
        "{}",
        serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
    );
}

/// The text of `status` for one unit.
pub fn status_text(
    unit: &UnitStatus,
    enabled: &str,
    lines: Option<usize>,
    colours: bool,
) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| text.push_str(&format!("{name:>11}: {value}\n"));
    row(
        "Loaded",
        format!("{} ({}; {enabled})", unit.load_state, unit.files.join(", ")),
    );
    for warning in &unit.warnings {
        row("Warning", warning.clone());
    }
    row("Active", active(unit, colours));
    if let Some(condition) = &unit.unmet_condition {
        row(
            "Condition",
            format!("not started: {condition} does not hold"),
        );
    }
    if let Some(job) = &unit.job {
        row("Job", job.clone());
    }
    if let Some(pid) = unit.main_pid {
        row(
            "Main PID",
            format!("{pid} ({})", unit.command.as_deref().unwrap_or_default()),
        );
    }
    if !unit.status_text.is_empty() {
        row("Status", unit.status_text.clone());
    }
    if unit.restarts > 0 {
        row("Restarts", unit.restarts.to_string());
    }
    for (name, value) in figures(unit) {
        row(name, value);
    }
    if !unit.not_applied.is_empty() {
        row("Not applied", unit.not_applied.join(" "));
    }
    if let Some(error) = &unit.log_error {
        row("Log", error.clone());
    }
    if let Some(group) = &unit.cgroup {
        row("CGroup", group.clone());
    }
    for (pid, command) in &unit.processes {
        text.push_str(&format!("             {pid} {command}\n"));
    }
    let shown = lines.unwrap_or(if unit.active_state == "failed" {
        usize::MAX
    } else {
        10
    });
    let skipped = unit.lines.len().saturating_sub(shown);
    if skipped < unit.lines.len() {
        text.push('\n');
    }
    for line in unit.lines.iter().skip(skipped) {
        text.push_str(&format!("{line}\n"));
    }
    format!(
        "{} {} - {}\n{text}",
        dot(unit, colours),
        unit.name,
        unit.description
    )
}

fn dot(unit: &UnitStatus, colours: bool) -> String {
    let dot = if unit.active_state == "failed" {
        "×"
    } else {
        "●"
    };
    coloured(dot, &unit.active_state, colours)
}

fn coloured(text: &str, state: &str, colours: bool) -> String {
    match state {
        "active" | "reloading" if colours => format!("{GREEN}{text}{PLAIN}"),
        "failed" if colours => format!("{RED}{text}{PLAIN}"),
        _ => text.to_owned(),
    }
}

fn active(unit: &UnitStatus, colours: bool) -> String {
    let mut state = format!("{} ({})", unit.active_state, unit.sub_state);
    if unit.active_state == "failed" {
        state = format!("failed (Result: {})", unit.result);
    }
    let mut text = coloured(&state, &unit.active_state, colours);
    if unit.changed_at_ms > 0 {
        text.push_str(&format!(" since {} ago", duration(unit.changed_ago_ms)));
    }
    if let (Some(start), "active") = (unit.start_ms, unit.active_state.as_str()) {
        text.push_str(&format!("; started in {}", duration(start)));
    }
    if unit.active_state == "failed" {
        text.push_str(&format!("; {}", unit.result_text));
    }
    text
}

fn figures(unit: &UnitStatus) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    rows.extend(unit.tasks.map(|tasks| ("Tasks", tasks.to_string())));
    rows.extend(unit.memory.map(|memory| ("Memory", size(memory))));
    rows.extend(unit.cpu_usec.map(|cpu| ("CPU", duration(cpu / 1000))));
    rows
}

/// `1.5M`
fn size(bytes: u64) -> String {
    let units = ["B", "K", "M", "G"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or_default();
    if unit == 0 {
        format!("{bytes}B")
    } else {
        format!("{value:.1}{name}")
    }
}

/// `350ms`, `4.2s`, `3min 5s`, `2h 1min`, `3d 4h`
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms}ms"),
        1..60 => format!("{}.{}s", seconds, ms % 1000 / 100),
        60..3600 => format!("{}min {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit() -> UnitStatus {
        UnitStatus {
            name: "ssh.service".into(),
            description: "Secure Shell".into(),
            load_state: "loaded".into(),
            active_state: "active".into(),
            sub_state: "running".into(),
            files: vec!["/usr/ssh.service".into(), "/etc/x.conf".into()],
            main_pid: Some(12),
            command: Some("/usr/sbin/sshd -D".into()),
            memory: Some(3_670_016),
            changed_at_ms: 5_000,
            changed_ago_ms: 65_000,
            start_ms: Some(350),
            not_applied: vec!["ProtectSystem=full".into()],
            lines: (0..20).map(|n| format!("line {n}")).collect(),
            ..UnitStatus::default()
        }
    }

    #[test]
    fn a_running_units_status() {
        let expected = "● ssh.service - Secure Shell\n     Loaded: loaded (/usr/ssh.service, /etc/x.conf; enabled)\n     \
             Active: active (running) since 1min 5s ago; started in 350ms\n   Main PID: 12 (/usr/sbin/sshd -D)\n     \
             Memory: 3.5M\nNot applied: ProtectSystem=full\n\nline 18\nline 19\n";
        assert_eq!(status_text(&unit(), "enabled", Some(2), false), expected);
    }

    #[test]
    fn a_failed_unit_shows_all_lines_in_red() {
        let unit = UnitStatus {
            active_state: "failed".into(),
            result: "exit-code".into(),
            result_text: "it exited with code 1".into(),
            ..unit()
        };
        let text = status_text(&unit, "enabled", None, true);
        assert!(
            text.contains("\u{1b}[31mfailed (Result: exit-code)\u{1b}[0m"),
            "{text}"
        );
        assert!(text.contains("; it exited with code 1"));
        assert!(text.contains("line 0\n"));
    }

    #[test]
    fn lists_leave_out_what_is_inactive() {
        let idle = UnitStatus {
            active_state: "inactive".into(),
            ..unit()
        };
        let args = Args::default();
        assert!(is_listed(&unit(), &args) && !is_listed(&idle, &args));
        assert!(is_listed(
            &idle,
            &Args {
                all: true,
                ..Args::default()
            }
        ));
        let targets = Args {
            types: ["target".to_owned()].into(),
            ..Args::default()
        };
        assert!(!is_listed(&unit(), &targets));
    }

    #[test]
    fn sizes_durations_and_properties() {
        assert_eq!(
            (size(12), size(2_048), size(5 << 30)),
            ("12B".into(), "2.0K".into(), "5.0G".into())
        );
        assert_eq!(duration(90_061_000), "1d 1h");
        assert_eq!(duration(4_250), "4.2s");
        let properties = properties(&unit(), "enabled");
        assert!(properties.contains(&("MainPID", "12".to_owned())));
        assert!(properties.contains(&("DropInPaths", "/etc/x.conf".to_owned())));
    }
}
