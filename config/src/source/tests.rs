use super::*;

fn file(name: &str, text: &str) -> Source {
    Source {
        name: name.into(),
        kind: SourceKind::File,
        bytes: text.as_bytes().to_vec(),
    }
}

fn cmdline(text: &str) -> Source {
    Source {
        name: "cmdline".into(),
        kind: SourceKind::Cmdline,
        bytes: text.as_bytes().to_vec(),
    }
}

/// Reads one file that must be without problems.
fn clean(text: &str) -> Config {
    let loaded = load(&[file("config.yaml", text)]);
    assert_eq!(loaded.problems, []);
    loaded.config
}

fn messages(loaded: &Loaded) -> Vec<String> {
    loaded.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn scalars_keep_their_spelling_where_text_is_meant() {
    let config = clean(
        "write_files:\n- {path: /a, permissions: 0644}\nk3os:\n  token: 012345\n  sysctl: {fs.aio-max-nr: 1048576}\n  \
         labels: {zone: yes, rack: 2.0}\n  password: 123456\n",
    );
    assert_eq!(config.write_files[0].permissions, "0644");
    assert_eq!(config.k3os.token.reveal(), "012345");
    assert_eq!(config.k3os.password.reveal(), "123456");
    assert_eq!(config.k3os.sysctls["fs.aio-max-nr"], "1048576");
    assert_eq!(
        (
            config.k3os.labels["zone"].as_str(),
            config.k3os.labels["rack"].as_str()
        ),
        ("yes", "2.0")
    );
}

#[test]
fn yaml_1_1_words_are_booleans_where_one_is_meant() {
    let config =
        clean("k3os: {install: {silent: yes, power_off: on, force_efi: \"true\", no_format: off}}");
    let install = config.k3os.install;
    assert_eq!(
        (
            install.silent,
            install.power_off,
            install.force_efi,
            install.no_format
        ),
        (true, true, true, false)
    );
}

#[test]
fn a_lone_value_is_a_list_of_one() {
    let config = clean("run_cmd: echo\nk3os: {datasource: cdrom, ntp_servers: 1.2.3.4}");
    assert_eq!(
        (config.run_cmd, config.k3os.data_sources),
        (vec!["echo".into()], vec!["cdrom".into()])
    );
}

#[test]
fn ssh_keys_of_all_sources_add_up_once_each() {
    let first = file("a", "ssh_authorized_keys: [ssh-rsa one, ssh-rsa two]");
    let metadata = Source {
        kind: SourceKind::AuthorizedKeys,
        ..file("keys", "\n ssh-rsa two \nssh-rsa three\n")
    };
    let loaded = load(&[first, metadata]);
    assert_eq!(
        loaded.config.ssh_authorized_keys.0,
        ["ssh-rsa one", "ssh-rsa two", "ssh-rsa three"]
    );
    let origin = loaded
        .origins
        .of("ssh_authorized_keys[2]")
        .expect("an origin");
    assert_eq!(origin.to_string(), "keys:3:1");
}

#[test]
fn lists_and_maps_are_replaced_and_sections_merge() {
    let first =
        "run_cmd: [a, b]\nk3os: {token: t, labels: {a: b, c: d}, install: {device: /dev/vda}}";
    let second = "run_cmd: [c]\nk3os: {labels: {e: f}, install: {silent: true}}";
    let config = load(&[file("1", first), file("2", second)]).config;
    assert_eq!(config.run_cmd, ["c"]);
    assert_eq!(
        config.k3os.labels.into_iter().collect::<Vec<_>>(),
        [("e".into(), "f".into())]
    );
    assert_eq!(config.k3os.token.reveal(), "t");
    assert_eq!(
        (
            config.k3os.install.device.as_str(),
            config.k3os.install.silent
        ),
        ("/dev/vda", true)
    );
}

#[test]
fn a_null_key_clears_but_a_null_section_does_not() {
    let first = file("1", "hostname: a\nrun_cmd: [x]\nk3os: {token: t}");
    let loaded = load(&[first, file("2", "hostname:\nrun_cmd:\nk3os:\n")]);
    assert_eq!(
        (loaded.config.hostname.as_str(), loaded.config.run_cmd.len()),
        ("", 0)
    );
    assert_eq!(loaded.config.k3os.token.reveal(), "t");
    assert_eq!(
        messages(&loaded),
        ["2:3:5: warning: k3os: is empty; nothing is changed by it"]
    );
}

#[test]
fn one_bad_source_disables_no_other() {
    let good = file("good", "ssh_authorized_keys: [ssh-rsa one]\nhostname: a");
    let loaded = load(&[
        good,
        file("bad", "hostname: [unclosed\n  x: :\n"),
        file("later", "run_cmd: [x]"),
    ]);
    assert_eq!(
        (loaded.config.hostname.as_str(), loaded.config.run_cmd.len()),
        ("a", 1)
    );
    assert_eq!(loaded.problems.len(), 1);
    assert!(
        loaded.problems[0].place.is_some_and(|p| p.line >= 1) && loaded.problems[0].source == "bad"
    );
}

#[test]
fn one_bad_value_disables_no_other_and_keeps_the_earlier_one() {
    let text = "hostname: bad_name\nssh_authorized_keys:\n- ssh-rsa one\n- {a: b}\n- ssh-rsa two\nk3os:\n  labels: {a b: c, d: e}\n";
    let loaded = load(&[file("1", "hostname: good"), file("2", text)]);
    assert_eq!(loaded.config.hostname, "good");
    assert_eq!(
        loaded.config.ssh_authorized_keys.0,
        ["ssh-rsa one", "ssh-rsa two"]
    );
    assert_eq!(loaded.config.k3os.labels.len(), 1);
    let places: Vec<_> = loaded
        .problems
        .iter()
        .map(|p| (p.key.as_str(), p.place.map(|p| p.line)))
        .collect();
    assert_eq!(
        places,
        [
            ("hostname", Some(1)),
            ("ssh_authorized_keys[1]", Some(4)),
            ("k3os.labels[a b]", Some(7))
        ]
    );
}

#[test]
fn unknown_keys_are_named_with_what_may_be_meant() {
    let loaded = load(&[file(
        "f",
        "hostnam: a\nk3os:\n  hostname: b\n  tokn: c\ntoken: d\n",
    )]);
    assert_eq!(
        messages(&loaded),
        [
            "f:1:1: error: hostnam: there is no such key (did you mean hostname?)",
            "f:3:3: error: k3os.hostname: there is no such key (hostname belongs at the top level, not indented below k3os)",
            "f:4:3: error: k3os.tokn: there is no such key (did you mean token?)",
            "f:5:1: error: token: there is no such key (token belongs below k3os:, indented)",
        ]
    );
}

#[test]
fn a_key_given_twice_counts_once_in_any_spelling() {
    let loaded = load(&[file("f", "k3os:\n  label: {a: b}\n  labels: {c: d}\n")]);
    assert!(loaded.config.k3os.labels.contains_key("c") && loaded.config.k3os.labels.len() == 1);
    assert_eq!(
        messages(&loaded),
        ["f:3:3: warning: k3os.labels: is given twice here; the later one counts"]
    );
}

#[test]
fn problems_never_show_secrets() {
    let loaded = load(&[file(
        "f",
        "k3os: {password: $geheim, wifi: [{name: a, pass: kurz}], token: \"a\\nb\"}",
    )]);
    assert_eq!(loaded.problems.len(), 3);
    let all = messages(&loaded).join("\n") + &format!("{:?}", loaded.config);
    assert!(!all.contains("geheim") && !all.contains("kurz"), "{all}");
}

#[test]
fn the_cmdline_gives_every_kind_of_value() {
    let loaded = load(&[cmdline(
        "BOOT_IMAGE=/vmlinuz quiet k3os.mode=live hostname=a k3os.token=t k3os.dns_nameserver=1.1.1.1 \
         k3os.dns_nameserver=8.8.8.8 k3os.sysctl[kernel.printk]=\"4 4 1 7\" k3os.labels[a/b.c]=d k3os.label.x.y=z \
         k3os.install.efi k3os.install.poweroff=true write_files[1].path=/b write_files[0].path=/a \
         k3os.wifi[0].name=home k3os.wifi[0].pass=geheim12 run_cmd=\"echo a b\"",
    )]);
    assert_eq!(messages(&loaded), Vec::<String>::new());
    let Config {
        hostname,
        k3os,
        write_files,
        run_cmd,
        ..
    } = loaded.config;
    assert_eq!((hostname.as_str(), k3os.token.reveal()), ("a", "t"));
    assert_eq!(k3os.dns_nameservers, ["1.1.1.1", "8.8.8.8"]);
    assert_eq!(k3os.sysctls["kernel.printk"], "4 4 1 7");
    assert_eq!(
        (k3os.labels["a/b.c"].as_str(), k3os.labels["x.y"].as_str()),
        ("d", "z")
    );
    assert!(k3os.install.force_efi && k3os.install.power_off);
    assert_eq!(
        (write_files[0].path.as_str(), write_files[1].path.as_str()),
        ("/a", "/b")
    );
    assert_eq!(
        (k3os.wifi[0].name.as_str(), k3os.wifi[0].passphrase.reveal()),
        ("home", "geheim12")
    );
    assert_eq!(run_cmd, ["echo a b"]);
}

#[test]
fn the_cmdline_takes_top_level_keys_below_k3os_too() {
    let config = load(&[cmdline(
        "k3os.hostname=b k3os.ssh_authorized_keys=github:me",
    )])
    .config;
    assert_eq!(
        (config.hostname.as_str(), config.ssh_authorized_keys.0),
        ("b", vec!["github:me".to_owned()])
    );
}

#[test]
fn cmdline_words_that_fit_nothing_are_reported_and_skipped() {
    let loaded = load(&[cmdline(
        "k3os.tokn=a k3os k3os.install k3os.wifi=x hostname k3os.token=1 k3os.token=2 foo.bar=1",
    )]);
    assert_eq!(loaded.config.k3os.token.reveal(), "2");
    let keys: Vec<_> = loaded.problems.iter().map(|p| p.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "k3os.tokn",
            "k3os",
            "k3os.install",
            "k3os.wifi",
            "hostname",
            "k3os.token"
        ]
    );
}

