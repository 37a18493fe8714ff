//! What users of k3OS bring along: the examples of its README, and every shape that its parser took. Each is either read
//! without a word, or the difference is told.

use config::{Config, Source, SourceKind, load};

/// Reads one file; gives the configuration and what is said about it.
fn read(text: &str) -> (Config, Vec<String>) {
    let loaded = load(&[Source {
        name: "f".into(),
        kind: SourceKind::File,
        bytes: text.into(),
    }]);
    let told = loaded.problems.iter().map(ToString::to_string).collect();
    (loaded.config, told)
}

/// The sample and the examples of k3OS's README.
const README: [&str; 8] = [
    "ssh_authorized_keys:\n- ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB...\n- github:ibuildthecloud\n\
     write_files:\n- encoding: \"\"\n  content: |-\n    #!/bin/bash\n    echo hello, local service start\n  owner: root\n  \
     path: /etc/local.d/example.start\n  permissions: '0755'\n\
     hostname: myhost\ninit_cmd:\n- \"echo hello, init command\"\nboot_cmd:\n- \"echo hello, boot command\"\n\
     run_cmd:\n- \"echo hello, run command\"\n\
     \nk3os:\n  data_sources:\n  - aws\n  - cdrom\n  modules:\n  - kvm\n  - nvme\n  \
     sysctl:\n    kernel.printk: \"4 4 1 7\"\n    kernel.kptr_restrict: \"1\"\n  \
     dns_nameservers:\n  - 8.8.8.8\n  - 1.1.1.1\n  ntp_servers:\n  - 0.us.pool.ntp.org\n  - 1.us.pool.ntp.org\n  \
     wifi:\n  - name: home\n    passphrase: mypassword\n  - name: nothome\n    passphrase: somethingelse\n  \
     password: rancher\n  server_url: https://someserver:6443\n  token: TOKEN_VALUE\n  \
     labels:\n    region: us-west-1\n    somekey: somevalue\n  k3s_args:\n  - server\n  - \"--cluster-init\"\n  \
     environment:\n    http_proxy: http://myserver\n    https_proxy: http://myserver\n  \
     taints:\n  - key1=value1:NoSchedule\n  - key1=value1:NoExecute\n",
    "write_files:\n- encoding: b64\n  content: CiMgVGhpcyBmaWxlIGNvbnRyb2xzIHRoZSBzdGF0ZSBvZiBTRUxpbnV4\n  \
     owner: root:root\n  path: /etc/connman/main.conf\n  permissions: '0644'\n\
     - content: |\n    # My new /etc/sysconfig/samba file\n\n    SMDBOPTIONS=\"-D\"\n  path: /etc/sysconfig/samba\n\
     - content: !!binary |\n    f0VMRgIBAQAAAAAAAAAAAAIAPgABAAAAwARAAAAAAABAAAAAAAAAAJAVAAAA\n    \
     AEAAHgAdAAYAAAAFAAAAQAAA\n  path: /bin/arch\n  permissions: '0555'\n\
     - content: |\n    15 * * * * root ship_logs\n  path: /etc/crontab\n",
    "hostname: myhostname\n",
    "k3os:\n  data_sources:\n  - openstack\n  - cdrom\n",
    "k3os:\n  modules:\n  - kvm\n  - nvme\n",
    "k3os:\n  sysctl:\n    kernel.printk: 4 4 1 7      # the YAML parser will read as a string\n    \
     kernel.kptr_restrict: \"1\"   # force the YAML parser to read as a string\n",
    "k3os:\n  ntp_servers:\n  - 0.us.pool.ntp.org\n  - 1.us.pool.ntp.org\n",
    "k3os:\n  dns_nameservers:\n  - 8.8.8.8\n  - 1.1.1.1\n",
];

#[test]
fn the_examples_of_the_readme_are_read_without_a_word() {
    for text in README {
        let (config, told) = read(text);
        assert_eq!(told, [""; 0], "{text}");
        assert_ne!(config, Config::default(), "{text}");
    }
}

/// Each shape beside the form that it must equal.
const SHAPES: [(&str, &str); 10] = [
    ("k3os: {datasource: cdrom}", "k3os: {data_sources: [cdrom]}"),
    ("K3OS: {TOKEN: a}", "k3os: {token: a}"),
    ("runcmd: echo", "run_cmd: [echo]"),
    ("k3os: {label: {a: b}}", "k3os: {labels: {a: b}}"),
    (
        "write_files: [{path: /a, permission: 0600}]",
        "write_files: [{path: /a, permissions: 0600}]",
    ),
    (
        "k3os: {install: {poweroff: yes, noformat: 'true'}}",
        "k3os: {install: {power_off: true, no_format: true}}",
    ),
    (
        "k3os: {wifi: {name: n, pass: geheim12}}",
        "k3os: {wifi: [{name: n, passphrase: geheim12}]}",
    ),
    (
        "k3os: {sysctls: {a: 1048576, b: ~, c: ' x ', d: true}}",
        "k3os: {sysctls: {a: '1048576', b: '', c: x, d: 'true'}}",
    ),
    (
        "k3os: {token: 012345, labels: {yes: no, 1: 2}}",
        "k3os: {token: '012345', labels: {'yes': 'no', '1': '2'}}",
    ),
    (
        "{\"writeFiles\": [{\"path\": \"/a\"}], \"runCmd\": [\"a\"]}",
        "write_file: {path: /a}\nrun_cmd: a",
    ),
];

#[test]
fn every_shape_that_k3os_took_is_read_as_meant() {
    for (shape, form) in SHAPES {
        assert_eq!(read(shape), (read(form).0, Vec::new()), "{shape}");
    }
}

/// What differs from k3OS, and how it is told.
const DIFFERENCES: [(&str, &str); 8] = [
    (
        "k3os: {modul: [a]}",
        "f:1:8: error: k3os.modul: there is no such key (did you mean modules?)",
    ),
    (
        "hostnam: a",
        "f:1:1: error: hostnam: there is no such key (did you mean hostname?)",
    ),
    (
        "k3os:",
        "f:1:5: warning: k3os: is empty; nothing is changed by it",
    ),
    (
        "hostname: a\nhostname: b",
        "f:2:1: warning: hostname: is given twice here; the later one counts",
    ),
    (
        "k3os: {install: {silent: maybe}}",
        "f:1:26: error: k3os.install.silent: expected true or false",
    ),
    (
        "k3os: {sysctls: {a: {b: c}}}",
        "f:1:21: error: k3os.sysctls[a]: expected text, found a map (write a.NAME: VALUE on one line)",
    ),
    (
        "k3os: {sysctls: {a: [b]}}",
        "f:1:21: error: k3os.sysctls[a]: expected text, found a list",
    ),
    (
        "k3os: {data_sources: [azur]}",
        "f:1:23: error: k3os.data_sources[0]: \"azur\" is not a data source: aws, cdrom, digitalocean, gcp, hetzner, openstack, packet, scaleway, vultr or file=/PATH",
    ),
];

#[test]
fn what_differs_from_k3os_is_told() {
    for (text, difference) in DIFFERENCES {
        assert_eq!(read(text).1, [difference], "{text}");
    }
}
