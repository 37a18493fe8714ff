use std::path::PathBuf;

use takeover::{Phase, Record};

use super::examples::{facts, identity, request, running};
use super::*;
use crate::facts::examples as disks;
use crate::plan::Plan;
use crate::refusal::Refusal;
use crate::request::{Finish, Request};
use crate::selector::Selector;
use crate::settings::Settings;

fn planned(request: &Request, running: &Running) -> Result<Plan, Vec<Refusal>> {
    let settings = Settings {
        text: "hostname: box\n".into(),
        origin: "c.yaml".into(),
    };
    let settings = [(PathBuf::from("k3os/system/config.yaml"), settings)];
    plan(
        request,
        (running, &facts()),
        (&identity(), Adopt::ALL),
        &settings,
    )
}

fn refused(change: impl FnOnce(&mut Request, &mut Running)) -> String {
    let (mut request, mut running) = (request(), running());
    change(&mut request, &mut running);
    let refusals = planned(&request, &running).unwrap_err();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    refusals[0].to_string()
}

fn keep(path: &str) -> Keep {
    Keep {
        path: path.into(),
        real: Some(path.into()),
        mounted: false,
        taken: false,
    }
}

#[test]
fn the_plan_says_what_happens_and_switches_the_menu_last() {
    let mut running = running();
    running.keep = vec![keep("/home"), keep("/srv/db")];
    let mut request = request();
    request.finish = Finish::PowerOff;
    let plan = planned(&request, &running).unwrap();
    let text = plan.text();
    for part in [
        "/dev/sda1 of /dev/sda",
        "taken over from Debian GNU/Linux 13 (trixie)",
        "Configuration: c.yaml; of the running system the name oldbox, 1 keys that may log in",
        "writing /k3os/system/config.yaml",
        "Carried over: /srv/db will be /var/kept/srv/db",
        "is moved aside, then the machine is switched off, once",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let last = plan.steps.last().unwrap().words();
    assert!(
        last.starts_with("making GRUB start v1.2.3 next time"),
        "{last}"
    );
    assert_eq!((plan.erases, plan.finish), (false, Finish::Stay));
    let json = serde_json::to_string(&plan).unwrap();
    assert!(
        json.contains("\"step\":\"takeover\",\"action\":\"switch_menu\""),
        "{json}"
    );
}

#[test]
fn the_root_must_be_what_was_named() {
    assert!(planned(&request(), &running()).is_ok());
    let mut whole = request();
    whole.device = Some(Selector::Path("/dev/sda".into()));
    assert!(planned(&whole, &running()).is_ok());
    let other = refused(|request, _| request.device = Some(Selector::Path("/dev/sdb1".into())));
    assert!(other.ends_with("name that: /dev/sda1"), "{other}");
    assert!(refused(|request, _| request.device = None).ends_with("name it: /dev/sda1"));
    assert!(refused(|request, _| request.no_format = false).contains("--no-format"));
}

#[test]
fn what_is_no_plain_ext4_with_grub_is_refused() {
    assert!(refused(|_, r| r.machine = "aarch64".into()).contains("aarch64"));
    assert!(refused(|_, r| r.ours = true).contains("k3OS already"));
    assert!(refused(|_, r| r.fstype = "btrfs".into()).contains("must be ext4"));
    assert!(refused(|_, r| r.writable = false).contains("remount,rw"));
    assert!(refused(|_, r| r.loader = None).contains("update-grub"));
    assert!(refused(|_, r| r.boot = Some("/dev/sda2".into())).contains("/dev/sda2"));
    assert!(refused(|_, r| r.free = 1 << 20).contains("has 1.0 MB free"));
    let lvm = refused(|request, running| {
        running.device = Ok("/dev/dm-0".into());
        request.device = Some(Selector::Path("/dev/dm-0".into()));
    });
    assert!(lvm.contains("LVM"), "{lvm}");
}

#[test]
fn mounts_that_would_be_lost_are_named_until_they_are_known() {
    let home = OtherMount {
        target: "/home".into(),
        source: "/dev/sdb1".into(),
        uuid: Some("0c0d".into()),
    };
    let text = refused(|_, running| running.mounts = vec![home.clone()]);
    assert!(
        text.contains("/home (/dev/sdb1) would no longer be mounted"),
        "{text}"
    );
    let mut running = running();
    running.mounts = vec![home];
    running.keep = vec![Keep {
        mounted: true,
        ..keep("/home")
    }];
    let plan = planned(&request(), &running).unwrap();
    assert!(
        plan.text().contains("mount UUID=0c0d /home"),
        "{}",
        plan.text()
    );
    assert!(!plan.text().contains("Carried over"), "{}", plan.text());
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let of = |keep: Keep| refused(|_, running| running.keep = vec![keep]);
    assert!(of(keep("/etc")).contains("as a whole"));
    let missing = Keep {
        real: None,
        ..keep("/srv/none")
    };
    assert!(of(missing).contains("no such path"));
    let link = Keep {
        real: Some("/data/alice".into()),
        ..keep("/home/alice")
    };
    assert!(of(link).ends_with("name /data/alice"));
    let taken = Keep {
        taken: true,
        ..keep("/opt/x")
    };
    assert!(of(taken).contains("/k3os/data/opt/x is there already"));
}

#[test]
fn what_is_inside_another_is_refused() {
    let both = |one, other| refused(|_, r| r.keep = vec![keep(one), keep(other)]);
    assert!(both("/home", "/home/alice").contains("cannot both be carried over"));
    assert!(both("/usr/local/x", "/var/local/x").contains("/usr/local/x and /var/local/x"));
    let mut running = running();
    running.keep = vec![keep("/home/al"), keep("/home/alice")];
    assert!(planned(&request(), &running).is_ok());
}

#[test]
fn one_takeover_at_a_time_and_one_state_partition() {
    let before = |phase| Record {
        phase,
        version: "v1".into(),
        system: "Debian".into(),
        uuid: "0a0b".into(),
        label: String::new(),
        loader: "boot/grub".into(),
        keep: Vec::new(),
        power_off: false,
    };
    let text = refused(|_, running| running.before = Some(before(Phase::Pending)));
    assert!(text.contains("k3os takeover --undo"), "{text}");
    let mut running = running();
    running.before = Some(before(Phase::Undone));
    assert!(planned(&request(), &running).is_ok());

    let mut facts = facts();
    let other = disks::disk("/dev/sdb", 20 << 30);
    facts.disks.push(disks::with_state(other, "K3OS_STATE", 0));
    let refusals = plan(
        &request(),
        (&running, &facts),
        (&identity(), Adopt::NONE),
        &[],
    )
    .unwrap_err();
    assert!(
        refusals[0]
            .what
            .contains("/dev/sdb1 is labelled K3OS_STATE"),
        "{refusals:?}"
    );
}

#[test]
fn without_a_release_there_is_no_plan() {
    let mut facts = facts();
    facts.release = Err("there is no release in /mnt".into());
    let refusals = plan(
        &request(),
        (&running(), &facts),
        (&identity(), Adopt::NONE),
        &[],
    )
    .unwrap_err();
    assert!(
        refusals[0].to_string().contains("name the ISO"),
        "{refusals:?}"
    );
}
