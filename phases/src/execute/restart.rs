//! Restarts of services whose files have changed. One that fails is tried again by the next apply, which finds the files as they
//! shall be.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use system::host::{Content, Host};

/// A file for each service that still runs with what was before.
const PENDING: &str = "/run/k3os/restart-pending";

/// Restarts a service when its files have changed, now or before a restart that failed. Tells whether that was so.
pub(super) fn after(
    changed: bool,
    unit: &str,
    commands: &[&[&str]],
    host: &dyn Host,
) -> Result<bool> {
    let pending = PathBuf::from(PENDING).join(unit);
    let was_pending = host.read(&pending)?.is_some();
    if !changed && !was_pending {
        return Ok(false);
    }
    let failed = commands
        .iter()
        .try_for_each(|arguments| super::systemctl(arguments, host));
    match failed {
        Ok(()) if was_pending => host.remove(&pending).map(|_| true),
        Ok(()) => Ok(true),
        Err(error) => {
            remember(&pending, host).context("remembering a restart")?;
            Err(error.context("the next `k3os config` tries again"))
        }
    }
}

fn remember(pending: &Path, host: &dyn Host) -> Result<()> {
    let content = Content {
        path: pending,
        bytes: b"",
        mode: 0o600,
        owner: super::ROOT,
    };
    host.write(&content).map(drop)
}
