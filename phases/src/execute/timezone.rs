//! The time zone: a link in /etc.

use std::path::Path;

use anyhow::{Result, ensure};
use system::host::Host;

use crate::step::Timezone;

const LINK: &str = "/etc/localtime";
const ZONES: &str = "/usr/share/zoneinfo";

/// Sets it. Tells whether it was another one.
pub(super) fn set(zone: &Timezone, host: &dyn Host) -> Result<bool> {
    match zone {
        Timezone::This(zone) => link(zone, host),
        Timezone::UtcWhereNone if host.read(Path::new(LINK))?.is_some() => Ok(false),
        Timezone::UtcWhereNone => host.link(Path::new(LINK), &Path::new(ZONES).join("Etc/UTC")),
    }
}

fn link(zone: &str, host: &dyn Host) -> Result<bool> {
    let target = Path::new(ZONES).join(zone);
    let is_zone = host
        .read(&target)
        .ok()
        .flatten()
        .is_some_and(|bytes| bytes.starts_with(b"TZif"));
    ensure!(
        is_zone,
        "invalid time zone '{zone}'; valid: the names of the files below {ZONES}"
    );
    host.link(Path::new(LINK), &target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use system::host::{Action, Recording};

    const BERLIN: (&str, &str) = ("/usr/share/zoneinfo/Europe/Berlin", "TZif2");

    #[test]
    fn a_zone_is_linked_and_what_is_none_is_refused() {
        let host = Recording::with_files([BERLIN]);
        let set_it = |zone: &str| set(&Timezone::This(zone.into()), &host);
        assert!(set_it("Europe/Berlin").expect("a zone"));
        assert!(!set_it("Europe/Berlin").expect("the same zone"));
        assert!(
            set_it("Europe/Berln")
                .unwrap_err()
                .to_string()
                .contains("Europe/Berln")
        );
        let link = Action::Link(LINK.into(), BERLIN.0.into());
        assert_eq!(host.actions(), [link]);
    }

    #[test]
    fn utc_takes_nothing_away() {
        let host = Recording::with_files([(LINK, "TZif2 of a command")]);
        assert!(!set(&Timezone::UtcWhereNone, &host).expect("a zone"));
        let host = Recording::default();
        assert!(set(&Timezone::UtcWhereNone, &host).expect("a zone"));
    }
}
