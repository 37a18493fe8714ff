use std::path::Path;

use super::*;
use crate::facts::Firmware;
use crate::facts::examples::{disk, facts, release_for, with_state};

const GB: u64 = 1_000_000_000;

fn settings() -> Settings {
    Settings {
        text: "hostname: box\n".into(),
        origin: "a test".into(),
    }
}

fn request(device: &str) -> Request {
    Request {
        device: Some(device.parse().unwrap()),
        ..Request::default()
    }
}

/// The refusals as one text.
fn refused(request: &Request, facts: &Facts) -> String {
    let refusals = plan(request, facts, &settings()).expect_err("a refusal");
    let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn a_disk_is_erased_filled_read_back_and_only_then_given_its_table() {
    let facts = facts(vec![disk("/dev/vda", 8 * GB), disk("/dev/vdb", 9 * GB)]);
    let plan = plan(&request("smallest"), &facts, &settings()).unwrap();
    let expected = "\
Disk: /dev/vda  8.0 GB  SATA  QEMU HARDDISK, serial S-dev-vda: nothing that is known (will be erased)
Release: v1.2.3 from /k3os/system/releases/v1.2.3
Configuration: a test
Steps:
  1. checking the release v1.2.3 (188 MB) against its manifest
  2. erasing /dev/vda; what is on it now is lost from here on
  3. dividing /dev/vda: K3OS_BIOS 2.0 MB, K3OS_GRUB 536 MB, K3OS_STATE 7.4 GB
  4. putting GRUB for BIOS into /dev/vda1
  5. putting GRUB for UEFI onto /dev/vda2
  6. formatting /dev/vda3 with ext4
  7. mounting /dev/vda3
  8. copying the release v1.2.3 (188 MB)
  9. reading 188 MB back from the disk
 10. writing /k3os/system/config.yaml, /boot/grub/grub.cfg, /k3os/system/growpart
 11. choosing v1.2.3 as the release to boot
 12. writing the partition table of /dev/vda; it can be booted from here on
Then: nothing more; start the machine again when you like
";
    assert_eq!(plan.text(), expected);
    assert!(plan.erases);
}

#[test]
fn a_disk_for_arm_gets_no_loader_for_bios() {
    let mut facts = facts(vec![disk("/dev/vda", 8 * GB)]);
    facts.processor = Processor::Arm64;
    facts.release = Ok(release_for(Processor::Arm64));
    let plan = plan(&request("/dev/vda"), &facts, &settings()).unwrap();
    let words: Vec<String> = plan.steps.iter().map(Step::words).collect();
    assert_eq!(
        words[2..6],
        [
            "dividing /dev/vda: K3OS_GRUB 536 MB, K3OS_STATE 7.4 GB",
            "putting GRUB for UEFI onto /dev/vda2",
            "formatting /dev/vda3 with ext4",
            "mounting /dev/vda3",
        ]
    );
    assert!(!plan.text().contains("BIOS"), "{}", plan.text());
}

#[test]
fn a_release_for_another_processor_is_refused() {
    let mut facts = facts(vec![disk("/dev/vda", 8 * GB)]);
    facts.release = Ok(release_for(Processor::Arm64));
    assert_eq!(
        refused(&request("/dev/vda"), &facts),
        "the release is for arm64, and this machine is amd64: use the released ISO for amd64"
    );
}

#[test]
fn firmware_with_a_list_gets_an_entry_for_an_erased_disk() {
    let mut facts = facts(vec![disk("/dev/vda", 8 * GB)]);
    facts.firmware = Firmware::Uefi;
    let plan = plan(&request("/dev/vda"), &facts, &settings()).unwrap();
    assert_eq!(plan.steps.last(), Some(&Step::BootEntry));
}

#[test]
fn the_json_form_has_no_secrets() {
    let facts = facts(vec![disk("/dev/vda", 8 * GB)]);
    let plan = plan(&request("/dev/vda"), &facts, &settings()).unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    assert!(
        json.contains(r#""step":"erase","device":"/dev/vda""#),
        "{json}"
    );
    assert!(!json.contains("hostname"), "{json}");
}

#[test]
fn the_medium_is_no_target_and_no_candidate() {
    let mut facts = facts(vec![disk("/dev/sda", 8 * GB), disk("/dev/sdb", 9 * GB)]);
    facts.release.as_mut().unwrap().disk = Some("/dev/sda".into());
    assert!(refused(&request("/dev/sda"), &facts).contains("the release comes from"));
    let plan = plan(&request("smallest"), &facts, &settings()).unwrap();
    assert_eq!(plan.disk, PathBuf::from("/dev/sdb"));
}

#[test]
fn disks_in_use_read_only_or_too_small_are_refused_with_a_way_out() {
    let mut used = disk("/dev/sda", 8 * GB);
    used.in_use = vec!["/dev/sda1 is mounted on /mnt".into()];
    let mut locked = disk("/dev/sdb", 8 * GB);
    locked.disk.read_only = true;
    let facts = facts(vec![used, locked, disk("/dev/sdc", GB)]);
    let text = refused(&request("/dev/sda"), &facts);
    assert!(
        text.contains("mounted on /mnt") && text.contains("umount"),
        "{text}"
    );
    assert!(refused(&request("sdb"), &facts).contains("read-only: release its write protection"));
    let text = refused(&request("sdc"), &facts);
    assert!(text.contains("has 1.0 GB, and 2.0 GB are needed"), "{text}");
    assert!(refused(&request("largest"), &facts).contains("no disk is largest"));
}

#[test]
fn ambiguous_missing_and_unnamed_disks_are_refused_with_the_list() {
    let facts = facts(vec![disk("/dev/sda", 8 * GB), disk("/dev/sdb", 8 * GB)]);
    let text = refused(&request("smallest"), &facts);
    assert!(text.starts_with("several disks are smallest"), "{text}");
    assert!(text.contains("serial S-dev-sda") && text.contains("serial S-dev-sdb"));
    assert!(refused(&request("serial:none"), &facts).contains("/dev/sdb"));
    assert!(refused(&Request::default(), &facts).contains("--device or k3os.install.device"));
}

#[test]
fn a_partition_is_no_disk() {
    let facts = facts(vec![with_state(disk("/dev/sda", 8 * GB), "data", GB)]);
    let text = refused(&request("/dev/sda1"), &facts);
    assert!(text.contains("name the whole disk, /dev/sda"), "{text}");
}

#[test]
fn a_second_state_partition_in_the_machine_is_refused() {
    let other = with_state(disk("/dev/sdb", 8 * GB), "K3OS_STATE", GB);
    let facts = facts(vec![disk("/dev/sda", 8 * GB), other]);
    let text = refused(&request("/dev/sda"), &facts);
    assert!(text.contains("e2label /dev/sdb1"), "{text}");
    // Installing over it is fine.
    assert!(plan(&request("/dev/sdb"), &facts, &settings()).is_ok());
}

#[test]
fn an_existing_file_system_is_kept_and_labelled() {
    let mut request = request("/dev/sda1");
    request.no_format = true;
    let facts = facts(vec![with_state(disk("/dev/sda", 8 * GB), "root", GB)]);
    let plan = plan(&request, &facts, &settings()).unwrap();
    let steps: Vec<String> = plan.steps.iter().map(Step::words).collect();
    let order: Vec<&str> = steps
        .iter()
        .filter_map(|words| words.split(' ').next())
        .collect();
    assert_eq!(
        order,
        [
            "checking",
            "mounting",
            "copying",
            "reading",
            "writing",
            "labelling",
            "choosing"
        ]
    );
    assert!(!plan.erases && plan.text().contains("its files are kept"));
    assert!(!plan.text().contains("growpart") && !plan.text().contains("erasing"));
    assert!(plan.text().contains("config.yaml (unless it is there)"));
    request.config = Some("http://x/c".into());
    let named = super::plan(&request, &facts, &settings()).unwrap();
    assert!(!named.text().contains("unless it is there"));
}

#[test]
fn without_a_name_the_labelled_file_system_is_kept() {
    let request = Request {
        no_format: true,
        ..Request::default()
    };
    let state = |device| with_state(disk(device, 8 * GB), "K3OS_STATE", GB);
    let one = facts(vec![state("/dev/sda")]);
    let plan = plan(&request, &one, &settings()).unwrap();
    assert!(!plan.text().contains("labelling"));
    assert!(refused(&request, &facts(vec![])).contains("no ext4 file system"));
    let two = facts(vec![state("/dev/sda"), state("/dev/sdb")]);
    assert!(refused(&request, &two).contains("/dev/sda1 and /dev/sdb1"));
}

#[test]
fn what_is_kept_needs_room_and_must_not_be_mounted() {
    let mut state = with_state(disk("/dev/sda", 8 * GB), "K3OS_STATE", 1000);
    state.in_use = vec!["/dev/sda1 is mounted on /run/k3os/state".into()];
    let request = Request {
        no_format: true,
        ..Request::default()
    };
    let text = refused(&request, &facts(vec![state]));
    assert!(
        text.contains("1.0 kB free") && text.contains("mounted on"),
        "{text}"
    );
}

#[test]
fn an_incomplete_release_and_what_is_not_there_yet_are_refused_at_once() {
    let mut facts = facts(vec![disk("/dev/sda", 8 * GB)]);
    if let Ok(release) = &mut facts.release {
        release.files.retain(|file| !file.name.starts_with("grub/"));
    }
    let mut request = request("/dev/sda");
    request.takeover = true;
    let text = refused(&request, &facts);
    assert!(
        text.contains("lacks grub/boot.img, grub/core.img"),
        "{text}"
    );
    assert!(text.contains("--takeover"));
    facts.release = Err("reading /x: gone".into());
    assert!(refused(&request, &facts).contains("start the machine from the ISO"));
}

#[test]
fn a_second_console_debug_and_the_end_are_as_asked_and_efi_needs_no_force() {
    let facts = facts(vec![disk("/dev/sda", 8 * GB)]);
    let plain = plan(&request("/dev/sda"), &facts, &settings()).unwrap();
    let layer = crate::request::Layer {
        device: Some("/dev/sda".into()),
        force_efi: Some(true),
        ..Default::default()
    };
    let forced = Request::from_layer(layer, Finish::Stay).unwrap();
    assert_eq!(plan(&forced, &facts, &settings()).unwrap(), plain);
    assert!(plain.text().contains("GRUB for UEFI") && !menu(&plain).contains("ttyS1"));

    let mut request = request("/dev/sda");
    request.tty = Some("ttyS1,9600".into());
    request.debug = true;
    request.finish = Finish::PowerOff;
    let plan = plan(&request, &facts, &settings()).unwrap();
    let menu = menu(&plan);
    assert!(menu.contains("console=tty1 console=ttyS1,9600 ") && menu.contains(" k3os.debug"));
    assert!(plan.text().ends_with("Then: the machine is switched off\n"));
}

/// The menu that a plan writes.
fn menu(plan: &Plan) -> String {
    let files = plan.steps.iter().find_map(|step| match step {
        Step::Write { files } => Some(files),
        _ => None,
    });
    let mut files = files.expect("files").iter();
    let menu = files.find(|file| file.path.ends_with("grub.cfg"));
    String::from_utf8(menu.expect("a menu").bytes.clone()).unwrap()
}

#[test]
fn a_disk_that_is_not_there_is_refused_with_those_that_are() {
    let mut facts = facts(vec![disk("/dev/sda", 8 * GB)]);
    facts.named_wrong = Some("looking for /dev/sdz: no such file".into());
    let text = refused(&request("/dev/sdz"), &facts);
    assert!(
        text.contains("/dev/sdz") && text.contains("serial S-dev-sda"),
        "{text}"
    );
}

#[test]
fn every_size_of_sector_that_is_none_of_ours_is_refused() {
    let mut odd = disk("/dev/sda", 8 * GB);
    odd.disk.sector = 2048;
    let text = refused(&request("/dev/sda"), &facts(vec![odd]));
    assert!(text.contains("sectors of 2048 bytes"), "{text}");
}

#[test]
fn comparisons_mean_built_in_disks_and_the_plan_says_what_was_left_aside() {
    let mut stick = disk("/dev/sdb", 4 * GB);
    stick.disk.outside = Some("USB");
    let both = facts(vec![disk("/dev/sda", 8 * GB), stick.clone()]);
    for text in ["smallest", "size:1G..9G"] {
        let plan = super::plan(&request(text), &both, &settings()).unwrap();
        assert_eq!(plan.disk, PathBuf::from("/dev/sda"), "{text}");
        assert!(
            plan.text().contains("/dev/sdb was left aside by "),
            "{}",
            plan.text()
        );
    }
    let named = plan(&request("/dev/sdb"), &both, &settings()).unwrap();
    assert!(named.notes.is_empty() && named.disk == Path::new("/dev/sdb"));
    let alone = facts(vec![stick]);
    let plan = plan(&request("largest"), &alone, &settings()).unwrap();
    assert_eq!(
        plan.notes,
        ["/dev/sdb is no built-in disk (USB); there was no other for largest"]
    );
}

#[test]
fn half_of_a_mirror_is_named_when_it_is_erased_and_never_kept() {
    let mut half = with_state(disk("/dev/sda", 8 * GB), "K3OS_STATE", GB);
    half.content.kind = "RAID (Intel)";
    half.content.member = true;
    let facts = facts(vec![half]);
    let erased = plan(&request("/dev/sda"), &facts, &settings()).unwrap();
    assert!(erased.text().contains("RAID (Intel)"), "{}", erased.text());
    let mut request = request("/dev/sda1");
    request.no_format = true;
    assert!(refused(&request, &facts).contains("something larger: RAID (Intel)"));
}
