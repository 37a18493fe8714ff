//! Looks for the metadata and userdata that `k3os.data_sources` names, before a phase reads the sources.

use std::path::Path;

use anyhow::{Result, ensure};
use data_sources::{Attached, Curl, PAUSES, Search, is_stored, providers, search, store};
use system::host::Host;

use crate::collect::collect;

pub use data_sources::Reach;

/// Where an answer lies while it is read.
const ANSWER: &str = "/run/k3os/metadata-answer";

/// Asks the configured sources once a boot, and keeps what they know for the phases. Returns who knew something.
///
/// With [`Reach::Local`] the sources that come before the first one in need of a network are asked, which takes no time
/// worth mentioning; with [`Reach::Network`] all of them are, the silent ones several times.
///
/// # Errors
/// When somebody does not answer and nobody else knows anything, or what was found cannot be kept.
pub fn look_up(
    reach: Reach,
    root: &Path,
    cmdline: &str,
    host: &dyn Host,
) -> Result<Option<String>> {
    if is_stored(host) {
        return Ok(None);
    }
    let names = collect(root, cmdline).load().config.k3os.data_sources;
    if reach == Reach::Network && !data_sources::names_a_service(&names) {
        // Media were asked at boot.
        return Ok(None);
    }
    let curl = Curl::new(host, Path::new(ANSWER));
    // What is wrong with a medium stays wrong; the boot would wait for nothing.
    let (pauses, advice) = match reach {
        Reach::Local => (&[][..], "look at the medium"),
        Reach::Network => (&PAUSES[..], "`k3os config` asks again"),
    };
    let search = search(&providers(&names, &curl, &Attached), reach, pauses);
    keep(search, host, advice)
}

fn keep(search: Search, host: &dyn Host, advice: &str) -> Result<Option<String>> {
    let Some(found) = search.found else {
        ensure!(
            search.failures.is_empty(),
            "{}; the configuration applies without metadata and userdata ({advice})",
            search.failures.join("; ")
        );
        return Ok(None);
    };
    store(&found, host)?;
    Ok(Some(found.provider))
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_sources::{Found, Metadata};
    use system::host::Recording;

    #[test]
    fn what_was_found_once_is_not_sought_again() {
        let host = Recording::with_files([("/run/config/provider", "cdrom\n")]);
        let answer = look_up(
            Reach::Network,
            Path::new("/nonexistent"),
            "k3os.data_source=aws",
            &host,
        );
        assert_eq!((answer.ok(), host.actions()), (Some(None), vec![]));
    }

    #[test]
    fn a_machine_without_named_sources_never_asks_the_network() {
        let host = Recording::default();
        let answer = look_up(
            Reach::Network,
            Path::new("/nonexistent"),
            "k3os.data_source=cdrom",
            &host,
        );
        assert_eq!((answer.ok(), host.actions()), (Some(None), vec![]));
    }

    #[test]
    fn silence_is_an_error_and_what_was_found_is_kept() {
        let silent = Search {
            failures: vec!["aws: nobody answers".into()],
            ..Search::default()
        };
        let host = Recording::default();
        let error = keep(silent, &host, "advice").unwrap_err().to_string();
        assert!(
            error.starts_with("aws: nobody answers; the configuration applies without"),
            "{error}"
        );
        let found = Search {
            found: Some(Found {
                provider: "cdrom".into(),
                metadata: Metadata {
                    userdata: Some(b"hostname: a\n".to_vec()),
                    ..Metadata::default()
                },
            }),
            ..Search::default()
        };
        assert_eq!(
            keep(found, &host, "").ok().flatten().as_deref(),
            Some("cdrom")
        );
        assert_eq!(
            host.text("/run/config/userdata").as_deref(),
            Some("hostname: a\n")
        );
    }
}
