//! What an installation leaves that is cut off: the installer, in a process of its own on a loop device, is killed at many points.
//! What its disk then holds is what reached the file behind the device; all that the kernel had not written yet is lost, as it is
//! when the power goes. Then that disk is looked at, and installed again.
//!
//! `K3OS_POWER_CUTS=50` says at how many points; a few otherwise.

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use common::{
    DISK, Disk, check_release, install, quiet, ready, release, request, run, settings, text,
};
use installer::grub::{Environment, UNFINISHED};
use installer::progress::Lines;
use system::{gpt, mount};

/// What the child process is to install, and where to.
const CHILD: &str = "K3OS_POWER_CUT_CHILD";
const OLD: &str = "v1.0.0";
const NEW: &str = "v2.0.0";
/// Label and menu of another system.
const FOREIGN: &str = "other-root";
const MENU: &str = "boot/grub/grub.cfg";
const SAMPLE: usize = 4;
/// Between two points in one step.
const STRIDE: Duration = Duration::from_millis(15);

/// What a disk may hold after a cut, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The old system, whole.
    AsBefore,
    /// The message that the installation was not finished, and no table that a firmware or kernel takes.
    Unfinished,
    /// The new system, whole.
    Complete,
}

#[test]
fn whenever_the_power_goes_the_disk_is_as_before_or_plainly_unfinished_or_complete() {
    if std::env::var_os(CHILD).is_some() || !ready() {
        return;
    }
    let points = points();
    let (old, new) = (release(OLD), release(NEW));
    let before = Disk::new(DISK, 512);
    install(&before, old.path(), &mut quiet()).unwrap();
    settle(&before);

    let steps = steps(&before, new.path());
    let states: Vec<State> = (0..points)
        .map(|point| {
            // Spread over the steps, and later in each of them the next time round.
            let step = 1 + point * steps / points.min(steps) % steps;
            let delay = STRIDE * u32::try_from(point / steps).unwrap();
            let disk = cut(&before, &Way::erasing(new.path()), step, delay);
            let state = state(&disk);
            println!("cut {point} in step {step} after {delay:?}: {state:?}");
            install(&disk, new.path(), &mut quiet()).unwrap();
            assert_eq!(self::state(&disk), State::Complete, "installed again");
            state
        })
        .collect();
    let count = |wanted| states.iter().filter(|state| **state == wanted).count();
    println!(
        "{} cuts: {} as before, {} unfinished, {} complete; each was installed again",
        states.len(),
        count(State::AsBefore),
        count(State::Unfinished),
        count(State::Complete)
    );
    assert!(
        count(State::Unfinished) > 0,
        "no cut was where it matters: {states:?}"
    );
}

/// At how many points.
fn points() -> usize {
    let points = std::env::var("K3OS_POWER_CUTS").ok();
    points.and_then(|text| text.parse().ok()).unwrap_or(SAMPLE)
}

/// A file system of somebody else's, on the whole disk, with a menu of its own.
fn foreign() -> Disk {
    let disk = Disk::new(DISK, 512);
    run(
        "mkfs.ext4",
        &["-q", "-F", "-L", FOREIGN, text(&disk.device)],
    );
    look(&disk.device, &disk, |root| {
        fs::create_dir_all(root.join("boot/grub")).unwrap();
        fs::write(root.join(MENU), FOREIGN).unwrap();
    });
    settle(&disk);
    disk
}

fn look<T>(device: &Path, disk: &Disk, look: impl FnOnce(&Path) -> T) -> T {
    let at = disk.directory.path().join("looked-at");
    mount::Mount::device(device, &at, "ext4").perform().unwrap();
    let seen = look(&at);
    mount::unmount(&at).unwrap();
    seen
}

