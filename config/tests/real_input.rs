//! What people write who come from k3OS, cloud-init and other tools: what it is taken for, and what is said of it.

use config::{Loaded, Source, SourceKind, load};

fn source(name: &str, kind: SourceKind, text: &str) -> Source {
    Source {
        name: name.into(),
        kind,
        bytes: text.into(),
    }
}

fn file(text: &str) -> (Loaded, Vec<String>) {
    let loaded = load(&[source("f", SourceKind::File, text)]);
    let told = loaded.problems.iter().map(ToString::to_string).collect();
    (loaded, told)
}

/// Each line of an item is a key, however the lines came there.
#[test]
fn several_keys_in_one_text_all_count() {
    const KEYS: [&str; 6] = [
        "ssh_authorized_keys: [\"ssh-ed25519 A a\\nssh-ed25519 B b\\n\"]",
        "ssh_authorized_keys:\n- |\n  ssh-ed25519 A a\n  ssh-ed25519 B b\n",
        "ssh_authorized_keys: |\n  ssh-ed25519 A a\n\n  # of b\n  ssh-ed25519 B b\n",
        "ssh_authorized_keys: [\"ssh-ed25519 A a\\r\\nssh-ed25519 B b\\r\\n\"]",
        "ssh_authorized_keys: [\"ssh-ed25519 A a\\r\", \" ssh-ed25519 B b \"]",
        "ssh_authorized_keys: [[ssh-ed25519 A a, ssh-ed25519 B b]]",
    ];
    for text in KEYS {
        let (loaded, told) = file(text);
        let keys = &loaded.config.ssh_authorized_keys.0;
        assert_eq!(keys, &["ssh-ed25519 A a", "ssh-ed25519 B b"], "{text}");
        assert_eq!(told, Vec::<String>::new(), "{text}");
    }
    let (loaded, told) = file(
        "ssh_authorized_keys: [\"ssh-ed25519 A a\\n-----BEGIN OPENSSH PRIVATE KEY-----\\nx\\n\"]",
    );
    assert!(loaded.config.ssh_authorized_keys.0.is_empty());
    assert_eq!(told.len(), 1, "{told:#?}");
}

#[test]
fn one_bad_line_costs_only_itself() {
    let (loaded, told) = file("ssh_authorized_keys: [\"ssh-ed25519 A a\\nftp:x\\n\"]");
    assert_eq!(loaded.config.ssh_authorized_keys.0, ["ssh-ed25519 A a"]);
    assert!(
        told[0].contains("ssh_authorized_keys[0]: keys can be fetched by"),
        "{told:#?}"
    );
}

/// The line break at the end of YAML's block texts is nobody's value.
#[test]
fn line_breaks_around_values_are_cut_off() {
    let text = "hostname: |\n  box\nk3os:\n  token: |\n    K10x\n  password: >\n    geheim\n  server_url: \"https://a:6443\\n\"\n\
                \u{20} environment:\n    no_proxy: >\n      a,\n      b\n  sysctls: {vm.swappiness: \"10\\n\"}\n\
                \u{20} dns_nameservers: [\"1.1.1.1\\r\\n\"]\n  command_timeout: \"5\\n\"\n";
    let (Loaded { config, .. }, told) = file(text);
    assert_eq!(told, Vec::<String>::new());
    let k3os = &config.k3os;
    assert_eq!(config.hostname, "box");
    assert_eq!(
        (k3os.token.reveal(), k3os.password.reveal()),
        ("K10x", "geheim")
    );
    assert_eq!(k3os.server_url, "https://a:6443");
    assert_eq!(k3os.environment["no_proxy"], "a, b");
    assert_eq!(k3os.sysctls["vm.swappiness"], "10");
    assert_eq!(k3os.dns_nameservers, ["1.1.1.1"]);
    assert_eq!(k3os.command_timeout, "5");
    // What may have several lines keeps them.
    let (loaded, _) = file("run_cmd:\n- |\n  a\n  b\n");
    assert_eq!(loaded.config.run_cmd, ["a\nb\n"]);
}

