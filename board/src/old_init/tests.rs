use super::*;

const NONE: Facts = Facts {
    init: Seen::Ours,
    kept: Seen::Absent,
    unpacked: Seen::Absent,
    known: None,
};

fn put_ours(path: &Path) {
    fs::write(path, [b"\x7fELF", MARK].concat()).unwrap();
}

/// A usr-merged root as Debian's, with a release unpacked over it.
fn board() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("usr/sbin")).unwrap();
    symlink("usr/sbin", root.path().join("sbin")).unwrap();
    let directory = root.path().join("usr/sbin");
    symlink("../lib/systemd/systemd", directory.join(UNPACKED)).unwrap();
    put_ours(&directory.join("init"));
    put_ours(&directory.join(COMMAND));
    root
}

#[test]
fn the_init_that_was_kept_counts_most() {
    let facts = Facts {
        kept: Seen::TheBoards,
        unpacked: Seen::TheBoards,
        known: Some(("systemd", "/lib/systemd/systemd")),
        ..NONE
    };
    assert_eq!(plan(facts), Plan::Rename(KEPT));
    let unpacked = Facts {
        kept: Seen::Absent,
        ..facts
    };
    assert_eq!(plan(unpacked), Plan::Rename(UNPACKED));
    // Unpacked twice without a boot between.
    let lost = Facts {
        unpacked: Seen::Ours,
        ..unpacked
    };
    assert_eq!(plan(lost), Plan::Link("systemd", "/lib/systemd/systemd"));
    assert_eq!(plan(NONE), Plan::Unknown);
}

#[test]
fn a_board_with_its_own_init_is_left_alone() {
    let facts = Facts {
        init: Seen::TheBoards,
        kept: Seen::TheBoards,
        ..NONE
    };
    assert_eq!(plan(facts), Plan::Nothing);
}

#[test]
fn a_link_is_given_back_as_the_link_that_it_was() {
    let root = board();
    let directory = root.path().join("usr/sbin");
    assert!(keep(root.path()).unwrap() && !keep(root.path()).unwrap());
    // Another release is unpacked: the archive's name now means ours.
    put_ours(&directory.join(UNPACKED));
    assert!(!keep(root.path()).unwrap());
    restore(root.path()).unwrap();
    let target = fs::read_link(directory.join("init")).unwrap();
    assert_eq!(target, Path::new("../lib/systemd/systemd"));
    let left: Vec<_> = fs::read_dir(&directory).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(root.path().join("sbin").is_symlink());
    assert!(restore(root.path()).unwrap().contains("already"));
}

#[test]
fn a_lost_init_is_found_by_the_system_it_belongs_to() {
    for (name, mark, target) in KNOWN {
        let root = board();
        let directory = root.path().join("usr/sbin");
        fs::remove_file(directory.join(UNPACKED)).unwrap();
        for file in [mark, target.trim_start_matches('/')] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "program").unwrap();
        }
        let done = restore(root.path()).unwrap();
        assert!(done.contains(name), "{done}");
        assert_eq!(
            fs::read_link(directory.join("init")).unwrap(),
            Path::new(target)
        );
    }
}

#[test]
fn an_unknown_init_is_told_with_a_way_out_and_nothing_is_touched() {
    let root = board();
    let directory = root.path().join("usr/sbin");
    fs::remove_file(directory.join(UNPACKED)).unwrap();
    let error = restore(root.path()).unwrap_err().to_string();
    assert!(error.contains("reinstall"), "{error}");
    assert_eq!(seen(&directory.join("init")).unwrap(), Seen::Ours);
    assert_eq!(seen(&directory.join(COMMAND)).unwrap(), Seen::Ours);
}

#[test]
fn a_link_to_an_absolute_directory_means_one_of_that_root() {
    let root = tempfile::tempdir().unwrap();
    symlink("/usr/sbin", root.path().join("sbin")).unwrap();
    assert_eq!(sbin(root.path()), root.path().join("usr/sbin"));
}
