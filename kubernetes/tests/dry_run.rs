//! What `k3os config validate` accepts never makes `k3s server --dry-run` fail: the program itself is asked, with the arguments
//! and variables of the service.

use std::process::{Command, Output};

use config::{Loaded, Severity, Source, SourceKind};
use phases::kubernetes::{Invocation, problems};
use proptest::prelude::*;

fn loaded(items: &[String]) -> Loaded {
    let items = serde_json::Value::from(items);
    let text = format!("k3os: {{k3s_args: {items}}}\nhostname: k3os\n");
    config::load(&[Source {
        name: "config.yaml".into(),
        kind: SourceKind::File,
        bytes: text.into(),
    }])
}

fn dry_run(loaded: &Loaded) -> std::io::Result<Output> {
    let invocation = Invocation::of(loaded);
    Command::new(env!("CARGO_BIN_EXE_k3s"))
        .args(&invocation.arguments)
        .args(["--node-name=k3os", "--dry-run"])
        .env_clear()
        .envs(&invocation.variables)
        .output()
}

/// Whether it succeeded, or failed by the machine on which the test runs: its own network may be that of the pods.
fn starts(output: &Output) -> bool {
    let errors = String::from_utf8_lossy(&output.stderr);
    output.status.success() || errors.contains("error: the machine's network")
}

fn accepts(loaded: &Loaded) -> bool {
    let is_error = |problem: &config::Problem| problem.severity == Severity::Error;
    !loaded.problems.iter().any(is_error) && !problems(loaded).iter().any(is_error)
}

/// Options and values as people write them, right and wrong.
const PIECES: &[&str] = &[
    "server",
    "server --cluster-init",
    "--cluster-init",
    "--cluster-init=yes",
    "true",
    "false",
    "--disable",
    "traefik",
    "--disable traefik,servicelb",
    "--kubelet-arg",
    "--max-pods=250",
    "max-pods=110",
    "--kube-controller-arg",
    "--v=4",
    "--etcd-expose-metrics",
    "--flannel-backend=ipsec",
    "--flannel-backend=vxlna",
    "--flannel-backend",
    "none",
    "-v",
    "-v=3",
    "--node-label",
    "a=b",
    "a",
    "--node-label=node-role.kubernetes.io/worker=",
    "--node-taint=k=v:NoSchedule",
    "--debug",
    "--cluster-cidr=10.1.0.0/16",
    "--cluster-cidr",
    "10.43.0.0/24",
    "--service-cidr=10.0.0.0/8",
    "--cluster-dns=10.43.0.10",
    "--write-kubeconfig-mode=0644",
    "--write-kubeconfig-mode",
    "888",
    "--https-listen-port=x",
    "--node-ip=10.0.0.1,x",
    "-disable=coredns",
    "--token",
    "0123",
    "--server=https://a:6443",
    "--secrets-encryption",
    "--docker=false",
    "--tls-san=a b",
    "--unknown",
    "",
    " ",
    "--",
    "-t",
    "--node-name='a b'",
    "--service-node-port-range=1-70000",
    "--snapshotter=native",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_validate_accepts_starts(items in prop::collection::vec(prop::sample::select(PIECES), 0..5)) {
        let items: Vec<String> = items.into_iter().map(String::from).collect();
        let loaded = loaded(&items);
        if accepts(&loaded) && !items.iter().any(|item| item == "agent") {
            let output = dry_run(&loaded)?;
            prop_assert!(starts(&output), "{items:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

/// The spellings of k3OS's users, each of which starts.
#[test]
fn users_spellings_are_accepted_and_start() -> anyhow::Result<()> {
    let cases: &[&[&str]] = &[
        &[],
        &["server --cluster-init"],
        &["server --cluster-init --disable traefik --kubelet-arg=max-pods=250"],
        &["--kube-controller-arg", "--node-monitor-grace-period=20s"],
        &["server", "--etcd-expose-metrics", "true"],
        &["--kubelet-arg", "--max-pods=250"],
        &["--flannel-backend=ipsec"],
        &["-disable=traefik", "--no-deploy", "servicelb"],
    ];
    for items in cases {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        let loaded = loaded(&items);
        assert!(accepts(&loaded), "{items:?}: {:?}", problems(&loaded));
        let output = dry_run(&loaded)?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(starts(&output), "{items:?}: {errors}");
        if !output.status.success() {
            continue;
        }
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        assert!(plan["server"]["kube-apiserver"].is_array(), "{items:?}");
    }
    Ok(())
}

#[test]
fn what_would_end_for_ever_is_an_error_with_words() {
    for (items, words) in [
        (&["--flannel-backend=vxlna"][..], "wireguard-native"),
        (&["--cluster-cdir=10.0.0.0/16"], "--cluster-cidr"),
        (&["--server=https://a:6443"], "cluster of its own"),
        (&["sever"], "valid: server, agent"),
        (&["--etcd-s3-bucket=b"], "no embedded etcd"),
    ] {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        let found = problems(&loaded(&items));
        assert!(
            found.iter().any(|p| p.message.contains(words)),
            "{items:?}: {found:?}"
        );
        assert!(!accepts(&loaded(&items)), "{items:?}");
    }
}

#[test]
fn files_that_the_configuration_writes_are_looked_into() {
    let text = "write_files:\n- {path: /etc/rancher/k3s/config.yaml, content: \"clutser-cidr: x\\n\"}\n\
                - {path: /etc/rancher/k3s/registries.yaml, content: \"mirrors: {x: {rewrite: {a: b}}}\\n\"}\n";
    let load = |text: &str| {
        config::load(&[Source {
            name: "c".into(),
            kind: SourceKind::File,
            bytes: text.into(),
        }])
    };
    let found = problems(&load(text));
    assert!(
        matches!(found.as_slice(), [p] if p.message.contains("clutser-cidr")),
        "{found:?}"
    );
    let found = problems(&load(&text.replace("clutser-cidr: x", "token: 012")));
    assert!(
        matches!(found.as_slice(), [p] if p.message.contains("rewrite")),
        "{found:?}"
    );
}