#[test]
fn a_text_of_several_lines_is_a_list_where_items_are_lines() {
    let (loaded, told) = file(
        "k3os:\n  modules: |\n    kvm\n    nvme poll_queues=2\n  taints: [\"a=b:NoSchedule\\nx\"]\n",
    );
    assert_eq!(loaded.config.k3os.modules, ["kvm", "nvme poll_queues=2"]);
    assert_eq!(loaded.config.k3os.taints, ["a=b:NoSchedule"]);
    assert!(
        told.len() == 1 && told[0].contains("taints[0]"),
        "{told:#?}"
    );
}

#[test]
fn every_wrong_item_has_its_own_number() {
    let (loaded, told) = file(
        "k3os: {taints: [a=b:NoSchedule, x, y, c=d:NoExecute]}\nwrite_files:\n- {path: /a, mode: x, owner: a b}\n- {path: /b}\n- {path: /c, owner: c d}\n",
    );
    for key in [
        "taints[1]:",
        "taints[2]:",
        "write_files[0].owner:",
        "write_files[2].owner:",
    ] {
        assert!(
            told.iter().any(|line| line.contains(key)),
            "{key} {told:#?}"
        );
    }
    assert_eq!(loaded.config.k3os.taints.len(), 2);
    let line = |key: &str| loaded.origins.of(key).map(|origin| origin.place.line);
    assert_eq!(line("write_files[0].path"), Some(4));
    assert_eq!(loaded.config.write_files[0].path, "/b");
}

/// A spelling, what it is taken for.
#[test]
fn plain_meanings_are_taken_and_told() {
    let (loaded, told) = file(
        "ssh_authorized_keys: ['gh:me', 'lp:me']\nk3os: {data_sources: [AWS, nocloud, ec2, aws]}\n",
    );
    let keys = &loaded.config.ssh_authorized_keys.0;
    assert_eq!(keys, &["github:me", "https://launchpad.net/~me/+sshkeys"]);
    assert_eq!(
        loaded.config.k3os.data_sources,
        ["aws", "cdrom", "aws", "aws"]
    );
    assert_eq!(told.len(), 5);
    assert!(
        told.iter().all(|line| line.contains("is taken for")),
        "{told:#?}"
    );
    let (_, told) = file("k3os: {fallback_mode: install}\n");
    assert!(
        told[0].ends_with("(this is for the kernel command line: k3os.fallback_mode=VALUE)"),
        "{told:#?}"
    );
}

#[test]
fn keys_that_say_nothing_are_warnings() {
    let text = "enconding: \"\"\nx-common: &c {a: b}\nk3os: {labels: *c, foo: null}\nwrite_files:\n- {path: /a, append: null, defer: true}\n";
    let (loaded, told) = file(text);
    assert!(
        told.len() == 5 && told.iter().all(|line| line.contains(": warning: ")),
        "{told:#?}"
    );
    assert_eq!(
        (
            loaded.config.write_files.len(),
            loaded.config.k3os.labels.len()
        ),
        (1, 1)
    );
    // Without these, another file would be written.
    for key in ["append: true", "source: {uri: 'https://x'}"] {
        let (loaded, told) = file(&format!(
            "write_files:\n- {{path: /etc/hosts, content: x, {key}}}\n"
        ));
        assert!(
            loaded.config.write_files.is_empty() && told[0].contains("error"),
            "{told:#?}"
        );
    }
}

#[test]
fn a_file_for_cloud_init_gets_one_note_and_what_has_a_meaning_applies() {
    let text = "#cloud-config\npackage_update: true\npackages: [git]\nusers: [default]\nfqdn: box.example\npassword: geheim\n\
                ssh_pwauth: true\ntimezone: Europe/Berlin\nuser: core\nchpasswd: {expire: false}\n\
                runcmd:\n- [echo, it's, $HOME]\n- echo b\nbootcmd: [echo c]\nwrite_files:\n- {path: /a, encoding: text/plain, content: x}\n";
    let (Loaded { config, .. }, told) = file(text);
    assert_eq!(
        told,
        [
            "f:9:1: warning: user: the user here is rancher, whose keys and password the others of this file are",
            "f:2:1: warning: keys of cloud-init without a meaning here: package_update, packages, users, chpasswd (the one user is rancher: its keys belong in ssh_authorized_keys, its password in k3os.password)",
        ]
    );
    assert_eq!(
        (config.hostname.as_str(), config.k3os.password.reveal()),
        ("box.example", "geheim")
    );
    assert!(config.k3os.ssh_pwauth && config.k3os.timezone == "Europe/Berlin");
    assert_eq!(config.run_cmd, ["'echo' 'it'\\''s' '$HOME'", "echo b"]);
    assert_eq!(config.boot_cmd, ["echo c"]);
    // Our own keys count, wherever they stand.
    let (loaded, _) = file(
        "k3os: {password: ours}\nhostname: ours\npassword: theirs\nfqdn: theirs\nssh_pwauth: unchanged\n",
    );
    assert_eq!(
        (
            loaded.config.hostname.as_str(),
            loaded.config.k3os.password.reveal()
        ),
        ("ours", "ours")
    );
}