/// What a kept file system boots, as GRUB sees it: the journal is not replayed before.
fn kept_state(disk: &Disk) -> State {
    settle(disk);
    let read = |path: &str| {
        let request = format!("cat /{path}");
        run("debugfs", &["-c", "-R", &request, text(&disk.file())])
    };
    let menu = read(MENU);
    let chosen = Environment::parse(read("boot/grub/grubenv").as_bytes());
    let Some(version) = chosen.get("current").map(str::to_owned) else {
        // Ours starts the other one's menu as long as nothing is chosen.
        assert!(menu == FOREIGN || read("boot/grub/before.cfg") == FOREIGN);
        return State::AsBefore;
    };
    let dumped = disk.directory.path().join("dumped");
    fs::create_dir_all(&dumped).unwrap();
    let request = format!("rdump /k3os/system/releases/{version} {}", text(&dumped));
    run("debugfs", &["-c", "-R", &request, text(&disk.file())]);
    check_release(&dumped.join(&version));
    let label = run("e2label", &[text(&disk.file())]);
    assert_eq!(label.trim(), "K3OS_STATE", "{version} is chosen");
    State::Complete
}

#[test]
fn whenever_the_power_goes_a_kept_file_system_boots_what_it_did_or_a_whole_release() {
    if std::env::var_os(CHILD).is_some() || !ready() {
        return;
    }
    let new = release(NEW);
    let before = foreign();
    let steps = keeping(&before, new.path()).steps.len();
    // The last steps are those that matter.
    for point in 0..points() {
        let step = steps - point % steps;
        let delay = STRIDE * u32::try_from(point / steps).unwrap();
        let disk = cut(&before, &Way::keeping(new.path()), step, delay);
        let state = kept_state(&disk);
        println!("kept: cut {point} in step {step} after {delay:?}: {state:?}");
        let plan = keeping(&disk, new.path());
        installer::execute(&plan, &disk.directory.path().join("scratch"), &mut quiet()).unwrap();
        assert_eq!(kept_state(&disk), State::Complete, "installed again");
    }
}

#[test]
fn a_copy_that_is_not_what_was_written_changes_nothing_that_boots() {
    if std::env::var_os(CHILD).is_some() || !ready() {
        return;
    }
    let (disk, release) = (foreign(), release(NEW));
    let scratch = disk.directory.path().join("scratch");
    // The release that is there already, whole, is of the same version.
    let plan = keeping(&disk, release.path());
    installer::execute(&plan, &scratch, &mut quiet()).unwrap();
    run("tune2fs", &["-L", FOREIGN, text(&disk.device)]);
    let plan = keeping(&disk, release.path());
    let copied = scratch.join(format!(
        "target/k3os/system/releases/.incoming-{NEW}/vmlinuz"
    ));
    let mut damage = common::At("reading", || fs::write(&copied, "bad").unwrap());
    let error = installer::execute(&plan, &scratch, &mut damage).unwrap_err();
    assert!(format!("{error:#}").contains("vmlinuz"), "{error:#}");
    assert_eq!(run("e2label", &[text(&disk.device)]).trim(), FOREIGN);
    look(&disk.device, &disk, |root| {
        check_release(&root.join("k3os/system/releases").join(NEW))
    });
}

fn keeping(disk: &Disk, release: &Path) -> installer::Plan {
    let request = installer::Request {
        no_format: true,
        ..request(disk)
    };
    common::plan(&request, disk, release).expect("a plan")
}

/// How many steps the installation has.
fn steps(disk: &Disk, release: &Path) -> usize {
    let plan = common::plan(&request(disk), disk, release).expect("a plan");
    plan.steps.len()
}

/// Writes what the kernel holds of a device into the file behind it.
fn settle(disk: &Disk) {
    run("blockdev", &["--flushbufs", text(&disk.device)]);
}

/// How the child installs.
struct Way<'a> {
    release: &'a Path,
    no_format: bool,
}

impl<'a> Way<'a> {
    fn erasing(release: &'a Path) -> Self {
        let no_format = false;
        Self { release, no_format }
    }

    fn keeping(release: &'a Path) -> Self {
        let no_format = true;
        Self { release, no_format }
    }
}

