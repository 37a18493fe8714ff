use super::*;
use crate::check::Report;
use system::mount::MountInfo;

fn config() -> String {
    kernel_config::OPTIONS
        .iter()
        .map(|option| format!("CONFIG_{}=y\n", option.name))
        .collect()
}

/// A Raspberry Pi on which everything is right.
fn pi() -> Facts {
    Facts {
        model: "Raspberry Pi 4 Model B Rev 1.4".into(),
        kernel: "6.12.25+rpt-rpi-v8".into(),
        config: Some(config()),
        missing_modules: Some(Vec::new()),
        file_systems: "nodev\tcgroup2\n\text4\n".into(),
        controllers: Some(CONTROLLERS.map(str::to_owned).into()),
        cmdline: "console=tty1 root=PARTUUID=1-02 rootwait".into(),
        memory_kib: Some(3_884_000),
        free: Some(20 << 30),
        root: Some(MountInfo {
            target: "/".into(),
            fstype: "ext4".into(),
            source: "/dev/mmcblk0p2".into(),
            writable: true,
        }),
        init: Some(Seen::TheBoards),
        loader_files: vec!["boot/firmware/cmdline.txt"],
        ..Facts::default()
    }
}

/// The one thing that is wrong.
fn problem(facts: &Facts) -> Finding {
    let mut problems = findings(facts)
        .into_iter()
        .filter(|finding| finding.level == Level::Problem);
    let problem = problems.next().expect("there is a problem");
    assert_eq!(problems.next(), None);
    problem
}

#[test]
fn a_good_board_has_nothing_to_change() {
    let report = Report::of(&pi());
    assert!(report.usable, "{}", report.text());
    assert!(report.findings.iter().all(|one| one.level == Level::Ok));
    assert!(report.text().ends_with("can be unpacked here.\n"));
}

#[test]
fn a_pi_without_the_memory_controller_is_told_the_words_and_the_file() {
    let mut facts = pi();
    facts.controllers = Some(["cpu", "cpuset", "pids"].map(str::to_owned).into());
    facts.cmdline += " cgroup_disable=memory";
    let advice = problem(&facts).advice.unwrap();
    assert!(
        advice.contains("/boot/firmware/cmdline.txt: cgroup_enable=memory cgroup_memory=1"),
        "{advice}"
    );
    facts.cmdline += " cgroup_enable=memory";
    let advice = problem(&facts).advice.unwrap();
    assert!(advice.contains("cmdline.txt: cgroup_memory=1"), "{advice}");
    facts.cmdline += " cgroup_memory=1";
    assert!(problem(&facts).advice.unwrap().contains("another kernel"));
}

#[test]
fn a_kernel_without_a_required_option_is_told_which() {
    let mut facts = pi();
    facts.config = Some(config().replace("CONFIG_SQUASHFS=y", "# CONFIG_SQUASHFS is not set"));
    assert!(problem(&facts).found.contains("CONFIG_SQUASHFS"));
    // What only our own initrd needs does not count.
    facts.config = Some(config().replace("CONFIG_RD_ZSTD=y\n", ""));
    assert!(Report::of(&facts).usable);
    facts.config = None;
    assert!(Report::of(&facts).usable);
}

#[test]
fn missing_modules_are_named_unless_the_kernel_has_them_built_in() {
    let mut facts = pi();
    facts.missing_modules = Some(vec!["squashfs", "nft_masq"]);
    assert!(problem(&facts).found.contains("squashfs, nft_masq"));
    facts.file_systems += "\tsquashfs\n";
    let found = problem(&facts).found;
    assert!(
        !found.contains("squashfs") && found.ends_with(": nft_masq"),
        "{found}"
    );
}

#[test]
fn what_does_not_start_our_init_is_a_problem() {
    let mut facts = pi();
    facts.dracut = true;
    assert!(problem(&facts).advice.unwrap().ends_with("init=/sbin/init"));
    facts.cmdline += " init=/sbin/init";
    assert!(Report::of(&facts).usable);
    facts.cmdline += " init=/usr/lib/raspberrypi-sys-mods/firstboot";
    assert!(problem(&facts).found.contains("firstboot"));
}

#[test]
fn too_little_room_or_memory_and_roots_that_forget() {
    let mut small = pi();
    small.memory_kib = Some(420_000);
    assert_eq!(problem(&small).topic, "memory");
    let mut full = pi();
    full.free = Some(LEAST_ROOM + RELEASE - 1);
    assert_eq!(problem(&full).topic, "space");
    full.unpacked = true;
    assert!(Report::of(&full).usable);
    let mut forgets = pi();
    forgets.root.as_mut().unwrap().fstype = "overlay".into();
    assert!(problem(&forgets).advice.unwrap().contains("raspi-config"));
    let mut split = pi();
    split.separate_usr = true;
    assert_eq!(problem(&split).topic, "root");
}