/// What is lost here would make the machine another one.
#[test]
fn what_makes_another_machine_when_lost_is_a_doubt() {
    const LOST: [&str; 14] = [
        "k3os: {server_url: 'server:6443'}",
        "k3os: {server_url: 'https://'}",
        "k3os: {server_url: 'https://a:port'}",
        "k3os: {server_url: [a, b]}",
        "k3os: {serverurl2: 'https://a:6443'}",
        "k3os: {server_ulr: 'https://a:6443'}",
        "server_url: https://a:6443",
        "k3os: {token: \"a\\nb\"}",
        "k3os: {tokn: a}",
        "k3os: {k3s_args: [agent, {a: b}]}",
        "hostname: my_box",
        "k3os:\n  server_url: 'https://a:6443\nrun_cmd: [a]\n",
        "k3os: server_url",
        "- k3os: {token: a}",
    ];
    for text in LOST {
        assert_eq!(file(text).0.doubts.len(), 1, "{text}");
    }
    const OTHERS: [&str; 7] = [
        "k3os: {labels: [one, two]}",
        "k3os:\n  labels: [one, two\nrun_cmd: [a]\n",
        "k3os: {foo: bar, taints: [x]}",
        "k3os: {server_url: 'https://[fd00::1]:6443/'}",
        "k3os: {tokn: ''}",
        "#!/bin/sh\necho hello\n",
        "password_hash: x",
    ];
    for text in OTHERS {
        assert_eq!(file(text).0.doubts, [], "{text}");
    }
}

#[test]
fn a_later_source_ends_the_doubt() {
    let sources = |texts: [&str; 2]| {
        let all = texts.map(|text| source("f", SourceKind::File, text));
        load(&all).doubts.len()
    };
    let (bad, good) = (
        "k3os: {server_url: a}",
        "k3os: {server_url: 'https://a:6443'}",
    );
    assert_eq!((sources([bad, good]), sources([good, bad])), (0, 1));
    let (bad, good) = ("k3os: {k3s_args: [{a: b}]}", "k3os: {k3s_args: [server]}");
    assert_eq!((sources([bad, good]), sources([good, bad])), (0, 1));
}

/// What the machine could not do is refused before it tries.
#[test]
fn what_the_machine_cannot_do_is_told() {
    const CANNOT: [&str; 6] = [
        "write_files: [{path: /etc/x/}]",
        "k3os: {sysctls: {vm..swappiness: 1}}",
        "k3os: {sysctls: {/net/ipv4/../x: 1}}",
        "k3os: {sysctls: {\"vm.swap piness\": 1}}",
        "k3os: {modules: [nvme_tcp.ko]}",
        "k3os: {timezone: Europe/../../etc/shadow}",
    ];
    for text in CANNOT {
        let (_, told) = file(text);
        assert!(
            told.iter().any(|line| line.contains(": error: ")),
            "{text} {told:#?}"
        );
    }
    const CAN: [&str; 8] = [
        "write_files: [{path: /usr/local/bin/tool}]",
        "write_files: [{path: /k3os/data/x}]",
        "k3os: {sysctls: {vm.swappiness: 1}}",
        "k3os: {sysctls: {net/ipv4/conf/eth0.100/forwarding: 1}}",
        "k3os: {sysctls: {net.ipv4.conf.eth0/100.forwarding: 1}}",
        "k3os: {sysctls: {/vm/swappiness: 1}}",
        "k3os: {modules: [nvme-tcp, 'br_netfilter']}",
        "k3os: {timezone: America/Argentina/Buenos_Aires}",
    ];
    for text in CAN {
        assert_eq!(file(text).1, Vec::<String>::new(), "{text}");
    }
}
