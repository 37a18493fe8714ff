//! What bad input gets: a message with source, line and key, and everything else applies. What only shows when files are read
//! or written (directories, sizes, packings, owners) is tested where that is done, in `phases`.

use config::{Loaded, Source, SourceKind, load};

const KEY: &str = "ssh-ed25519 AAAA me";

/// Reads text behind a good file; the good file's key and what is said.
fn read(kind: SourceKind, name: &str, bytes: &[u8]) -> (Loaded, Vec<String>) {
    let source = |name: &str, kind, bytes: &[u8]| Source {
        name: name.into(),
        kind,
        bytes: bytes.into(),
    };
    let good = format!("ssh_authorized_keys: [{KEY}]\nk3os: {{token: before}}\n");
    let loaded = load(&[
        source("good", SourceKind::File, good.as_bytes()),
        source(name, kind, bytes),
        source("later", SourceKind::File, b"boot_cmd: [later]\n"),
    ]);
    assert!(
        loaded
            .config
            .ssh_authorized_keys
            .0
            .iter()
            .any(|key| key == KEY)
    );
    assert_eq!(loaded.config.boot_cmd, ["later"]);
    let told = loaded.problems.iter().map(ToString::to_string).collect();
    (loaded, told)
}

/// A case, the file (`run_cmd: [applies]` in each must apply), and what is said of it.
const FILES: [(&str, &str, &[&str]); 14] = [
    (
        "merge key that repeats nothing",
        "k3os:\n  labels: {<<: 5}\nrun_cmd: [applies]\n",
        &[
            "f:2:16: warning: k3os: << takes the keys of a map or of a list of maps, found a single value; it is skipped",
        ],
    ),
    (
        "unknown key",
        "run_cmd: [applies]\nk3os:\n  tokn: x\n",
        &["f:3:3: error: k3os.tokn: there is no such key (did you mean token?)"],
    ),
    (
        "key at the wrong level",
        "run_cmd: [applies]\ntoken: x\nk3os:\n  hostname: h\n",
        &[
            "f:2:1: error: token: there is no such key (token belongs below k3os:, indented)",
            "f:4:3: error: k3os.hostname: there is no such key (hostname belongs at the top level, not indented below k3os)",
        ],
    ),
    (
        "wrong indentation",
        "k3os:\n  token: x\n   labels: {a: b}\nrun_cmd: [applies]\n",
        &[
            "f:3:10: error: k3os: this is not YAML: mapping values are not allowed in this context (this key does not apply; the others of this source do)",
        ],
    ),
    (
        "tab as indentation",
        "k3os:\n\ttoken: x\nrun_cmd: [applies]\n",
        &[
            "f:2:2: error: k3os: this is not YAML: tabs disallowed within this context (block indentation) (this key does not apply; the others of this source do)",
        ],
    ),
    (
        "null section",
        "k3os:\nrun_cmd: [applies]\n",
        &["f:1:5: warning: k3os: is empty; nothing is changed by it"],
    ),
    (
        "scalar for a section",
        "k3os: token\nrun_cmd: [applies]\n",
        &[
            "f:1:7: error: k3os: expected a map of keys, found a single value (indent its keys below it)",
        ],
    ),
    (
        "duplicate keys",
        "run_cmd: [gone]\nk3os: {labels: {a: b, a: c}}\nrun_cmd: [applies]\n",
        &[
            "f:2:23: warning: k3os.labels[a]: is given twice here; the later one counts",
            "f:3:1: warning: run_cmd: is given twice here; the later one counts",
        ],
    ),
    (
        "base64 that is none",
        "run_cmd: [applies]\nwrite_files:\n- path: /a\n  content: !!binary \"a!\"\n",
        &[
            "f:4:12: error: write_files[0].content: !!binary needs base64: Invalid symbol 33, offset 1.",
            "f:3:3: error: write_files[0]: is left out, because a value in it does not fit",
        ],
    ),
    (
        "unknown packing",
        "run_cmd: [applies]\nwrite_files:\n- {path: /a, encoding: zip}\n",
        &[
            "f:3:24: error: write_files[0].encoding: \"zip\" is not one of b64, base64, gz, gzip, gz+b64, gz+base64, gzip+b64, gzip+base64",
            "f:3:3: error: write_files[0]: is left out, because a value in it does not fit",
        ],
    ),
    (
        "path that climbs",
        "run_cmd: [applies]\nwrite_files:\n- path: /var/../../etc/shadow\n",
        &[
            "f:3:9: error: write_files[0].path: a path may not contain \"..\"",
            "f:3:3: error: write_files[0]: is left out, because a value in it does not fit",
        ],
    ),
    (
        "path from nowhere",
        "run_cmd: [applies]\nwrite_files:\n- path: etc/a\n",
        &[
            "f:3:9: warning: write_files[0].path: is not absolute; it is taken from / (begin the path with \"/\")",
        ],
    ),
    (
        "impossible owner",
        "run_cmd: [applies]\nwrite_files:\n- {path: /a, owner: \"a b\"}\n",
        &[
            "f:3:21: error: write_files[0].owner: \"a b\" is not an owner: USER, USER:GROUP or :GROUP",
            "f:3:3: error: write_files[0]: is left out, because a value in it does not fit",
        ],
    ),
    (
        "number where a word is meant",
        "run_cmd: [applies]\nk3os: {install: {silent: 5}, taints: [5], data_sources: 5}\n",
        &[
            "f:2:26: error: k3os.install.silent: expected true or false",
            "f:2:39: error: k3os.taints[0]: \"5\" is not a taint: expected KEY=VALUE:EFFECT, the effect one of NoSchedule, PreferNoSchedule, NoExecute",
            "f:2:57: error: k3os.data_sources[0]: \"5\" is not a data source: aws, cdrom, digitalocean, gcp, hetzner, openstack, packet, scaleway, vultr or file=/PATH",
        ],
    ),
];

