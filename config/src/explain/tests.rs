use super::*;
use crate::source::{Source, SourceKind, load};

fn file(name: &str, text: &str) -> Source {
    Source {
        name: name.into(),
        kind: SourceKind::File,
        bytes: text.into(),
    }
}

#[test]
fn values_are_told_with_where_they_came_from() {
    let first = file(
        "a",
        "hostname: one\nk3os: {token: geheim, k3s_args: [x, y]}\n",
    );
    let second = file(
        "b",
        "hostname: two\nk3os:\n  labels: {c: d}\n  wifi: [{name: w, passphrase: geheim123}]\n",
    );
    let loaded = load(&[first, second]);
    assert_eq!(
        text(&loaded, "hostname", Secrets::Hidden),
        "hostname: \"two\"\n    from b:1:11\n    in place of a:1:11\n"
    );
    assert_eq!(
        text(&loaded, "k3os.token", Secrets::Hidden),
        "k3os.token: (hidden)\n    from a:2:15\n"
    );
    assert_eq!(
        text(&loaded, "k3os.labels", Secrets::Hidden),
        "k3os.labels[c]: \"d\"\n    from b:3:12\n"
    );
    let all = text(&loaded, "", Secrets::Hidden);
    assert!(
        all.contains("k3os.k3s_args[1]: \"y\"") && all.contains("k3os.wifi[0].name: \"w\""),
        "{all}"
    );
    assert!(!all.contains("geheim"), "{all}");
    let asked = text(&loaded, "k3os.token", Secrets::Shown);
    assert!(asked.starts_with("k3os.token: \"geheim\"\n"), "{asked}");
}

#[test]
fn keys_may_be_named_in_any_spelling() {
    let yaml = "k3os: {server_url: 'https://s:1', wifi: [{name: w, passphrase: geheim123}]}\n";
    let loaded = load(&[file("a", yaml)]);
    for key in [
        "k3os.serverUrl",
        "server_url",
        "K3OS.serverurl",
        "k3os.server_url.",
    ] {
        let found = text(&loaded, key, Secrets::Hidden);
        assert!(found.starts_with("k3os.server_url: "), "{key}: {found}");
    }
    let pass = text(&loaded, "wifi[0].pass", Secrets::Hidden);
    assert!(
        pass.starts_with("k3os.wifi[0].passphrase: (hidden)\n"),
        "{pass}"
    );
    assert_eq!(text(&loaded, "nothing", Secrets::Hidden), "");
}

#[test]
fn a_replaced_list_is_told_once() {
    let first = file("a", "run_cmd: [x]\nssh_authorized_keys: [ssh-rsa A]\n");
    let second = file("b", "run_cmd: [y, z]\nssh_authorized_keys: [ssh-rsa B]\n");
    let all = text(&load(&[first, second]), "", Secrets::Hidden);
    let commands = "run_cmd[0]: \"y\"\n    from b:1:11\n    the whole of run_cmd in place of a:1:10\nrun_cmd[1]";
    assert!(all.contains(commands), "{all}");
    assert!(!all.contains("of ssh_authorized_keys"), "{all}");
}

#[test]
fn secrets_in_arguments_variables_and_urls_are_hidden() {
    let yaml = "k3os:\n  k3s_args: [server, --token, geheim, --agent-token=geheim, '--datastore-endpoint=mysql://u:geheim@h/d']\n  \
                environment: {https_proxy: 'http://me:geheim@proxy:1', API_TOKEN: geheim, DB_PASS: geheim}\n\
                run_cmd: [k3s --token geheim agent]\n";
    let loaded = load(&[file("a", yaml)]);
    let all = text(&loaded, "", Secrets::Hidden);
    assert!(!all.contains("geheim"), "{all}");
    for line in [
        "k3os.k3s_args[3]: \"--agent-token=(hidden)\"",
        "k3os.k3s_args[4]: \"--datastore-endpoint=mysql://(hidden)@h/d\"",
        "run_cmd[0]: \"k3s --token (hidden) agent\"",
        "k3os.environment[https_proxy]: \"http://(hidden)@proxy:1\"",
    ] {
        assert!(all.contains(line), "{line} is not in {all}");
    }
    assert_eq!(
        text(&loaded, "", Secrets::Shown).matches("geheim").count(),
        7
    );
}

/// A file that is later than the one that sets a value may take it away; nobody should have to guess which one did.
#[test]
fn what_a_source_cleared_is_told() {
    let first = file(
        "a",
        "hostname: one\nrun_cmd: [x]\nk3os: {token: geheim, labels: {c: d}, install: {silent: yes}}\n",
    );
    let second = file(
        "b",
        "hostname:\nrun_cmd: []\nk3os:\n  token: ''\n  labels:\n",
    );
    let third = file(
        "c",
        "k3os: {labels: {}, install: {silent: no}, server_url: ''}\n",
    );
    let loaded = load(&[first, second, third]);
    for (key, told) in [
        (
            "hostname",
            "hostname: (cleared)\n    by b:1:9\n    in place of a:1:11\n",
        ),
        (
            "run_cmd",
            "run_cmd: (cleared)\n    by b:2:10\n    in place of a:2:10\n",
        ),
        (
            "token",
            "k3os.token: (cleared)\n    by b:4:10\n    in place of a:3:15\n",
        ),
        (
            "labels",
            "k3os.labels: (cleared)\n    by c:1:16\n    in place of b:5:9\n    in place of a:3:31\n",
        ),
        (
            "k3os.install",
            "k3os.install.silent: false\n    from c:1:38\n    in place of a:3:57\n",
        ),
        ("server_url", "k3os.server_url: (empty)\n    from c:1:55\n"),
        ("k3os.wifi", ""),
    ] {
        assert_eq!(text(&loaded, key, Secrets::Hidden), told, "{key}");
    }
}

#[test]
fn a_key_that_does_not_exist_is_told_from_one_that_is_not_set() {
    for key in [
        "hostname",
        "k3os",
        "labels.a/b",
        "k3os.wifi[0].pass",
        "write_files",
        "",
    ] {
        assert_eq!(no_such_key(key), None, "{key}");
    }
    for (key, near) in [
        ("hostnam", Some("hostname")),
        ("k3os.tokn", Some("k3os.token")),
        ("tokn", Some("k3os.token")),
        ("wifi[0].nam", Some("k3os.wifi[0].name")),
        ("zzz", None),
    ] {
        let expected = match near {
            Some(near) => format!("{key}: there is no such key (did you mean {near}?)"),
            None => format!("{key}: there is no such key"),
        };
        assert_eq!(no_such_key(key), Some(expected));
    }
    let loaded = load(&[file("a", "k3os: {labels: {a/b: c}}")]);
    let told = text(&loaded, "labels.a/b", Secrets::Hidden);
    assert_eq!(told, "k3os.labels[a/b]: \"c\"\n    from a:1:17\n");
}
