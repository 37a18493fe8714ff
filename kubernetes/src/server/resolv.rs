//! Which resolv.conf pods start from.

use std::net::IpAddr;
use std::path::Path;

use anyhow::Result;

use crate::durable;
use crate::paths::text;
use crate::settings::Settings;

const SYSTEM: &str = "/etc/resolv.conf";
/// The upstream servers of a local cache, where there is one.
const BEHIND_A_CACHE: [&str; 2] = ["/run/connman/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// The given file; else the first that names a server that pods can reach; else the system's, which may be filled
/// later; else an empty one of our own, because the kubelet starts no pod without one.
pub fn choose(settings: &Settings) -> Result<String> {
    if let Some(given) = &settings.args.node.resolv_conf {
        return Ok(given.clone());
    }
    let candidates = std::iter::once(SYSTEM).chain(BEHIND_A_CACHE);
    let usable = |path: &&str| std::fs::read_to_string(path).is_ok_and(|content| reaches_out(&content));
    if let Some(found) = candidates.clone().find(usable) {
        return Ok(found.into());
    }
    if Path::new(SYSTEM).exists() {
        return Ok(SYSTEM.into());
    }
    let own = settings.paths.agent("etc/resolv.conf");
    durable::write_if_changed(&own, "", 0o644)?;
    Ok(text(own))
}

/// Whether a server is named that is not this machine's loopback, which in a pod is the pod's own.
fn reaches_out(resolv_conf: &str) -> bool {
    let servers = resolv_conf.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    servers.filter_map(|s| s.trim().split('%').next()?.parse::<IpAddr>().ok()).any(|server| !server.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::reaches_out;

    #[test]
    fn loopback_servers_do_not_count() {
        assert!(!reaches_out("nameserver 127.0.0.1\nnameserver ::1\n"));
        assert!(!reaches_out("search x\n"));
        assert!(reaches_out("nameserver 127.0.0.53\nnameserver 10.0.2.3\n"));
        assert!(reaches_out("nameserver fe80::1%eth0\n"));
    }
}