#[test]
fn every_bad_file_is_told_with_source_line_and_key() {
    for (case, text, expected) in FILES {
        let (loaded, told) = read(SourceKind::File, "f", text.as_bytes());
        assert_eq!(told, expected, "{case}");
        assert_eq!(loaded.config.run_cmd, ["applies"], "{case}");
        assert_eq!(loaded.config.k3os.token.reveal(), "before", "{case}");
    }
}

/// A case, the command line (`run_cmd=applies` in each must apply), and what is said of it.
const COMMAND_LINES: [(&str, &str, &[&str]); 6] = [
    (
        "repeated scalar",
        "k3os.token=a run_cmd=applies k3os.token=b",
        &["cmdline:1:30: warning: k3os.token: is given more than once; the last one counts"],
    ),
    (
        "unknown key",
        "quiet k3os.tokn=a run_cmd=applies",
        &["cmdline:1:7: error: k3os.tokn: there is no such key (did you mean token?)"],
    ),
    (
        "bare section",
        "k3os k3os.install run_cmd=applies",
        &[
            "cmdline:1:1: error: k3os: k3os does not fit in this form (name one of its keys behind a dot)",
            "cmdline:1:6: error: k3os.install: install does not fit in this form (name one of its keys behind a dot)",
        ],
    ),
    (
        "list of maps without index",
        "k3os.wifi=home run_cmd=applies",
        &[
            "cmdline:1:1: error: k3os.wifi: wifi does not fit in this form (write k3os.wifi[0].NAME=VALUE)",
        ],
    ),
    (
        "no value",
        "hostname run_cmd=applies",
        &["cmdline:1:1: error: hostname: has no value (write hostname=VALUE)"],
    ),
    (
        "quote without end",
        "run_cmd=applies hostname=\"a quiet",
        &[
            "cmdline:1:17: warning: hostname: holds a quote that is not closed",
            "cmdline:1:17: error: hostname: \"\\\"a\" is not a host name: letters, digits, \"-\" and \".\", at most 64 characters",
        ],
    ),
];

#[test]
fn every_bad_word_is_told_with_column_and_key() {
    for (case, text, expected) in COMMAND_LINES {
        let (loaded, told) = read(SourceKind::Cmdline, "cmdline", text.as_bytes());
        assert_eq!(told, expected, "{case}");
        assert_eq!(loaded.config.run_cmd, ["applies"], "{case}");
    }
}

