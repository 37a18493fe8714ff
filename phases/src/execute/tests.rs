use super::*;
use crate::phase::Phase;
use config::{Source, SourceKind, load};
use system::host::{Action as Done, Recording};

fn host() -> Recording {
    Recording::with_files([
        ("/etc/shadow", "root:*:1::::::\nrancher:*:1::::::\n"),
        (
            "/etc/passwd",
            "root:x:0:0::/root:/bin/sh\nrancher:x:1000:1000::/home/rancher:/bin/sh\n",
        ),
        ("/etc/group", "root:x:0:\nshadow:x:42:\nrancher:x:1000:\n"),
        ("/etc/environment", "PATH=/usr/bin\n"),
        ("/run/k3os/mode", "disk\n"),
    ])
}

fn apply(phase: Phase, yaml: &str, host: &Recording) -> Vec<Outcome> {
    let loaded = load(&[Source {
        name: "f".into(),
        kind: SourceKind::File,
        bytes: yaml.into(),
    }]);
    let steps = crate::plan(phase, &loaded, &crate::Facts::gather(host));
    execute(&steps, host, &mut |_| {})
}

const YAML: &str = "ssh_authorized_keys: [ssh-rsa one]\nhostname: h\nboot_cmd: [echo a]\n\
     write_files: [{path: /var/x, content: hello, owner: rancher:shadow, permissions: 0600}]\n\
     k3os: {password: rancher, token: K10abc, server_url: 'https://s:6443', environment: {A: b c}, modules: [kvm nested=1]}\n";

#[test]
fn everything_arrives_where_it_belongs() {
    let host = host();
    let outcomes = apply(Phase::Boot, YAML, &host);
    assert!(
        outcomes.iter().all(|outcome| outcome.error.is_none()),
        "{outcomes:?}"
    );
    let keys = host
        .text("/etc/ssh/authorized_keys.d/rancher")
        .expect("a key file");
    assert!(keys.ends_with("\nssh-rsa one\n"), "{keys}");
    assert_eq!(host.text("/etc/hostname").as_deref(), Some("h\n"));
    assert_eq!(
        host.text("/run/k3os/k3s.env").as_deref(),
        Some("K3S_TOKEN=K10abc\nK3S_URL=https://s:6443\n")
    );
    let environment = host.text("/etc/environment").expect("an environment");
    assert!(
        environment.starts_with("PATH=/usr/bin\n") && environment.contains("\nA='b c'\n"),
        "{environment}"
    );
    let done = host.actions();
    let file = Done::Write {
        path: "/var/x".into(),
        bytes: b"hello".into(),
        mode: 0o600,
        owner: (Some(1000), Some(42)),
    };
    assert!(
        done.contains(&file) && done.contains(&Done::Module("kvm".into(), "nested=1".into())),
        "{done:?}"
    );
}

#[test]
fn applying_again_writes_nothing() {
    let host = host();
    apply(Phase::Boot, YAML, &host);
    host.forget();
    apply(Phase::Boot, YAML, &host);
    let writes = host
        .actions()
        .into_iter()
        .filter(|done| matches!(done, Done::Write { .. } | Done::Remove(_) | Done::Link(..)));
    assert_eq!(writes.collect::<Vec<_>>(), []);
}

#[test]
fn keys_and_variables_that_are_no_longer_configured_go() {
    let host = host();
    apply(Phase::Boot, YAML, &host);
    apply(Phase::Runtime, "", &host);
    assert_eq!(host.text("/etc/ssh/authorized_keys.d/rancher"), None);
    assert_eq!(host.text("/run/k3os/k3s.env"), None);
    assert_eq!(
        host.text("/etc/environment").as_deref(),
        Some("PATH=/usr/bin\n")
    );
}

