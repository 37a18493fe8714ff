//! The unit files of the image, read and planned.

use std::collections::BTreeSet;
use std::path::PathBuf;

use supervisor::plan::{self, Units};
use supervisor::store::Store;
use supervisor::unit::read::Warning;

fn image() -> Store {
    let directory = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../overlay/usr/lib/systemd/system"
    );
    Store::new(vec![PathBuf::from(directory)])
}

/// Everything that the goal brings in, and the warnings on the way.
fn load(store: &Store, goal: &str) -> (Units, Vec<Warning>) {
    let (mut units, mut warnings) = (Units::default(), Vec::new());
    let mut queue = vec![goal.to_owned()];
    while let Some(name) = queue.pop() {
        if units.by_name.contains_key(&name) {
            continue;
        }
        let (unit, more) = store.load(&name);
        warnings.extend(more);
        queue.extend(unit.wants.iter().chain(&unit.requires).cloned());
        units.by_name.insert(name, unit);
    }
    (units, warnings)
}

#[test]
fn every_unit_of_the_image_is_understood_and_applied_in_full() {
    let store = image();
    let names: Vec<_> = store.all().into_keys().collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let name = name.replace("@.", "@instance.");
        let (unit, warnings) = store.load(&name);
        assert_eq!(warnings, vec![], "{name}");
        assert_eq!(unit.not_applied, Vec::<String>::new(), "{name}");
        assert!(unit.is_supported(), "{name}");
    }
}

#[test]
fn the_goal_starts_everything_in_order_without_cycles() {
    let (units, warnings) = load(&image(), "default.target");
    assert_eq!(warnings, vec![]);
    let plan = plan::start(
        &units,
        &["default.target".to_owned()],
        |_| false,
        &BTreeSet::new(),
    );
    assert_eq!(plan.notes, Vec::<String>::new());
    let after = |name: &str| {
        &plan
            .steps
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not planned"))
            .after
    };
    assert!(after("connman.service").contains("dbus.service"));
    assert!(after("ssh.service").contains("k3os-sshd-key@ed25519.service"));
    assert!(after("multi-user.target").contains("ssh.service"));
    assert!(after("k3os-runtime.service").contains("network-online.target"));
    // Nothing waits for the devices to be told again, and no service but the runtime phase for the network.
    for (name, step) in &plan.steps {
        assert!(
            !step.after.contains("systemd-udev-trigger.service"),
            "{name}"
        );
        let waits_for_network = step.after.contains("network-online.target");
        assert!(
            !waits_for_network || name == "k3os-runtime.service",
            "{name}"
        );
    }
    assert_eq!(after("dbus.service"), &BTreeSet::new());
    assert_eq!(after("systemd-udevd.service"), &BTreeSet::new());
}

#[test]
fn links_point_at_units_that_exist() {
    let store = image();
    let wanted = store.linked("multi-user.target", "wants");
    assert!(wanted.contains("ssh.service"));
    for name in wanted {
        assert!(!store.load(&name).0.files.is_empty(), "{name}");
    }
    assert_eq!(store.load("sshd.service").0.name, "ssh.service");
}
