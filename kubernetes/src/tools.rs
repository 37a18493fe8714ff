//! `k3s kubectl`, `crictl` and `ctr`: the upstream programs with this system's defaults.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::paths::{self, program};

/// The upstream programs that `k3s NAME` runs.
pub const APPLETS: [&str; 3] = ["kubectl", "crictl", "ctr"];

/// The administrator's kubeconfig.
const KUBECONFIG: &str = "/etc/rancher/k3s/k3s.yaml";

/// Becomes the program.
///
/// # Errors
/// Returns only when it could not be started.
pub fn exec(applet: &str, args: &[OsString]) -> Result<Infallible> {
    let mut command = Command::new(program::KUBERNETES);
    command.arg(applet).args(args);
    for (name, value) in defaults(applet) {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    Err(command.exec()).with_context(|| format!("starting {} {applet}", program::KUBERNETES))
}

/// Variables to set where the user has not.
fn defaults(applet: &str) -> Vec<(&'static str, String)> {
    let socket = paths::text(paths::containerd_socket());
    match applet {
        "kubectl" => vec![("KUBECONFIG", KUBECONFIG.into())],
        "crictl" => vec![("CONTAINER_RUNTIME_ENDPOINT", format!("unix://{socket}"))],
        "ctr" => vec![
            ("CONTAINERD_ADDRESS", socket),
            ("CONTAINERD_NAMESPACE", "k8s.io".into()),
        ],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_applet_has_its_defaults() {
        assert!(APPLETS.iter().all(|applet| !defaults(applet).is_empty()));
        assert_eq!(defaults("ctr")[0].1, "/run/k3s/containerd/containerd.sock");
    }
}