#[test]
fn a_userdata_script_is_written_and_run() {
    let script = Source {
        kind: SourceKind::Userdata,
        ..file("userdata", "#!/bin/sh\necho\n")
    };
    let config = load(&[script]).config;
    assert_eq!(
        (
            config.run_cmd[0].as_str(),
            config.write_files[0].path.as_str()
        ),
        ("/run/k3os/userdata", "/run/k3os/userdata")
    );
    assert_eq!(
        STANDARD
            .decode(&config.write_files[0].content.0)
            .expect("base64"),
        b"#!/bin/sh\necho\n"
    );
}

#[test]
fn plain_text_as_userdata_is_refused() {
    let text = Source {
        kind: SourceKind::Userdata,
        ..file("userdata", "hello\nworld\n")
    };
    assert_eq!(load(&[text]).problems.len(), 1);
}

#[test]
fn binary_content_keeps_its_bytes() {
    let config = clean("write_files:\n- path: /a\n  content: !!binary |\n    AP+A\n    /w==\n");
    assert_eq!(
        (
            config.write_files[0].encoding.as_str(),
            config.write_files[0].content.0.as_slice()
        ),
        ("b64", &b"AP+A/w=="[..])
    );
    let text = clean("write_files:\n- path: /a\n  content: !!binary aGFsbG8=\n");
    assert_eq!(
        (
            text.write_files[0].encoding.as_str(),
            text.write_files[0].content.0.as_slice()
        ),
        ("", &b"hallo"[..])
    );
}

