//! The resolv.conf that pods start from: a copy of the system's without what a pod cannot use, kept up to date.

use std::convert::Infallible;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use system::durable;

use crate::api::Client;
use crate::keep;
use crate::paths::{self, text};
use crate::settings::Settings;

/// The system's, and the upstream servers of a local cache, where there is one.
const CANDIDATES: [&str; 3] = [
    "/etc/resolv.conf",
    "/run/connman/resolv.conf",
    "/run/systemd/resolve/resolv.conf",
];
/// CoreDNS does not start without a server to forward to. This address is set aside for documents (RFC 5737): nothing
/// answers there, so names outside the cluster are not found until a real server is known.
const NONE_KNOWN: &str = "# No DNS server is known yet.\nnameserver 192.0.2.1\n";
/// How often the system's file is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The path for the kubelet: the given file, else our copy, which is written now.
///
/// # Errors
/// Writing the copy.
pub fn prepare(settings: &Settings) -> Result<String> {
    if let Some(given) = &settings.args.node.resolv_conf {
        return Ok(given.clone());
    }
    let own = own();
    keep::write(&own, current(), 0o644)?;
    Ok(text(own))
}

/// In memory: it is of this boot, and a full disk is no reason to end.
fn own() -> PathBuf {
    paths::run("resolv.conf")
}

/// Keeps the copy up to date; when it changes, CoreDNS is started anew, which reads it only once. A failure is reported
/// and tried again.
pub async fn follow(settings: &Settings, client: &Client) -> Infallible {
    if settings.args.node.resolv_conf.is_some() {
        return std::future::pending().await;
    }
    let own = own();
    let mut reported = String::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let content = current();
        // Between networks there is no server for a moment; the old ones are a better guess than none.
        let lost = content == NONE_KNOWN && own.exists();
        if lost {
            continue;
        }
        match durable::write_own(&own, &content, 0o644) {
            Ok(false) => {}
            Ok(true) => {
                println!("k3s: the system's DNS servers have changed");
                restart_dns(client, &content).await;
            }
            Err(error) => {
                let words = format!("following the system's DNS servers: {error:#}");
                if words != reported {
                    println!("k3s: warning: {words}");
                    reported = words;
                }
            }
        }
    }
}

/// As `kubectl rollout restart` does. Without CoreDNS there is nothing to do.
async fn restart_dns(client: &Client, content: &str) {
    let note = json!({ "k3os.io/resolv-conf": content });
    let patch = json!({ "spec": { "template": { "metadata": { "annotations": note } } } });
    let path = "/apis/apps/v1/namespaces/kube-system/deployments/coredns";
    match client.merge(path, &patch).await {
        Err(error) if !error.is_not_found() => println!("k3s: restarting CoreDNS: {error}"),
        _ => {}
    }
}

fn current() -> String {
    let contents = CANDIDATES
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok());
    contents
        .filter_map(|content| usable(&content))
        .next()
        .unwrap_or_else(|| NONE_KNOWN.into())
}

/// The file without servers on this machine's loopback, which in a pod is the pod's own; none if no server is left.
fn usable(resolv_conf: &str) -> Option<String> {
    let kept: Vec<&str> = resolv_conf
        .lines()
        .filter(|line| !is_loopback(line))
        .collect();
    let some_server = kept.iter().any(|line| server(line).is_some());
    some_server.then(|| kept.join("\n") + "\n")
}

fn is_loopback(line: &str) -> bool {
    server(line).is_some_and(|server| server.is_loopback())
}

fn server(line: &str) -> Option<IpAddr> {
    let address = line.trim().strip_prefix("nameserver")?.trim();
    address.split('%').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_servers_are_left_out() {
        assert_eq!(usable("nameserver 127.0.0.1\nnameserver ::1\n"), None);
        assert_eq!(usable("search x\n"), None);
        let mixed = "search x\nnameserver 127.0.0.53\nnameserver 10.0.2.3\n";
        assert_eq!(
            usable(mixed).as_deref(),
            Some("search x\nnameserver 10.0.2.3\n")
        );
        assert!(usable("nameserver fe80::1%eth0\n").is_some());
        assert!(usable(NONE_KNOWN).is_some());
    }
}
