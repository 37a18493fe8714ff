//! The ranges with which the cluster was made. Pods, Services and certificates that are there keep their addresses, so another
//! range on a living cluster leaves old and new at odds.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use system::durable;

use crate::network::Network;
use crate::settings::Settings;

fn file(settings: &Settings) -> PathBuf {
    settings.paths.server("ranges")
}

/// Compares with the record, and makes it at the first start.
///
/// # Errors
/// Other ranges than the cluster was made with.
pub fn keep(settings: &Settings) -> Result<()> {
    check(settings)?;
    durable::write_own(&file(settings), text(settings), 0o600)
        .map(drop)
        .context("recording the cluster's ranges")
}

/// Only compares.
///
/// # Errors
/// As [`keep`].
pub fn check(settings: &Settings) -> Result<()> {
    let record = fs::read_to_string(file(settings)).unwrap_or_default();
    compare(&record, &text(settings))
}

fn text(settings: &Settings) -> String {
    let joined = |networks: &[Network]| {
        let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
        networks.join(",")
    };
    let (pods, services) = (
        joined(&settings.pod_networks),
        joined(&settings.service_networks),
    );
    format!("--cluster-cidr={pods}\n--service-cidr={services}\n")
}

/// A record that cannot be read is made anew: it says less than the cluster itself.
fn compare(record: &str, wanted: &str) -> Result<()> {
    for line in wanted.lines() {
        let option = line.split('=').next().unwrap_or_default();
        let known = record
            .lines()
            .find(|known| known.split('=').next() == Some(option));
        if let Some(known) = known.filter(|known| *known != line) {
            bail!(
                "the cluster was made with {known}, and {line} does not fit what runs in it: give the old range again, or begin a \
                 new cluster with the new one"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_range_is_refused_with_both() {
        let record = "--cluster-cidr=10.42.0.0/16\n--service-cidr=10.43.0.0/16\n";
        assert!(compare(record, record).is_ok());
        let error = compare(record, &record.replace("10.42", "10.1"));
        let error = error.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(
            error.contains("--cluster-cidr=10.42.0.0/16") && error.contains("10.1.0.0/16"),
            "{error}"
        );
        assert!(compare(record, &record.replace("10.43", "10.9")).is_err());
        assert!(compare("", record).is_ok());
        assert!(compare("\0\0", record).is_ok());
    }
}
