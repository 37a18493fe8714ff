//! Keeps pods from the metadata service that this machine's configuration came from: it answers anybody, with the cluster's
//! token, the password and the cloud's credentials.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use system::host::{CommandLine, Host};

const RULES: &str = "/run/k3os/metadata.nft";
const TABLE: &str = "inet k3os_metadata";

/// Refuses what is forwarded to the services: that comes from pods, or from neighbours who use this machine as a router. The
/// machine itself and pods in its network still reach them.
pub(super) fn shield(host: &dyn Host) -> Result<bool> {
    let v4 = data_sources::ADDRESSES.v4.join(", ");
    let v6 = data_sources::ADDRESSES.v6.join(", ");
    let rules = format!(
        "table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n\
         \tchain forward {{\n\
         \t\ttype filter hook forward priority filter - 10; policy accept;\n\
         \t\tip daddr {{ {v4} }} reject\n\
         \t\tip6 daddr {{ {v6} }} reject\n\t}}\n}}\n"
    );
    let changed = host.write(&super::public(Path::new(RULES), &rules))?;
    nft(&["-f", RULES], host)?;
    Ok(changed)
}

/// Takes the rules away, where there are some.
pub(super) fn unshield(host: &dyn Host) -> Result<bool> {
    if host.read(Path::new(RULES))?.is_none() {
        return Ok(false);
    }
    nft(&["destroy", "table", "inet", "k3os_metadata"], host)?;
    host.remove(Path::new(RULES))
}

fn nft(arguments: &[&str], host: &dyn Host) -> Result<()> {
    let words = std::iter::once("nft").chain(arguments.iter().copied());
    let ended = host.run(&CommandLine {
        words: words.map(String::from).collect(),
        environment: Default::default(),
        limit: Some(Duration::from_secs(30)),
    })?;
    if ended.succeeded() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&ended.output);
    bail!("nft {}: {}", ended.description(), output.trim())
}