#[test]
fn bytes_that_are_no_text_are_told_with_their_key() {
    let (loaded, told) = read(
        SourceKind::File,
        "f",
        b"# x\nhostname: h\nrun_cmd:\n- a\0b\n- c\n",
    );
    assert_eq!(loaded.config.run_cmd, ["a\u{fffd}b", "c"]);
    assert_eq!(
        told,
        ["f:4:4: warning: run_cmd: holds bytes that are not UTF-8 text; they are replaced"]
    );
    let (loaded, told) = read(SourceKind::File, "f", &[0; 4096]);
    assert_eq!(
        (loaded.config.k3os.token.reveal(), told.len()),
        ("before", 0)
    );
}

/// Each level repeats the one above ten times; the file has 600 bytes and would unfold to 10¹⁰ values.
#[test]
fn an_alias_bomb_is_told_by_its_reason_and_the_other_keys_apply() {
    let level = |n: usize| {
        format!(
            "a{n}: &a{n} [{}]\n",
            vec![format!("*a{}", n - 1); 10].join(", ")
        )
    };
    let levels: String = (1..10).map(level).collect();
    let text = format!(
        "hostname: h\na0: &a0 [{}]\n{levels}run_cmd: [applies]\n",
        ["x"; 10].join(", ")
    );
    let (loaded, told) = read(SourceKind::File, "f", text.as_bytes());
    assert_eq!(
        (loaded.config.hostname.as_str(), loaded.config.run_cmd.len()),
        ("h", 1)
    );
    let bomb = "f:6:5: error: a4: unfolds to more than 200000 values or 64 MiB, counting what aliases (*NAME) repeat";
    assert!(told.iter().any(|line| line.starts_with(bomb)), "{told:#?}");
    assert!(
        !told.iter().any(|line| line.contains("unknown anchor")),
        "{told:#?}"
    );
    let flow = text.replace('\n', ", ").replace("a0: &", "{a0: &") + "}";
    let (_, told) = read(
        SourceKind::File,
        "f",
        flow.trim_start_matches("hostname: h, ").as_bytes(),
    );
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("f:1:") && told[0].contains("unfolds to more than"),
        "{told:#?}"
    );
}

/// An alias of another key is innocent of a slip elsewhere in the file.
#[test]
fn an_alias_that_loses_its_anchor_is_told_as_that() {
    let text = "run_cmd: &c [a]\nhostname: [\nboot_cmd: *c\nk3os: {labels: *nowhere}\n";
    let (_, told) = read(SourceKind::File, "f", text.as_bytes());
    assert!(
        told.iter().any(|line| line.starts_with(
            "f:3:11: error: boot_cmd: repeats an anchor (&NAME) that stands outside of this key"
        )),
        "{told:#?}"
    );
    let unknown = "k3os: {labels: *nowhere}\nrun_cmd: [a]\n";
    let (loaded, told) = read(SourceKind::File, "f", unknown.as_bytes());
    assert_eq!(loaded.config.run_cmd, ["a"]);
    assert!(
        told[0].starts_with("f:1:16: error: k3os: this is not YAML:")
            && told[0].contains("unknown anchor"),
        "{told:#?}"
    );
}

#[test]
fn clearing_the_keys_of_other_sources_is_told_to_have_no_effect() {
    for text in ["ssh_authorized_keys: []\n", "ssh_authorized_keys:\n"] {
        let (_, told) = read(SourceKind::File, "f", text.as_bytes());
        assert!(
            told.len() == 1 && told[0].contains("warning: ssh_authorized_keys: takes no key away"),
            "{told:#?}"
        );
    }
}

#[test]
fn what_is_too_large_or_no_map_is_told_with_its_source() {
    let (_, told) = read(
        SourceKind::File,
        "f",
        &vec![b' '; config::yaml::MAX_BYTES + 1],
    );
    assert_eq!(told, ["f: error: is larger than 16 MiB and is not read"]);
    let (_, told) = read(SourceKind::File, "f", b"k3os: [\n");
    assert!(
        told[0].starts_with("f:2:1: error: k3os: this is not YAML: "),
        "{told:#?}"
    );
    let (_, told) = read(SourceKind::File, "f", b"#!/bin/sh\necho hello\n");
    assert_eq!(
        told,
        [
            "f:2:1: error: expected a map of keys, found a single value (write KEY: VALUE; only userdata may be a script)"
        ]
    );
    let (_, told) = read(SourceKind::File, "f", b"- hostname: h\n");
    assert_eq!(
        told,
        [
            "f:1:1: error: expected a map of keys, found a list (write KEY: VALUE; only userdata may be a script)"
        ]
    );
}