#[test]
fn damaged_files_are_reported() {
    let nul = load(&[Source {
        bytes: b"hostname: a\0b\nrun_cmd: [x]\n".to_vec(),
        ..file("f", "")
    }]);
    assert_eq!(nul.config.run_cmd, ["x"]);
    assert!(
        nul.problems.iter().any(|p| p.place
            == Some(Place {
                line: 1,
                column: 12
            })),
        "{:?}",
        nul.problems
    );
    let huge = load(&[Source {
        bytes: vec![b' '; yaml::MAX_BYTES + 1],
        ..file("f", "")
    }]);
    assert_eq!(huge.problems.len(), 1);
    let zeros = load(&[Source {
        bytes: vec![0; 4096],
        ..file("f", "")
    }]);
    assert_eq!(zeros.config, Config::default());
}

#[test]
fn a_file_or_network_with_a_bad_value_is_left_out_as_a_whole() {
    let text = "write_files:\n- {path: /a, permissions: 999, content: secret}\n- {path: /b, encoding: zip, content: x}\n\
                - {path: /c, content: [x]}\n- {path: /d, content: x, defer: true}\n\
                k3os: {wifi: [{name: a, passphrase: {x: y}}, {name: b}]}\n";
    let loaded = load(&[file("f", text)]);
    let paths: Vec<_> = loaded
        .config
        .write_files
        .iter()
        .map(|f| f.path.as_str())
        .collect();
    assert_eq!(paths, ["/d"]);
    assert_eq!(loaded.config.k3os.wifi.len(), 1);
    assert_eq!(
        messages(&loaded)[..2],
        [
            "f:2:27: error: write_files[0].permissions: \"999\" is not a mode in octal, e.g. 0644",
            "f:2:3: error: write_files[0]: is left out, because a value in it does not fit",
        ]
    );
    let origin = loaded.origins.of("write_files[0].path").expect("an origin");
    assert_eq!(origin.place.line, 5);
}