#[test]
fn a_failed_step_is_named_and_the_others_go_on() {
    let host = host().refusing("kvm").refusing("/var/x");
    let outcomes = apply(Phase::Boot, YAML, &host);
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.error.is_some())
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        failed,
        [
            "k3os.modules[0] (f:5:105): loading the module kvm: touching kvm: refused by the test",
            "write_files[0] (f:4:15): writing /var/x: touching /var/x: refused by the test",
        ]
    );
    assert!(
        host.actions()
            .iter()
            .any(|done| matches!(done, Done::Run(line) if line.words[2] == "echo a"))
    );
}

#[test]
fn an_unknown_owner_fails_that_file_only() {
    let outcomes = apply(
        Phase::Boot,
        "write_files: [{path: /a, owner: nobody2}, {path: /b}]",
        &host(),
    );
    let failed = outcomes.iter().filter(|outcome| outcome.error.is_some());
    let told: Vec<_> = failed.map(ToString::to_string).collect();
    let expected = "write_files[0] (f:1:15): writing /a: there is no user nobody2";
    assert_eq!(told, [expected]);
}

#[test]
fn commands_see_the_environment_and_every_one_runs() {
    let host = host();
    let outcomes = apply(
        Phase::Boot,
        "boot_cmd: ['false', echo]\nk3os: {environment: {A: b}}",
        &host,
    );
    let error = outcomes
        .iter()
        .find_map(|outcome| outcome.error.clone())
        .expect("an error");
    assert_eq!(
        error,
        "it exited with status 1; its output is in /var/log/k3os/commands.log"
    );
    let ran: Vec<_> = host
        .actions()
        .into_iter()
        .filter_map(|done| {
            if let Done::Run(line) = done {
                Some(line)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(
        (ran.len(), ran[1].environment.get("A").map(String::as_str)),
        (2, Some("b"))
    );
}

#[test]
fn a_file_written_once_is_left_alone() {
    let host = Recording::with_files([("/a", "mine")]);
    apply(
        Phase::Boot,
        "write_files: [{path: /a, content: other, write: once}]",
        &host,
    );
    assert_eq!(host.text("/a").as_deref(), Some("mine"));
}

#[test]
fn kubernetes_restarts_at_runtime_only_when_its_unit_changed() {
    let host = host();
    let restarted = |host: &Recording| {
        host.actions().iter().any(|done| matches!(done, Done::Run(line) if line.words.get(1).is_some_and(|w| w == "restart")))
    };
    apply(Phase::Boot, "", &host);
    assert!(!restarted(&host));
    apply(Phase::Runtime, "", &host);
    assert!(!restarted(&host));
    apply(Phase::Runtime, "k3os: {labels: {a: b}}", &host);
    assert!(restarted(&host));
}

#[test]
fn fetched_keys_are_added_and_kept_for_the_next_boot() {
    let yaml =
        "ssh_authorized_keys: [ssh-rsa one, 'github:me']\nk3os: {environment: {https_proxy: p}}";
    let keys = |host: &Recording| {
        host.text("/etc/ssh/authorized_keys.d/rancher")
            .expect("a key file")
    };
    let host = host().answering("https://github.com/me.keys", "ssh-rsa two\n");
    apply(Phase::Boot, yaml, &host);
    assert!(keys(&host).ends_with("\nssh-rsa one\n"));
    let outcomes = apply(Phase::Runtime, yaml, &host);
    assert!(
        outcomes.iter().all(|outcome| outcome.error.is_none()),
        "{outcomes:?}"
    );
    assert!(keys(&host).ends_with("\nssh-rsa one\nssh-rsa two\n"));
    let fetches = host.actions().into_iter().filter_map(|done| {
        if let Done::Run(line) = done {
            Some(line)
        } else {
            None
        }
    });
    let fetches: Vec<_> = fetches.filter(|line| line.words[0] == "curl").collect();
    assert_eq!(
        (
            fetches.len(),
            fetches[0].environment["https_proxy"].as_str()
        ),
        (1, "p")
    );
    host.remove("/etc/ssh/authorized_keys.d/rancher".as_ref())
        .expect("removing");
    apply(Phase::Boot, yaml, &host);
    assert!(keys(&host).ends_with("\nssh-rsa one\nssh-rsa two\n"));
}

#[test]
fn a_list_that_cannot_be_fetched_keeps_the_last_good_one() {
    let host = Recording::with_files([(
        "/var/lib/rancher/k3os/remote-keys/github%3ame",
        "ssh-rsa two\n",
    )])
    .refusing("https://github.com/me.keys");
    let outcomes = apply(Phase::Runtime, "ssh_authorized_keys: ['github:me']", &host);
    let errors: Vec<_> = outcomes
        .iter()
        .filter(|o| o.key == "ssh_authorized_keys")
        .filter_map(|o| o.error.as_deref())
        .collect();
    assert_eq!(errors.len(), 1, "{outcomes:?}");
    assert!(
        errors[0].ends_with("the last good list stays in force"),
        "{errors:?}"
    );
    assert!(
        host.text("/etc/ssh/authorized_keys.d/rancher")
            .expect("a key file")
            .ends_with("\nssh-rsa two\n")
    );
}

/// The machine runs with what was before until a restart succeeds.
#[test]
fn a_failed_restart_is_tried_again_by_the_next_apply() {
    const UNITS: [&str; 2] = ["k3s.service", "connman.service"];
    let restarted = |host: &Recording, unit: &str| {
        let is_it = |done: &Done| matches!(done, Done::Run(line) if line.words.join(" ").contains("restart") && line.words.last().is_some_and(|last| last == unit));
        host.actions().iter().filter(|done| is_it(done)).count()
    };
    let pending = |host: &Recording, unit: &str| {
        host.text(&format!("/run/k3os/restart-pending/{unit}"))
            .is_some()
    };
    let yaml = "k3os: {token: a, dns_nameservers: [1.1.1.1]}";
    for unit in UNITS {
        let host = host().refusing(unit);
        let failed = apply(Phase::Runtime, yaml, &host);
        assert!(
            failed.iter().any(|outcome| outcome.error.is_some()),
            "{failed:?}"
        );
        assert!(pending(&host, unit), "{unit}");
        let host = host.allowing(unit);
        let before = restarted(&host, unit);
        apply(Phase::Runtime, yaml, &host);
        assert_eq!(restarted(&host, unit), before + 1, "{unit}");
        assert!(!pending(&host, unit), "{unit}");
        apply(Phase::Runtime, yaml, &host);
        assert_eq!(restarted(&host, unit), before + 1, "{unit}");
    }
}

#[test]
fn pods_are_kept_from_the_service_that_has_the_configuration() {
    let ran = |host: &Recording| {
        let nft = |done: Done| match done {
            Done::Run(line) if line.words[0] == "nft" => Some(line.words[1..].join(" ")),
            _ => None,
        };
        host.actions()
            .into_iter()
            .filter_map(nft)
            .collect::<Vec<_>>()
    };
    let host = Recording::with_files([("/run/config/provider", "aws\n")]);
    apply(Phase::Runtime, "", &host);
    assert_eq!(ran(&host), ["-f /run/k3os/metadata.nft"]);
    let rules = host.text("/run/k3os/metadata.nft").expect("rules");
    assert!(
        rules.contains("ip daddr { 169.254.169.254, 169.254.42.42 } reject"),
        "{rules}"
    );
    apply(Phase::Runtime, "k3os: {metadata_for_pods: true}", &host);
    assert_eq!(
        ran(&host).last().map(String::as_str),
        Some("destroy table inet k3os_metadata")
    );
    assert_eq!(host.text("/run/k3os/metadata.nft"), None);
    let cd = Recording::with_files([("/run/config/provider", "cdrom\n")]);
    apply(Phase::Runtime, "", &cd);
    assert!(ran(&cd).is_empty());
}
