//! Helpers that units call; not for people.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use system::net::{ChangeListener, addresses, has_default_route};

/// How long to wait for news at a time; a lost netlink message then costs no more than this.
const ROUND: Duration = Duration::from_secs(10);

/// Waits until the machine has an address and a default route, woken by the kernel's netlink messages.
///
/// # Errors
/// When there is none after `timeout`.
pub fn wait_online(timeout: Duration) -> Result<()> {
    let listener = ChangeListener::open()?;
    let end = Instant::now() + timeout;
    while addresses().is_empty() || !has_default_route() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            bail!(
                "there is no address with a default route after {} s; see `connmanctl services` and `k3os logs connman`",
                timeout.as_secs()
            );
        }
        listener.wait(left.min(ROUND))?;
    }
    Ok(())
}