/// Installs onto a copy of a disk, ends that in a step, and gives what reached the disk, as another disk.
fn cut(before: &Disk, way: &Way<'_>, step: usize, delay: Duration) -> Disk {
    let disk = Disk::new(DISK, 512);
    copy(&before.file(), &disk.file());
    settle(&disk);
    let mut child = start(&disk, way);
    let stdout = child.stdout.take().unwrap();
    let told = until(stdout, step);
    if told {
        thread::sleep(delay);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let after = Disk::new(DISK, 512);
    copy(&disk.file(), &after.file());
    // The killed installation's mount would keep its disk, for ever if it was frozen at that moment.
    let target = disk.directory.path().join("scratch/target");
    let _ = Command::new("fsfreeze").arg("-u").arg(target).output();
    let _ = mount::unmount_lazily(&disk.directory.path().join("scratch/target"));
    after
}

fn copy(from: &Path, to: &Path) {
    run("cp", &["--sparse=always", text(from), text(to)]);
    // The device is attached to the file that was there, and reads it anew.
    let size = fs::metadata(to).unwrap().len();
    assert_eq!(size, DISK);
}

fn start(disk: &Disk, way: &Way<'_>) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_child_installs", "--nocapture", "--ignored"])
        .env(
            CHILD,
            format!(
                "{}|{}|{}|{}",
                text(&disk.device),
                text(way.release),
                text(disk.directory.path()),
                if way.no_format { "keeping" } else { "erasing" }
            ),
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads what the child tells until a step begins; false when it ended before.
fn until(stdout: ChildStdout, step: usize) -> bool {
    let mark = format!("[{step}/");
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let found = lines.any(|line| line.contains(&mark));
    // Its later lines must not end it before its time.
    thread::spawn(move || lines.for_each(drop));
    found
}

#[test]
#[ignore = "is started by the other one"]
fn the_child_installs() {
    let Ok(what) = std::env::var(CHILD) else {
        return;
    };
    let [device, release, directory, way] = what.split('|').collect::<Vec<_>>()[..] else {
        panic!("{CHILD}={what}");
    };
    let request = installer::Request {
        device: Some(installer::Selector::Path(device.into())),
        no_format: way == "keeping",
        ..installer::Request::default()
    };
    let mut facts = installer::Facts::gather(Path::new(release), request.device.as_ref());
    facts
        .disks
        .retain(|disk| disk.disk.device == Path::new(device));
    let plan = installer::plan(&request, &facts, &settings()).expect("a plan");
    let mut reporter = Lines::new(std::io::stdout(), false);
    installer::execute(&plan, &Path::new(directory).join("scratch"), &mut reporter).unwrap();
}

/// Looks at a disk as the next boot does. Whatever is none of the allowed states fails the test.
fn state(disk: &Disk) -> State {
    settle(disk);
    let Some(entries) = gpt::read(&disk.device, 512).unwrap() else {
        assert!(
            disk.head(512).starts_with(UNFINISHED),
            "a disk without a table must say that it is unfinished"
        );
        assert!(nobody_sees_a_table(disk), "partx still sees partitions");
        return State::Unfinished;
    };
    assert_eq!(entries.len(), 3, "{entries:?}");
    let at = disk.directory.path().join("looked-at");
    let copy = disk.directory.path().join("state");
    // The partition as a file of its own: the kernel need not know the disk's partitions for that.
    let (start, size) = (entries[2].start >> 20, entries[2].size >> 20);
    run(
        "dd",
        &[
            &format!("if={}", text(&disk.file())),
            &format!("of={}", text(&copy)),
            "bs=1M",
            "conv=sparse",
            &format!("skip={start}"),
            &format!("count={size}"),
        ],
    );
    run("e2fsck", &["-fn", text(&copy)]);
    fs::create_dir_all(&at).unwrap();
    run("mount", &["-o", "loop,ro", text(&copy), text(&at)]);
    let bytes = fs::read(at.join("boot/grub/grubenv")).unwrap();
    let current = Environment::parse(&bytes).get("current").map(str::to_owned);
    let version = current.expect("a current release");
    check_release(&at.join("k3os/system/releases").join(&version));
    run("umount", &[text(&at)]);
    fs::remove_file(&copy).unwrap();
    match version.as_str() {
        OLD => State::AsBefore,
        NEW => State::Complete,
        other => panic!("{other} is neither release"),
    }
}

/// Whether another reader of tables finds none either: the kernel looks at the same sectors.
fn nobody_sees_a_table(disk: &Disk) -> bool {
    let output = Command::new("partx")
        .args(["--noheadings", "--output", "NR", text(&disk.device)])
        .output()
        .unwrap();
    output.stdout.is_empty()
}
