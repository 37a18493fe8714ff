//! Which addresses the node has, waited for by the kernel's own messages.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use system::net::{ChangeListener, default_address};
use tokio::process::Command;

use crate::events::Events;
use crate::settings::Settings;

/// How long the start waits for an address before it goes on without.
const PATIENCE: Duration = Duration::from_secs(10);
/// Asked again at the latest after this, should a message be missed.
const AT_LATEST: Duration = Duration::from_secs(5);
/// The address of a node that has none. It lies on the loopback interface, which is always there.
const OWN: Ipv4Addr = Ipv4Addr::new(10, 255, 255, 254);

/// The addresses that are known without waiting: given ones, else what the machine has.
pub fn known(settings: &Settings) -> Vec<IpAddr> {
    match settings.args.node.node_ip.as_slice() {
        [] => default_address().into_iter().collect(),
        given => given.to_vec(),
    }
}

/// Waits for an address; without any in time, the node gets one of its own, so that it works with itself.
///
/// # Errors
/// When the node's own address cannot be set.
pub async fn wait(settings: &Settings, changes: &Changes) -> Result<(Vec<IpAddr>, Option<String>)> {
    let known = known(settings);
    if !known.is_empty() {
        return Ok((known, None));
    }
    if let Ok(address) = tokio::time::timeout(PATIENCE, changes.wait()).await {
        return Ok((vec![address], None));
    }
    ip(&[
        "address",
        "replace",
        &format!("{OWN}/32"),
        "dev",
        "lo",
        "scope",
        "global",
    ])
    .await?;
    let words = format!(
        "no network yet: the node goes on with the address {OWN} of its own until there is one"
    );
    Ok((vec![OWN.into()], Some(words)))
}

/// Waits until the node's address is another one than `used`. Given addresses never change.
pub async fn changed(settings: &Settings, changes: &Changes, used: &[IpAddr]) -> IpAddr {
    if !settings.args.node.node_ip.is_empty() {
        return std::future::pending().await;
    }
    loop {
        changes.next().await;
        if let Some(address) = default_address().filter(|address| !used.contains(address)) {
            return address;
        }
    }
}

/// Waits for changes of addresses and routes.
pub struct Changes {
    events: Option<Events>,
}

impl Changes {
    /// Listens from now on.
    pub fn listen() -> Self {
        let socket = ChangeListener::open().ok();
        Changes {
            events: socket.and_then(|socket| Events::new(socket.into()).ok()),
        }
    }

    /// Returns after a change, or after a few seconds.
    async fn next(&self) {
        let Some(events) = &self.events else {
            return tokio::time::sleep(AT_LATEST).await;
        };
        let _ = tokio::time::timeout(AT_LATEST, events.next()).await;
    }

    /// Waits until there is an address.
    async fn wait(&self) -> IpAddr {
        loop {
            match default_address() {
                Some(address) => return address,
                None => self.next().await,
            }
        }
    }
}

async fn ip(args: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(args)
        .output()
        .await
        .context("running ip")?;
    ensure!(
        output.status.success(),
        "running ip {}: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
