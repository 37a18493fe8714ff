use super::*;
use config::{Source, SourceKind, load};

fn loaded(yaml: &str) -> Loaded {
    load(&[Source {
        name: "f".into(),
        kind: SourceKind::File,
        bytes: yaml.into(),
    }])
}

fn facts(mode: &str) -> Facts {
    Facts {
        mode: mode.into(),
        version: "v1".into(),
        ..Facts::default()
    }
}

/// The steps as a person reads them.
fn lines(phase: Phase, yaml: &str, mode: &str) -> Vec<String> {
    plan(phase, &loaded(yaml), &facts(mode))
        .iter()
        .map(ToString::to_string)
        .collect()
}

const ALL: &str = "ssh_authorized_keys: [ssh-rsa one, 'github:me']\nwrite_files: [{path: /x}]\nhostname: h\n\
     run_cmd: [r]\nboot_cmd: [b]\ninit_cmd: [i]\nk3os:\n  modules: [kvm nested=1]\n  sysctls: {kernel.printk: 4}\n\
     \x20 password: p\n  environment: {A: b}\n  wifi: [{name: w}]\n";

#[test]
fn the_initrd_phase_is_login_machine_files_and_commands() {
    assert_eq!(
        lines(Phase::Initrd, ALL, "disk"),
        [
            "k3os.password: setting the password of rancher",
            "k3os.modules[0]: loading the module kvm",
            "k3os.sysctls[kernel.printk]: setting /proc/sys/kernel/printk to \"4\"",
            "hostname: setting the host name h",
            "hostname: writing /etc/hostname",
            "hostname: writing /etc/hosts",
            "write_files[0]: writing /x",
            "k3os.environment: writing our part of /etc/environment",
            "init_cmd[0]: running the command",
        ]
    );
}

#[test]
fn the_boot_phase_adds_keys_network_and_kubernetes() {
    let lines = lines(Phase::Boot, ALL, "disk");
    assert_eq!(
        lines[..2],
        [
            "k3os.password: setting the password of rancher",
            "ssh_authorized_keys: writing /etc/ssh/authorized_keys.d/rancher"
        ]
    );
    assert_eq!(
        lines[7..],
        [
            "k3os.ntp_servers: writing /etc/connman/main.conf",
            "k3os.wifi: writing /var/lib/connman/k3os.config",
            "k3os.wifi: writing /var/lib/connman/settings",
            "k3os.wifi: adding iwd.service to the services",
            "write_files[0]: writing /x",
            "k3os.environment: writing our part of /etc/environment",
            "k3os.k3s_args: writing the service k3s",
            "boot_cmd[0]: running the command",
            "k3os.timezone: setting the time zone UTC where there is none",
        ]
    );
}

#[test]
fn the_console_asks_for_no_password_in_live_mode_only() {
    let first = |phase, mode| lines(phase, "", mode).first().cloned().unwrap_or_default();
    assert_eq!(
        first(Phase::Boot, "live"),
        "k3os.password: removing the password of rancher"
    );
    assert_eq!(
        first(Phase::Boot, "disk"),
        "k3os.password: locking the password of rancher"
    );
    assert_eq!(
        first(Phase::Boot, ""),
        "k3os.password: locking the password of rancher"
    );
    assert!(!first(Phase::Runtime, "disk").contains("password"));
    let configured = plan(
        Phase::Boot,
        &loaded("k3os: {password: $6$a$b}"),
        &facts("live"),
    );
    assert!(matches!(
        configured[0].action,
        Action::Password(crate::step::Password::Hash(_))
    ));
}

#[test]
fn what_is_no_longer_configured_is_removed() {
    let lines = lines(Phase::Boot, "", "disk");
    for line in [
        "ssh_authorized_keys: removing /etc/ssh/authorized_keys.d/rancher",
        "k3os.wifi: removing /var/lib/connman/k3os.config",
        "k3os.environment: writing our part of /etc/environment",
    ] {
        assert!(
            lines.iter().any(|known| known == line),
            "{line} is not in {lines:?}"
        );
    }
}

