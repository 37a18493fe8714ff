//! The three children.

use crate::paths::{self, program, text};
use crate::settings::Settings;
use crate::supervise::{Cgroups, Service, Spec};

use super::files::CONTAINERD_CONFIG;
use super::proxy;

/// containerd. Its death does not end pods: their shims live on.
pub fn containerd(settings: &Settings, cgroups: &Cgroups) -> Service {
    let config = text(settings.paths.agent(CONTAINERD_CONFIG));
    let store = text(settings.paths.agent("containerd"));
    let report = text(paths::run(paths::CONTAINERD_REPORT));
    let level = if settings.args.runtime.debug {
        "debug"
    } else {
        "warn"
    };
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/sbin:/usr/bin:/sbin:/bin".into());
    let environment = vec![("PATH", format!("{}:{path}", program::LIBEXEC))];
    start(
        settings,
        cgroups,
        "containerd",
        &[
            "--check-store",
            &store,
            "--report",
            &report,
            "--config",
            &config,
            "--log-level",
            level,
        ],
        environment,
    )
}

/// kine, kube-apiserver, kube-controller-manager, kube-scheduler.
pub fn server(settings: &Settings, cgroups: &Cgroups) -> Service {
    start(
        settings,
        cgroups,
        "server",
        &["--config", &text(paths::run("server.json"))],
        proxy::exceptions(settings),
    )
}

/// kubelet, kube-proxy, the import of images.
pub fn agent(settings: &Settings, cgroups: &Cgroups) -> Service {
    start(
        settings,
        cgroups,
        "agent",
        &["--config", &text(paths::run("agent.json"))],
        proxy::exceptions(settings),
    )
}

fn start(
    settings: &Settings,
    cgroups: &Cgroups,
    name: &'static str,
    args: &[&str],
    environment: Vec<(&'static str, String)>,
) -> Service {
    let words = [program::KUBERNETES, name]
        .into_iter()
        .chain(args.iter().copied());
    Service::start(Spec {
        name,
        command: words.map(String::from).collect(),
        environment,
        cgroup: cgroups.child(name),
        pid_file: paths::run(&format!("{name}.pid")),
        verbose: settings.args.runtime.debug || settings.args.runtime.verbosity > 0,
    })
}
