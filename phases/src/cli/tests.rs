use super::*;
use std::fs;

fn root(config: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("var/lib/rancher/k3os");
    fs::create_dir_all(&directory).expect("making a directory");
    fs::write(directory.join("config.yaml"), config).expect("writing the configuration");
    root
}

const SAMPLE: &str = "ssh_authorized_keys: [ssh-rsa one]\nwrite_files:\n- {path: /a, content: \"x<y\\n\"}\nhostname: h\n\
     k3os: {token: 012, sysctl: {kernel.printk: 4 4 1 7}, k3s_args: server, install: {silent: yes}}\n";

#[test]
fn json_is_k3os_form_byte_for_byte() {
    let root = root(SAMPLE);
    let expected = "{\"sshAuthorizedKeys\":[\"ssh-rsa one\"],\"writeFiles\":[{\"encoding\":\"\",\"content\":\"x\\u003cy\\n\",\
         \"owner\":\"\",\"path\":\"/a\",\"permissions\":\"\"}],\"hostname\":\"h\",\"k3os\":{\"sysctls\":{\"kernel.printk\":\"4 4 1 7\"},\
         \"token\":\"012\",\"labels\":{\"a\":\"b\"},\"k3sArgs\":[\"server\"],\"install\":{\"silent\":true}}}\n";
    assert_eq!(
        dump_json(root.path(), "quiet k3os.labels.a=b").text,
        expected
    );
}

#[test]
fn yaml_reads_back_as_the_same_configuration() {
    let root = root(SAMPLE);
    let yaml = dump(
        root.path(),
        "run_cmd=\"echo: 'a' #b\" k3os.labels[a/b]=yes k3os.password=$6$a$b",
    )
    .text;
    assert!(!yaml.contains("install"), "{yaml}");
    let second = self::root(&yaml);
    assert_eq!(dump(second.path(), "").text, yaml);
    assert!(yaml.contains("\n  labels:\n    a/b: \"yes\"\n"), "{yaml}");
}

#[test]
fn validate_tells_file_line_key_and_status() {
    let root = root("hostnam: a\nwrite_files:\n- path: /a\n  encoding: b64\n  content: '!!'\n");
    let answer = validate(root.path(), "");
    assert_eq!(answer.code, 1);
    let file = "/var/lib/rancher/k3os/config.yaml";
    assert!(
        answer
            .text
            .starts_with(&format!("{file}:1:1: error: hostnam: ")),
        "{}",
        answer.text
    );
    assert!(
        answer.text.contains(&format!(
            "{file}:3:3: error: write_files[0]: reading the content as base64"
        )),
        "{}",
        answer.text
    );
    assert_eq!(validate(Path::new("/nonexistent"), "").code, 0);
    assert_eq!(
        validate_files(&["/nonexistent/file".into()], FileKind::Configuration, None).code,
        1
    );
}

#[test]
fn applying_a_broken_configuration_is_not_a_success() {
    let root = root("hostnam: a\n");
    let host = system::host::Recording::with_files([("/etc/shadow", "rancher:*:1::::::\n")]);
    let answer = apply(Phase::Boot, root.path(), "", &host);
    assert_eq!(answer.code, 1);
    assert!(
        answer.notes.contains("did you mean hostname?"),
        "{}",
        answer.notes
    );
}

#[test]
fn diff_tells_what_would_change_and_changes_nothing() {
    let files = [
        ("/etc/hostname", "old\n"),
        ("/proc/sys/kernel/printk", "4\t4\t1\t7\n"),
        ("/run/k3os/mode", "disk\n"),
    ];
    let host = system::host::Recording::with_files(files);
    let yaml = "hostname: new\nssh_authorized_keys: ['github:me']\nk3os:\n  token: geheim\n  sysctls: {kernel.printk: 4 4 1 7}\n";
    let answer = diff(root(yaml).path(), "", &host);
    assert_eq!(
        answer.text,
        "create /etc/ssh/authorized_keys.d/rancher\nset the host name new\nchange /etc/hostname\ncreate /etc/hosts\ncreate /etc/connman/main.conf\nrestart connman.service\n\
         create /run/k3os/k3s.env\ncreate /run/systemd/system/k3s.service\n\
         link /run/systemd/system/default.target.wants/k3s.service\nrestart k3s.service\n"
    );
    assert_eq!((host.actions(), answer.code), (vec![], 0));
}

#[test]
fn a_key_that_is_not_there_is_told_from_one_that_is_not_set() {
    let root = root("hostname: a\n");
    let asked = |key| {
        let answer = explain(root.path(), "", Some(key), Secrets::Hidden);
        (answer.text + &answer.notes, answer.code)
    };
    assert_eq!(asked("token"), ("token is not set\n".into(), 1));
    let unknown = "hostnam: there is no such key (did you mean hostname?)\n";
    assert_eq!(asked("hostnam"), (unknown.into(), 1));
    assert_eq!(asked("hostname").1, 0);
}

#[test]
fn files_are_read_as_what_they_are_said_to_be() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("user-data");
    fs::write(&file, "#!/bin/sh\nexit\n").expect("writing");
    let files = [file];
    assert_eq!(
        validate_files(&files, FileKind::Configuration, None).code,
        1
    );
    let userdata = validate_files(&files, FileKind::Userdata, None);
    assert_eq!(
        (userdata.text.as_str(), userdata.code),
        ("no problems found\n", 0)
    );
    let both = validate_files(&files, FileKind::Userdata, Some("k3os.tokn=x"));
    assert_eq!(
        (both.text.as_str(), both.code),
        (
            "cmdline:1:1: error: k3os.tokn: there is no such key (did you mean token?)\n",
            1
        )
    );
}

/// On a laptop, nothing of the laptop is looked at.
#[test]
fn a_diff_of_another_root_is_against_that_root() {
    let root = root("hostname: new\n");
    fs::create_dir_all(root.path().join("etc")).expect("making a directory");
    fs::write(root.path().join("etc/hostname"), "new\n").expect("writing");
    std::os::unix::fs::symlink("/proc/self/environ", root.path().join("etc/hosts"))
        .expect("linking");
    let answer = diff(
        root.path(),
        "k3os.mode=live",
        &system::beneath::Beneath::new(root.path()),
    );
    assert_eq!(
        answer.text,
        "set the host name new\ncreate /etc/hosts\ncreate /etc/connman/main.conf\nrestart connman.service\n\
         create /run/systemd/system/k3s.service\nlink /run/systemd/system/default.target.wants/k3s.service\nrestart k3s.service\n"
    );
}
