use super::super::load;
use super::*;
use crate::Loaded;

fn userdata(text: &str) -> Source {
    Source {
        name: "/run/config/userdata".into(),
        kind: SourceKind::Userdata,
        bytes: text.as_bytes().to_vec(),
    }
}

fn told(loaded: &Loaded) -> Vec<String> {
    loaded.problems.iter().map(ToString::to_string).collect()
}

/// As terraform's `cloudinit_config` writes it: heads with CR LF, bodies as they are.
const TERRAFORM: &str = "Content-Type: multipart/mixed; boundary=\"MIMEBOUNDARY\"\nMIME-Version: 1.0\r\n\r\n\
    --MIMEBOUNDARY\r\nContent-Disposition: attachment; filename=\"base.yaml\"\r\nContent-Transfer-Encoding: 7bit\r\n\
    Content-Type: text/cloud-config\r\nMime-Version: 1.0\r\n\r\n#cloud-config\nhostname: node\nrun_cmd:\n- echo one\n\
    k3os:\n  tokn: x\n  labels: {a: b}\n\r\n\
    --MIMEBOUNDARY\r\nContent-Disposition: attachment; filename=\"setup.sh\"\r\nContent-Transfer-Encoding: 7bit\r\n\
    Content-Type: text/x-shellscript\r\nMime-Version: 1.0\r\n\r\n#!/bin/sh\necho two\n\r\n\
    --MIMEBOUNDARY\r\nContent-Transfer-Encoding: 7bit\r\nContent-Type: text/plain\r\nMime-Version: 1.0\r\n\r\n\
    #cloud-config\nssh_authorized_keys: [ssh-rsa two]\nrun_cmd: [echo three]\nk3os: {labels: {c: d}}\n\r\n--MIMEBOUNDARY--\r\n";

#[test]
fn the_parts_of_terraform_add_up_in_their_order() {
    let earlier = Source {
        name: "config.yaml".into(),
        kind: SourceKind::File,
        bytes: b"ssh_authorized_keys: [ssh-rsa one]\nrun_cmd: [gone]\nk3os: {labels: {gone: x}}\n"
            .to_vec(),
    };
    let loaded = load(&[earlier, userdata(TERRAFORM)]);
    let config = &loaded.config;
    assert_eq!(config.hostname, "node");
    assert_eq!(config.ssh_authorized_keys.0, ["ssh-rsa one", "ssh-rsa two"]);
    assert_eq!(
        config.run_cmd,
        ["echo one", "/run/k3os/userdata-2", "echo three"]
    );
    let labels: Vec<_> = config.k3os.labels.keys().collect();
    assert_eq!(labels, ["a", "c"]);
    let script = &config.write_files[0];
    assert_eq!(
        (script.path.as_str(), script.permissions.as_str()),
        ("/run/k3os/userdata-2", "0700")
    );
    assert_eq!(script.content.0, b"IyEvYmluL3NoCmVjaG8gdHdvCg==");
    assert_eq!(
        told(&loaded),
        [
            "/run/config/userdata, part 1 (base.yaml):6:3: error: k3os.tokn: there is no such key (did you mean token?)"
        ]
    );
    let origin = loaded.origins.of("run_cmd[2]").expect("an origin");
    assert_eq!(origin.to_string(), "/run/config/userdata, part 3:3:11");
}

/// As cloud-init's `make-mime` writes it: base64, and a message in a message.
#[test]
fn packed_and_nested_parts_are_read() {
    let text = "MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=outer\n\npreamble\n--outer\n\
        Content-Type: text/cloud-config; charset=\"utf-8\"\nContent-Transfer-Encoding: base64\n\n\
        I2Nsb3VkLWNvbmZpZwpob3N0bmFt\nZTogYQo=\n--outer\nContent-Type: MULTIPART/mixed; boundary=\"in ner\"\n\n\
        --in ner\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n--in ner--\n--outer--\nepilogue\n";
    let loaded = load(&[userdata(text)]);
    assert_eq!(told(&loaded), [""; 0]);
    assert_eq!(loaded.config.hostname, "a");
    assert_eq!(loaded.config.run_cmd, ["/run/k3os/userdata-2"]);
}

#[test]
fn a_part_that_does_not_apply_is_named_and_the_others_apply() {
    let text = "Content-Type: multipart/mixed; boundary=B\n\n\
        --B\nContent-Type: text/jinja2\n\nx\n--B\nContent-Transfer-Encoding: base64\n\n!\n\
        --B\nContent-Transfer-Encoding: quoted-printable\n\nx\n--B\n\nhello\n--B\nContent-Type: multipart/mixed\n\nx\n\
        --B\nContent-Type: text/cloud-config\n\nhostname: h\n--B\nContent-Type: text/cloud-config\n\nrun_cmd: [a]\n";
    let loaded = load(&[userdata(text)]);
    assert_eq!(
        (loaded.config.hostname.as_str(), loaded.config.run_cmd.len()),
        ("h", 0)
    );
    let hint = " (the other parts apply; a part is text/cloud-config or text/x-shellscript, as it is or in base64)";
    let begin = "/run/config/userdata:";
    assert_eq!(
        told(&loaded),
        [
            format!(
                "{begin}4:1: error: part 1 is of the type text/jinja2, which is not supported{hint}"
            ),
            format!(
                "{begin}8:1: error: part 2 is not the base64 that it says: Invalid symbol 33, offset 0.{hint}"
            ),
            format!(
                "{begin}12:1: error: part 3 is encoded as \"quoted-printable\", which is not supported{hint}"
            ),
            format!("{begin}16:1: error: part 4 begins with neither #cloud-config nor #!{hint}"),
            format!("{begin}21:1: error: part 5 has no boundary in its Content-Type{hint}"),
            format!("{begin}27:1: error: part 7 is cut off: no boundary ends it{hint}"),
        ]
    );
}

#[test]
fn what_is_no_message_is_read_as_before() {
    for text in [
        "hostname: a\n",
        "#cloud-config\nhostname: a\n",
        "hostname: a\n\nrun_cmd: []\n",
    ] {
        assert_eq!(load(&[userdata(text)]).config.hostname, "a", "{text}");
    }
    assert!(split(&userdata("Content-Type: text/plain\n\nx")).is_none());
    assert!(
        split(&userdata(
            "#!/bin/sh\nContent-Type: multipart/mixed; boundary=B\n\n--B"
        ))
        .is_none()
    );
}

#[test]
fn a_file_that_is_a_message_is_told_what_it_is() {
    let file = Source {
        name: "f".into(),
        kind: SourceKind::File,
        ..userdata(TERRAFORM)
    };
    assert_eq!(
        told(&load(&[file])),
        [
            "f:1:1: error: is a MIME message of several parts, which only userdata may be (`k3os config validate --userdata` reads it as that)"
        ]
    );
}

#[test]
fn parts_without_end_are_bounded() {
    let many = "--B\n\n#!x\n".repeat(200);
    let text = format!("Content-Type: multipart/mixed; boundary=B\n\n{many}--B--\n");
    let loaded = load(&[userdata(&text)]);
    assert_eq!(loaded.config.run_cmd.len(), 100);
    assert_eq!(loaded.problems.len(), 1);
    let level = |n| format!("Content-Type: multipart/mixed; boundary=B{n}\n\n--B{n}\n");
    let deep: String = (0..1000).map(level).collect();
    assert_eq!(load(&[userdata(&deep)]).problems.len(), 1);
}
