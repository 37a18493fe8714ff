//! What the facts mean.

use kernel_config::{Need, User};

use super::{Facts, Finding, Level, place};
use crate::old_init::Seen;

/// Options of the kernel that the release's own initrd, media and disks need, and a board's root does not.
const OF_OUR_OWN_KERNEL: [&str; 8] = [
    "BLK_DEV_INITRD",
    "RD_ZSTD",
    "EXT4_FS",
    "ISO9660_FS",
    "VFAT_FS",
    "MAGIC_SYSRQ",
    "MODULES",
    "PRINTK",
];
/// What Kubernetes limits by.
const CONTROLLERS: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];
/// Words by which the kernels of boards switch the memory controller on; older ones want both.
const MEMORY_WORDS: [&str; 2] = ["cgroup_enable=memory", "cgroup_memory=1"];
/// Memory without which a node does not come up, and with which pods have room, KiB. A board of 1 GB shows some less.
const LEAST_MEMORY: u64 = 800 << 10;
const GOOD_MEMORY: u64 = 1800 << 10;
/// Room on the root for the release, and for the node's database, images and logs, bytes.
const RELEASE: u64 = 600 << 20;
const LEAST_ROOM: u64 = 1 << 30;
const GOOD_ROOM: u64 = 6 << 30;
/// Roots that forget.
const MEMORY_ROOTS: [&str; 2] = ["overlay", "tmpfs"];

/// All findings, in the order in which a board would fail.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut all = vec![kernel(facts)];
    all.extend(options(facts));
    all.extend(modules(facts));
    all.extend([cgroups(facts), cgroup2(facts), root(facts), room(facts)]);
    all.extend([memory(facts), init(facts), start(facts)]);
    all
}

fn finding(topic: &'static str, level: Level, found: String) -> Finding {
    Finding {
        topic,
        level,
        found,
        advice: None,
    }
}

