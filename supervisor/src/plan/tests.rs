use super::*;
use crate::unit::read;
use std::path::Path;

fn units(texts: &[(&str, &str)]) -> Units {
    let mut units = Units::default();
    for (name, text) in texts {
        let mut unit = Unit::empty(name);
        let text = format!("[Unit]\n{}", text.replace("; ", "\n"));
        assert_eq!(read::apply(&mut unit, Path::new("/u"), &text), vec![]);
        units.by_name.insert((*name).to_owned(), unit);
    }
    units
}

fn start_all(units: &Units, goal: &str) -> Plan {
    start(units, &[goal.to_owned()], |_| false, &BTreeSet::new())
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_goal_pulls_in_what_it_wants_and_waits_for_it() {
    let units = units(&[
        (
            "m.target",
            "Wants=a.service b.service missing.service x.timer",
        ),
        ("a.service", "After=b.service c.service; Requires=d.service"),
        ("b.service", ""),
        ("c.service", ""),
        ("d.service", "Before=a.service"),
    ]);
    let plan = start_all(&units, "m.target");
    let names: Vec<_> = plan.steps.keys().map(String::as_str).collect();
    assert_eq!(names, ["a.service", "b.service", "d.service", "m.target"]);
    assert_eq!(
        plan.steps["a.service"].after,
        set(&["b.service", "d.service"])
    );
    assert_eq!(plan.steps["a.service"].requires, set(&["d.service"]));
    assert_eq!(
        plan.steps["m.target"].after,
        set(&["a.service", "b.service"])
    );
    assert_eq!(plan.notes.len(), 1);
    assert!(
        plan.notes[0].contains("x.timer is left out: timer units"),
        "{:?}",
        plan.notes
    );
}

#[test]
fn what_is_up_is_left_out_and_what_is_starting_is_waited_for() {
    let units = units(&[
        (
            "a.service",
            "Requires=b.service c.service; After=b.service c.service",
        ),
        ("b.service", ""),
        ("c.service", ""),
    ]);
    let starting = set(&["c.service"]);
    let plan = start(
        &units,
        &["a.service".to_owned()],
        |name| name == "b.service",
        &starting,
    );
    assert_eq!(plan.steps["a.service"].after, set(&["c.service"]));
    assert!(!plan.steps.contains_key("b.service"));
    assert_eq!(plan.steps["a.service"].requires, set(&["c.service"]));
}

#[test]
fn a_cycle_loses_one_edge_with_a_message() {
    let units = units(&[
        ("m.target", "Wants=a.service b.service c.service"),
        ("a.service", "After=b.service"),
        ("b.service", "After=c.service"),
        ("c.service", "After=a.service"),
    ]);
    let plan = start_all(&units, "m.target");
    let edges: usize = ["a", "b", "c"]
        .iter()
        .map(|n| plan.steps[&format!("{n}.service")].after.len())
        .sum();
    assert_eq!(edges, 2);
    assert_eq!(plan.notes.len(), 1);
    assert!(
        plan.notes[0].starts_with("ordering cycle a.service → b.service → c.service"),
        "{:?}",
        plan.notes
    );
}

#[test]
fn an_implied_edge_of_a_target_gives_way_first() {
    let units = units(&[
        ("m.target", "Wants=a.service n.target"),
        ("n.target", "Wants=a.service; After=m.target"),
        ("a.service", "After=n.target"),
    ]);
    let plan = start_all(&units, "m.target");
    assert!(plan.steps["a.service"].after.contains("n.target"));
    assert!(plan.steps["n.target"].after.contains("m.target"));
    assert!(!plan.steps["m.target"].after.contains("a.service"));
    assert_eq!(plan.notes.len(), 1);
}

#[test]
fn sockets_stand_for_their_services() {
    let mut units = units(&[
        ("a.service", "Requires=dbus.socket; After=dbus.socket"),
        ("dbus.service", ""),
    ]);
    units
        .aliases
        .insert("bus.service".to_owned(), "dbus.service".to_owned());
    let plan = start_all(&units, "a.service");
    assert_eq!(plan.steps["a.service"].after, set(&["dbus.service"]));
    assert_eq!(units.canonical("bus.socket"), "dbus.service");
}

#[test]
fn stopping_goes_in_reverse_and_takes_along_who_requires_it() {
    let units = units(&[
        ("net.service", ""),
        ("a.service", "After=net.service; Requires=net.service"),
        ("b.service", "PartOf=a.service"),
        ("idle.service", "Requires=net.service"),
    ]);
    let plan = stop(&units, &["net.service".to_owned()], |name| {
        name != "idle.service"
    });
    let names: Vec<_> = plan.steps.keys().map(String::as_str).collect();
    assert_eq!(names, ["a.service", "b.service", "net.service"]);
    assert_eq!(plan.steps["net.service"].after, set(&["a.service"]));
    assert_eq!(plan.steps["a.service"].after, set(&[]));
}

#[test]
fn a_long_chain_needs_no_deep_stack() {
    let texts: Vec<_> = (0..5_000)
        .map(|n| {
            (
                format!("u{n}.service"),
                format!("Requires=u{0}.service; After=u{0}.service", n + 1),
            )
        })
        .collect();
    let texts: Vec<_> = texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let units = units(&texts);
    assert_eq!(
        closure(&units, &["u0.service".into()], &|_| false, &mut vec![]).len(),
        5_000
    );
    let edges = Edges::new(&Units::default(), &BTreeSet::new());
    assert_eq!(edges.find_cycle(), None);
}
