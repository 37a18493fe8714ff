//! Which addresses the node has.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::node_address::{self, Changes};
use crate::settings::Settings;

/// How long the start waits for an address before it goes on without.
const PATIENCE: Duration = Duration::from_secs(10);
/// The interface and address of a node that has none.
const DUMMY: (&str, Ipv4Addr) = ("k3s-nonet", Ipv4Addr::new(10, 255, 255, 254));

/// The addresses that are known without waiting: given ones, else what the machine has.
pub fn known(settings: &Settings) -> Vec<IpAddr> {
    match settings.args.node.node_ip.as_slice() {
        [] => node_address::current().into_iter().collect(),
        given => given.to_vec(),
    }
}

/// Waits for an address; without any in time, the node gets one of its own, so that it works with itself.
///
/// # Errors
/// When the dummy interface cannot be made.
pub async fn wait(settings: &Settings, changes: &Changes) -> Result<(Vec<IpAddr>, Option<String>)> {
    let known = known(settings);
    if !known.is_empty() {
        return Ok((known, None));
    }
    if let Ok(address) = tokio::time::timeout(PATIENCE, changes.wait()).await {
        return Ok((vec![address], None));
    }
    let (interface, address) = DUMMY;
    make_dummy(interface, address).await.with_context(|| format!("making the interface {interface}"))?;
    let words = format!("no network yet: the node goes on with {address} on {interface} until there is one");
    Ok((vec![address.into()], Some(words)))
}

/// Waits until the node's address is another one than `used`. Given addresses never change.
pub async fn changed(settings: &Settings, changes: &Changes, used: &[IpAddr]) -> IpAddr {
    if !settings.args.node.node_ip.is_empty() {
        return std::future::pending().await;
    }
    loop {
        changes.next().await;
        if let Some(address) = node_address::current().filter(|address| !used.contains(address)) {
            return address;
        }
    }
}

async fn make_dummy(interface: &str, address: Ipv4Addr) -> Result<()> {
    if !std::path::Path::new("/sys/class/net").join(interface).exists() {
        ip(&["link", "add", interface, "type", "dummy"]).await?;
    }
    ip(&["address", "replace", &format!("{address}/32"), "dev", interface]).await?;
    ip(&["link", "set", interface, "up"]).await
}

async fn ip(args: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(args).output().await.context("running ip")?;
    ensure!(output.status.success(), "running ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