#[test]
fn a_slip_in_one_key_does_not_cost_the_ssh_keys_of_the_same_file() {
    let text =
        "ssh_authorized_keys:\n- ssh-rsa one\nk3os:\n  token: a\n   labels: x\nhostname: h\n";
    let loaded = load(&[file("f", text)]);
    assert_eq!(loaded.config.ssh_authorized_keys.0, ["ssh-rsa one"]);
    assert_eq!(loaded.config.hostname, "h");
    assert_eq!(loaded.problems.len(), 1);
    let message = loaded.problems[0].to_string();
    assert!(
        message.starts_with("f:5:")
            && message.ends_with("(this key does not apply; the others of this source do)"),
        "{message}"
    );
}

/// Each of these took a hundred times as long as parsing when its time grew with the square of its length.
#[test]
fn long_lists_and_maps_take_no_long_time() {
    let keys: String = (0..10_000)
        .map(|n| format!("- ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{n:08} me\n"))
        .collect();
    let files: String = (0..4_000)
        .map(|n| format!("- {{path: /a{n}, phase: [boot]}}\n"))
        .collect();
    let labels: Vec<_> = (0..10_000).map(|n| format!("k{n}: v")).collect();
    let labels = labels.join(", ");
    let texts = [
        format!("ssh_authorized_keys:\n{keys}"),
        format!("write_files:\n{files}"),
        format!("x: &m {{{labels}}}\nk3os: {{labels: {{<<: *m}}}}"),
    ];
    let begin = std::time::Instant::now();
    texts.iter().for_each(|text| drop(yaml::parse(text)));
    let parsing = begin.elapsed();
    let loaded = load(&texts.each_ref().map(|text| file("f", text)));
    let loading = begin.elapsed() - parsing;
    assert_eq!(loaded.config.ssh_authorized_keys.0.len(), 10_000);
    assert_eq!(loaded.config.write_files.len(), 4_000);
    assert_eq!(loaded.config.k3os.labels.len(), 10_000);
    assert!(loading < parsing * 15, "{loading:?} after {parsing:?}");
}

#[test]
fn a_flood_of_problems_and_a_huge_value_are_told_shortly() {
    let unknown: String = (0..1000).map(|n| format!("k{n}: 1\n")).collect();
    let long = format!("hostname: {}\n", "a".repeat(1 << 20));
    let loaded = load(&[file("f", &unknown), file("g", &long)]);
    let told = messages(&loaded);
    assert_eq!(told.len(), 202);
    assert_eq!(told[200], "f: error: 800 more problems are not shown");
    assert!(told[201].starts_with("g:1:11: error: hostname: \"aaa") && told[201].len() < 500);
}

#[test]
fn the_cmdline_takes_names_in_any_case() {
    let loaded = load(&[cmdline("K3OS.TOKEN=t HOSTNAME=h")]);
    assert_eq!(messages(&loaded), [""; 0]);
    assert_eq!(loaded.config.k3os.token.reveal(), "t");
    assert_eq!(loaded.config.hostname, "h");
}