#[test]
fn a_step_knows_its_key_and_line() {
    let steps = plan(Phase::Boot, &loaded(ALL), &facts("disk"));
    let step = steps
        .iter()
        .find(|step| step.key == "boot_cmd[0]")
        .expect("a step");
    assert_eq!(
        step.origin.as_ref().map(ToString::to_string).as_deref(),
        Some("f:5:12")
    );
}

#[test]
fn files_name_their_phase() {
    let yaml = "write_files: [{path: /i, phase: initrd}, {path: /both, phase: [boot, runtime]}, {path: /all}]";
    let files = |phase| {
        lines(phase, yaml, "disk")
            .into_iter()
            .filter(|line| line.starts_with("write_files"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        files(Phase::Initrd),
        ["write_files[0]: writing /i", "write_files[2]: writing /all"]
    );
    assert_eq!(
        files(Phase::Boot),
        [
            "write_files[1]: writing /both",
            "write_files[2]: writing /all"
        ]
    );
}

#[test]
fn no_kubernetes_while_installing() {
    assert!(
        !lines(Phase::Boot, "", "install")
            .iter()
            .any(|line| line.contains("k3s"))
    );
    assert_eq!(
        lines(Phase::Install, "", "disk"),
        ["k3os.k3s_args: writing the service k3s"]
    );
}

#[test]
fn command_limits_are_the_phase_s_or_the_configured_one() {
    let limit = |yaml: &str, phase| {
        plan(phase, &loaded(yaml), &facts("disk"))
            .into_iter()
            .find_map(|step| match step.action {
                Action::Command(command) => Some(command.limit),
                _ => None,
            })
    };
    use std::time::Duration;
    assert_eq!(
        limit("boot_cmd: [x]", Phase::Boot),
        Some(Some(Duration::from_secs(60)))
    );
    assert_eq!(
        limit("run_cmd: [x]\nk3os: {command_timeout: 5}", Phase::Runtime),
        Some(Some(Duration::from_secs(5)))
    );
    assert_eq!(
        limit("run_cmd: [x]\nk3os: {command_timeout: 0}", Phase::Runtime),
        Some(None)
    );
}

#[test]
fn a_printed_plan_holds_no_secret() {
    let yaml = "run_cmd: [echo geheim]\nwrite_files: [{path: /x, content: geheim}]\nk3os:\n  password: geheim\n  token: geheim\n\
         \x20 wifi: [{name: w, passphrase: geheim12}]\n  environment: {http_proxy: 'http://u:geheim@h'}\n";
    for phase in [Phase::Initrd, Phase::Boot, Phase::Runtime] {
        let mut steps = plan(phase, &loaded(yaml), &facts("disk"));
        assert!(!steps.iter().any(|step| step.to_string().contains("geheim")));
        // The block's lines are the content of a file that everybody may read.
        steps.retain(|step| !matches!(step.action, Action::Block { .. }));
        assert!(!format!("{steps:?}").contains("geheim"), "{steps:?}");
    }
}

/// The reference page names the phases of each key; here is that they are true, and that no key is read by nobody.
#[test]
fn each_key_changes_the_plan_of_its_phases_and_of_no_other() {
    use config::schema::{Kind, Section};
    let inner = config::Config::FIELDS.iter().chain(config::K3os::FIELDS);
    for field in inner.filter(|field| !matches!(field.kind, Kind::Section(_))) {
        assert!(
            !field.phases.is_empty(),
            "{} is applied in no phase",
            field.name
        );
        if ["data_sources", "command_timeout"].contains(&field.name) {
            continue;
        }
        for phase in [Phase::Initrd, Phase::Boot, Phase::Runtime] {
            let facts = Facts {
                has_metadata_service: true,
                ..facts("disk")
            };
            let with = plan(phase, &loaded(field.example), &facts);
            let without = plan(phase, &loaded(""), &facts);
            let actions = |steps: Vec<Step>| {
                steps
                    .into_iter()
                    .map(|step| step.action)
                    .collect::<Vec<_>>()
            };
            let differs = actions(with) != actions(without);
            assert_eq!(
                differs,
                field.phases.contains(&phase.name()),
                "{} in {phase}",
                field.name
            );
        }
    }
}

/// The same for the keys of files and wireless networks: taking one out of its own example changes some plan.
#[test]
fn each_key_of_files_and_networks_is_read() {
    use config::schema::{Section, camel_case};
    let of = |list: &'static str, fields: &'static [config::schema::Field]| {
        fields.iter().map(move |field| (list, field))
    };
    let fields =
        of("/writeFiles/0", config::File::FIELDS).chain(of("/k3os/wifi/0", config::Wifi::FIELDS));
    for (at, field) in fields {
        let with = config::dump::json(&loaded(field.example).config);
        let mut without: serde_json::Value = serde_json::from_str(&with).expect("JSON");
        let item = without
            .pointer_mut(at)
            .and_then(|item| item.as_object_mut());
        let removed = item.expect("an item").remove(&camel_case(field.name));
        assert!(
            removed.is_some(),
            "the example of {} does not set it",
            field.name
        );
        let plans = |text: &str| {
            [Phase::Initrd, Phase::Boot, Phase::Runtime].map(|phase| {
                let steps = plan(phase, &loaded(text), &facts("disk"));
                steps
                    .into_iter()
                    .map(|step| step.action)
                    .collect::<Vec<_>>()
            })
        };
        assert_ne!(plans(&with), plans(&without.to_string()), "{}", field.name);
    }
}

#[test]
fn a_file_of_the_user_takes_the_place_of_a_generated_one() {
    let yaml = "write_files: [{path: /etc/connman/main.conf, content: mine}]\nk3os: {dns_nameservers: [1.1.1.1]}";
    let lines = lines(Phase::Boot, yaml, "disk");
    let writes: Vec<_> = lines
        .iter()
        .filter(|line| line.ends_with("/etc/connman/main.conf"))
        .collect();
    assert_eq!(writes, ["write_files[0]: writing /etc/connman/main.conf"]);
}

#[test]
fn kubernetes_waits_for_userdata_from_the_network_and_for_no_other() {
    let service = |yaml: &str, phase, has_metadata| {
        let facts = Facts {
            has_metadata,
            ..facts("disk")
        };
        let steps = plan(phase, &loaded(yaml), &facts);
        steps
            .iter()
            .any(|step| matches!(step.action, Action::Service(_)))
    };
    let aws = "k3os: {data_sources: [cdrom, aws]}";
    assert!(!service(aws, Phase::Boot, false));
    assert!(service(aws, Phase::Boot, true));
    assert!(service(aws, Phase::Runtime, false));
    assert!(service("k3os: {data_sources: [cdrom]}", Phase::Boot, false));
}

#[test]
fn a_running_machine_s_connman_is_told_and_a_starting_one_reads_files() {
    let yaml = "k3os: {dns_nameservers: [1.1.1.1], wifi: [{name: home, passphrase: mypassword}]}";
    let network = |phase| {
        let lines = lines(phase, yaml, "disk").into_iter();
        lines
            .filter(|line| line.starts_with("k3os.dns") || line.starts_with("k3os.wifi"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        network(Phase::Boot),
        [
            "k3os.dns_nameservers: writing /etc/connman/main.conf",
            "k3os.wifi: writing /var/lib/connman/k3os.config",
            "k3os.wifi: writing /var/lib/connman/settings",
            "k3os.wifi: adding iwd.service to the services",
        ]
    );
    assert_eq!(
        network(Phase::Runtime),
        [
            "k3os.dns_nameservers: writing /etc/connman/main.conf for connman.service",
            "k3os.wifi: writing /var/lib/connman/k3os.config",
            "k3os.wifi: switching wireless devices on",
        ]
    );
}

#[test]
fn files_with_secrets_are_kept_to_their_owner() {
    let source = |name: &str, text: &str| Source {
        name: name.into(),
        kind: SourceKind::File,
        bytes: text.into(),
    };
    let loaded = load(&[
        source("/k3os/system/config.yaml", "k3os: {token: a}"),
        source(
            "/var/lib/rancher/k3os/config.yaml",
            "k3os: {password: b, token: c}",
        ),
        source("/var/lib/rancher/k3os/config.d/1", "hostname: a"),
        source(
            "/var/lib/rancher/k3os/config.d/2",
            "k3os: {wifi: [{name: n, passphrase: geheim12}]}",
        ),
    ]);
    let steps = plan(Phase::Boot, &loaded, &facts("disk"));
    let restricted = steps.iter().filter_map(|step| match &step.action {
        Action::Restrict(path) => path.to_str(),
        _ => None,
    });
    assert_eq!(
        restricted.collect::<Vec<_>>(),
        [
            "/var/lib/rancher/k3os/config.d/2",
            "/var/lib/rancher/k3os/config.yaml"
        ]
    );
}

/// The time servers in connman's file.
fn timeservers(yaml: &str, time_is_guessed: bool) -> Option<String> {
    let facts = Facts {
        time_is_guessed,
        ..facts("local")
    };
    let steps = plan(Phase::Boot, &loaded(yaml), &facts);
    let text = steps.iter().find_map(|step| match &step.action {
        Action::Write(file) if file.path.ends_with("connman/main.conf") => {
            Some(String::from_utf8_lossy(&file.content.0).into_owned())
        }
        _ => None,
    })?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("FallbackTimeservers="))?;
    Some(line.to_owned())
}

#[test]
fn a_machine_that_does_not_know_the_time_asks_somebody() {
    assert_eq!(timeservers("", false), None);
    let asked = timeservers("", true).unwrap();
    assert!(asked.contains("pool.ntp.org"), "{asked}");
    let own = "k3os: {ntp_servers: [ntp.example]}";
    assert_eq!(timeservers(own, true).as_deref(), Some("ntp.example"));
}

/// What says whose machine this is does not apply; everything else does, login first of all.
#[test]
fn kubernetes_is_not_started_where_the_machine_may_be_another_one() {
    let source = |yaml: &str| config::Source {
        name: "f".into(),
        kind: config::SourceKind::File,
        bytes: yaml.into(),
    };
    let yaml = "ssh_authorized_keys: [ssh-rsa a]\nk3os: {server_url: 'server:6443'}\n";
    let loaded = config::load(&[source(yaml)]);
    for phase in [Phase::Boot, Phase::Runtime, Phase::Install] {
        let steps = plan(phase, &loaded, &facts("disk"));
        assert!(
            !steps
                .iter()
                .any(|step| matches!(step.action, Action::Service(_)))
        );
        let refused = |step: &Step| matches!(&step.action, Action::Refuse(why) if why.starts_with("Kubernetes is not started"));
        assert!(steps.iter().any(refused), "{phase}");
        let told = |step: &Step| match &step.action {
            Action::Write(file) if file.path == std::path::Path::new(super::NOTICE) => {
                String::from_utf8_lossy(&file.content.0).contains("f:2:20: error: k3os.server_url")
            }
            _ => false,
        };
        assert!(steps.iter().any(told), "{steps:?}");
    }
    let keys = plan(Phase::Boot, &loaded, &facts("disk"));
    assert!(keys.iter().any(|step| step.key == "ssh_authorized_keys"));
    let noticed = Facts {
        has_notice: true,
        ..facts("disk")
    };
    let steps = plan(Phase::Runtime, &self::loaded(""), &noticed);
    let removed = |step: &Step| step.action == Action::Remove(super::NOTICE.into());
    assert!(steps.iter().any(removed));
}

#[test]
fn password_logins_by_ssh_come_and_go() {
    let settings = |yaml: &str, phase, has_ssh_settings| {
        let facts = Facts {
            has_ssh_settings,
            ..facts("disk")
        };
        let steps = plan(phase, &loaded(yaml), &facts).into_iter();
        let text = |file: config::Content| String::from_utf8(file.0).expect("text");
        steps
            .filter(|step| step.key == "k3os.ssh_pwauth")
            .map(|step| match step.action {
                Action::Write(file) => (text(file.content), false),
                Action::WriteFor(file, unit) => (text(file.content), unit == "ssh.service"),
                other => panic!("{other:?}"),
            })
            .next()
    };
    let yes = "# k3os.ssh_pwauth\nPasswordAuthentication yes\n".to_owned();
    assert_eq!(
        settings("ssh_pwauth: true", Phase::Boot, false),
        Some((yes.clone(), false))
    );
    assert_eq!(
        settings("ssh_pwauth: true", Phase::Runtime, true),
        Some((yes, true))
    );
    assert_eq!(settings("", Phase::Runtime, false), None);
    let none = settings("", Phase::Runtime, true).expect("a file");
    assert!(none.1 && !none.0.contains("PasswordAuthentication"));
}