impl Finding {
    fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

fn kernel(facts: &Facts) -> Finding {
    let model = if facts.model.is_empty() {
        "this machine"
    } else {
        &facts.model
    };
    finding(
        "machine",
        Level::Ok,
        format!("{model}, kernel {}", facts.kernel),
    )
}

/// One problem for each required option that is missing, one note for all others.
fn options(facts: &Facts) -> Vec<Finding> {
    const TOPIC: &str = "kernel options";
    let Some(config) = &facts.config else {
        let found = "the kernel does not tell its configuration (/proc/config.gz, /boot/config-…)";
        return vec![finding(TOPIC, Level::Note, found.to_owned())];
    };
    let report = kernel_config::check(config);
    let missing = |need| {
        let all = report.missing(need);
        all.filter(|missing| missing.option.user != User::Hardware)
            .filter(|missing| !OF_OUR_OWN_KERNEL.contains(&missing.option.name))
    };
    let problem = |missing: &kernel_config::Missing| {
        finding(TOPIC, Level::Problem, missing.to_string())
            .advise("use another kernel of the board's distribution, or build one with this option")
    };
    let mut found: Vec<Finding> = missing(Need::Required).map(problem).collect();
    if found.is_empty() {
        found.push(finding(
            TOPIC,
            Level::Ok,
            "all required ones are there".into(),
        ));
    }
    let others: Vec<_> = missing(Need::Recommended)
        .map(|missing| missing.option.name)
        .collect();
    if !others.is_empty() {
        let text = format!(
            "without effect on most pods, missing: {}",
            others.join(", ")
        );
        found.push(finding(TOPIC, Level::Note, text));
    }
    found
}

fn modules(facts: &Facts) -> Vec<Finding> {
    const TOPIC: &str = "kernel modules";
    let kernel = &facts.kernel;
    let Some(missing) = &facts.missing_modules else {
        let found = format!("there is no list of modules in /lib/modules/{kernel}");
        return vec![finding(TOPIC, Level::Note, found)];
    };
    // What is built in without a list of its own still is there.
    let missing: Vec<&str> = missing
        .iter()
        .copied()
        .filter(|name| !mounts(facts, name))
        .collect();
    if missing.is_empty() {
        return vec![finding(TOPIC, Level::Ok, "all are there".into())];
    }
    let found = format!("missing in /lib/modules/{kernel}: {}", missing.join(", "));
    vec![finding(TOPIC, Level::Problem, found).advise(format!(
        "install the rest of this kernel's modules (Ubuntu: linux-modules-extra-{kernel}), or another kernel"
    ))]
}

fn mounts(facts: &Facts, file_system: &str) -> bool {
    facts
        .file_systems
        .lines()
        .any(|line| line.split_whitespace().last() == Some(file_system))
}

/// Whether pods can be limited.
pub fn cgroups(facts: &Facts) -> Finding {
    const TOPIC: &str = "cgroups";
    let Some(there) = &facts.controllers else {
        return finding(
            TOPIC,
            Level::Note,
            "the kernel does not tell its controllers".into(),
        );
    };
    let missing: Vec<&str> = CONTROLLERS
        .into_iter()
        .filter(|name| !there.iter().any(|other| other == name))
        .collect();
    if missing.is_empty() {
        return finding(
            TOPIC,
            Level::Ok,
            format!("{} are there", CONTROLLERS.join(", ")),
        );
    }
    let found = format!("switched off: {}", missing.join(", "));
    let advice = if missing == ["memory"] {
        switch_memory_on(facts)
    } else {
        "use a kernel with these controllers".to_owned()
    };
    finding(TOPIC, Level::Problem, found).advise(advice)
}

/// The kernels of Raspberry Pis, and some others, have the memory controller and leave it off.
fn switch_memory_on(facts: &Facts) -> String {
    let has = |word: &str| facts.cmdline.split_whitespace().any(|other| other == word);
    let words: Vec<&str> = MEMORY_WORDS.into_iter().filter(|word| !has(word)).collect();
    if words.is_empty() {
        return "the command line switches it on already, and this kernel does not obey: use another kernel".to_owned();
    }
    place::add(&words, facts) + ", and start the board again"
}

fn cgroup2(facts: &Facts) -> Finding {
    const TOPIC: &str = "cgroup v2";
    if mounts(facts, "cgroup2") {
        return finding(TOPIC, Level::Ok, "the kernel has it".into());
    }
    finding(TOPIC, Level::Problem, "the kernel has none".into()).advise("use a kernel from 5.10 on")
}

fn root(facts: &Facts) -> Finding {
    const TOPIC: &str = "root";
    if facts.separate_usr {
        return finding(
            TOPIC,
            Level::Problem,
            "/usr is a file system of its own".into(),
        )
        .advise("move it onto the root: /sbin/init, modules and firmware are looked for there");
    }
    let Some(root) = &facts.root else {
        return finding(
            TOPIC,
            Level::Note,
            "it is not known how it is mounted".into(),
        );
    };
    let text = format!("{} on {}", root.fstype, root.source);
    if MEMORY_ROOTS.contains(&root.fstype.as_str()) {
        return finding(TOPIC, Level::Problem, format!("{text}: it forgets everything")).advise(
            "switch the overlay file system off (Raspberry Pi OS: raspi-config, Performance Options)",
        );
    }
    finding(TOPIC, Level::Ok, text)
}

fn room(facts: &Facts) -> Finding {
    const TOPIC: &str = "space";
    let Some(free) = facts.free else {
        return finding(
            TOPIC,
            Level::Note,
            "it is not known how much is free".into(),
        );
    };
    let release = if facts.unpacked { 0 } else { RELEASE };
    let found = format!("{} MiB free on the root", free >> 20);
    if free < LEAST_ROOM + release {
        let needed = (LEAST_ROOM + release) >> 20;
        return finding(TOPIC, Level::Problem, found).advise(format!(
            "make room: {needed} MiB are needed for the release and its data"
        ));
    }
    if free < GOOD_ROOM {
        return finding(
            TOPIC,
            Level::Note,
            found + ": little for images of containers",
        );
    }
    finding(TOPIC, Level::Ok, found)
}

fn memory(facts: &Facts) -> Finding {
    const TOPIC: &str = "memory";
    let Some(memory) = facts.memory_kib else {
        return finding(
            TOPIC,
            Level::Note,
            "it is not known how much there is".into(),
        );
    };
    let found = format!("{} MiB", memory >> 10);
    match memory {
        ..LEAST_MEMORY => finding(TOPIC, Level::Problem, found)
            .advise("a node needs a board with 1 GB or more; 2 GB leave room for pods"),
        LEAST_MEMORY..GOOD_MEMORY => finding(
            TOPIC,
            Level::Note,
            found + ": a node runs, with little room for pods",
        ),
        _ => finding(TOPIC, Level::Ok, found),
    }
}

fn init(facts: &Facts) -> Finding {
    const TOPIC: &str = "/sbin/init";
    match facts.init {
        Some(Seen::TheBoards) => finding(
            TOPIC,
            Level::Ok,
            "the board's own; unpacking keeps it".into(),
        ),
        Some(Seen::Ours) => finding(
            TOPIC,
            Level::Ok,
            "the release's; `k3os overlay remove` gives the board's back".into(),
        ),
        Some(Seen::Absent) => finding(TOPIC, Level::Note, "there is none yet".into()),
        None => finding(TOPIC, Level::Note, "it cannot be read".into()),
    }
}

/// What the loader or the initrd start need not be /sbin/init.
fn start(facts: &Facts) -> Finding {
    const TOPIC: &str = "start";
    let told = facts
        .cmdline
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("init="))
        .next_back();
    match told {
        Some(told) if told != "/sbin/init" => finding(
            TOPIC,
            Level::Problem,
            format!("the command line starts {told}"),
        )
        .advise("take init=… off the command line, or make it init=/sbin/init"),
        None if facts.dracut => {
            let found = "the initrd is made by dracut, which starts systemd and not /sbin/init";
            finding(TOPIC, Level::Problem, found.to_owned())
                .advise(place::add(&["init=/sbin/init"], facts))
        }
        _ => finding(TOPIC, Level::Ok, "/sbin/init is what is started".into()),
    }
}

#[cfg(test)]
mod tests;
