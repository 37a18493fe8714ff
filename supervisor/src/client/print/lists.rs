//! Lists and properties of units.

use super::{coloured, has_colours, json};
use crate::client::args::Args;
use crate::control::{ManagerStatus, UnitStatus};

/// Whether `list-units` lists a unit.
pub fn is_listed(unit: &UnitStatus, args: &Args) -> bool {
    let kind = unit.name.rsplit('.').next().unwrap_or_default();
    let has_type = args.types.is_empty() || args.types.contains(kind);
    let has_state = match args.states.is_empty() {
        true => args.all || unit.active_state != "inactive" || unit.job.is_some(),
        false => [&unit.active_state, &unit.sub_state, &unit.load_state]
            .into_iter()
            .any(|state| args.states.contains(state)),
    };
    has_type && has_state
}

/// Prints `list-units`.
pub fn list(units: &[UnitStatus], args: &Args) {
    if args.json {
        return json(units);
    }
    let width = units
        .iter()
        .map(|unit| unit.name.len())
        .max()
        .unwrap_or(4)
        .max(4);
    if !args.no_legend {
        println!(
            "  {:width$} {:9} {:12} {:12} DESCRIPTION",
            "UNIT", "LOAD", "ACTIVE", "SUB"
        );
    }
    let colours = has_colours();
    for unit in units {
        let mark = if unit.active_state == "failed" {
            coloured("×", "failed", colours)
        } else {
            " ".to_owned()
        };
        let active = coloured(
            &format!("{:12}", unit.active_state),
            &unit.active_state,
            colours,
        );
        let (load, sub) = (&unit.load_state, &unit.sub_state);
        println!(
            "{mark} {:width$} {load:9} {active} {sub:12} {}",
            unit.name, unit.description
        );
    }
    if !args.no_legend {
        println!("\n{} units listed.", units.len());
    }
}

/// Prints `list-unit-files`.
pub fn unit_files(rows: &[(&'static str, String)], args: &Args) {
    if args.json {
        let objects: Vec<_> = rows
            .iter()
            .map(|(state, name)| serde_json::json!({ "unit_file": name, "state": state }))
            .collect();
        return json(&objects);
    }
    let width = rows
        .iter()
        .map(|(_, name)| name.len())
        .max()
        .unwrap_or(9)
        .max(9);
    if !args.no_legend {
        println!("{:width$} STATE", "UNIT FILE");
    }
    for (state, name) in rows {
        println!("{name:width$} {state}");
    }
}

/// Prints `show`.
pub fn show(units: &[UnitStatus], args: &Args, enabled: impl Fn(&str) -> &'static str) {
    if args.json {
        return json(units);
    }
    for (index, unit) in units.iter().enumerate() {
        if index > 0 {
            println!();
        }
        print_properties(&properties(unit, enabled(&unit.name)), args);
    }
}

/// Prints `show` without a unit: the supervisor's own figures.
pub fn manager(status: &ManagerStatus, args: &Args) {
    if args.json {
        return json(status);
    }
    let rows = [
        ("LoopTurns", status.turns.to_string()),
        ("LoopLongestTurnMs", status.longest_turn_ms.to_string()),
        ("LoopSlowTurns", status.slow_turns.to_string()),
    ];
    print_properties(&rows, args);
}

fn print_properties(rows: &[(&'static str, String)], args: &Args) {
    for (name, value) in rows {
        let is_wanted =
            args.properties.is_empty() || args.properties.iter().any(|wanted| wanted == name);
        match (is_wanted, args.value_only) {
            (true, true) => println!("{value}"),
            (true, false) => println!("{name}={value}"),
            _ => {}
        }
    }
}

/// systemd's names for what we know of a unit.
pub fn properties(unit: &UnitStatus, enabled: &str) -> Vec<(&'static str, String)> {
    let number =
        |value: Option<u64>| value.map_or("[not set]".to_owned(), |value| value.to_string());
    let (main, drop_ins) = match unit.files.split_first() {
        Some((main, drop_ins)) => (main.clone(), drop_ins.join(" ")),
        None => (String::new(), String::new()),
    };
    let group = unit
        .cgroup
        .as_deref()
        .and_then(|path| path.split_once("/system.slice"));
    vec![
        ("Id", unit.name.clone()),
        ("Description", unit.description.clone()),
        ("Documentation", unit.documentation.join(" ")),
        ("LoadState", unit.load_state.clone()),
        ("ActiveState", unit.active_state.clone()),
        ("SubState", unit.sub_state.clone()),
        ("UnitFileState", enabled.to_owned()),
        ("FragmentPath", main),
        ("DropInPaths", drop_ins),
        ("Type", unit.kind.clone()),
        ("Result", unit.result.clone()),
        ("StatusText", unit.status_text.clone()),
        ("MainPID", unit.main_pid.unwrap_or(0).to_string()),
        (
            "ExecMainStatus",
            unit.main_exit.clone().unwrap_or_else(|| "0".to_owned()),
        ),
        ("ExecStart", unit.command.clone().unwrap_or_default()),
        ("NRestarts", unit.restarts.to_string()),
        (
            "StateChangeTimestampMonotonic",
            (unit.changed_at_ms * 1000).to_string(),
        ),
        ("MemoryCurrent", number(unit.memory)),
        ("CPUUsageNSec", number(unit.cpu_usec.map(|cpu| cpu * 1000))),
        ("TasksCurrent", number(unit.tasks)),
        (
            "ControlGroup",
            group.map_or(String::new(), |(_, rest)| format!("/system.slice{rest}")),
        ),
        ("After", unit.after.join(" ")),
        ("Wants", unit.wants.join(" ")),
        ("Requires", unit.requires.join(" ")),
        ("X-K3OS-NotApplied", unit.not_applied.join(" ")),
    ]
}
