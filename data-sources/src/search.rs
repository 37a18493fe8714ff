//! Asking the providers in their order.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::Metadata;
use crate::providers::{Provider, Reach};

/// Before each further round of those who did not answer: a service may come up later than the machine.
pub const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// What a provider knew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub provider: String,
    /// What it knew.
    pub metadata: Metadata,
}

/// What a search came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// What was found.
    pub found: Option<Found>,
    /// Who needs the network, and comes before anything that was found: ask again when it is there.
    pub is_pending: bool,
    /// Who did not answer, and why: `NAME: CAUSE`.
    pub failures: Vec<String>,
}

/// Asks in order. The first with userdata ends the search; without any, the first who knew anything counts.
/// With only local reach, the search ends in front of the first who needs the network.
pub fn search(providers: &[Box<dyn Provider + '_>], reach: Reach, pauses: &[Duration]) -> Search {
    let is_within =
        |provider: &&dyn Provider| reach == Reach::Network || provider.reach() == Reach::Local;
    let within: Vec<_> = providers
        .iter()
        .map(AsRef::as_ref)
        .take_while(is_within)
        .collect();
    let is_pending = within.len() < providers.len();
    let mut pauses = pauses.iter();
    loop {
        let round = round(&within);
        let again = round.found.is_none() && !round.failures.is_empty();
        match pauses.next().filter(|_| again) {
            Some(pause) => thread::sleep(*pause),
            None => return conclude(round, is_pending),
        }
    }
}

/// What has no userdata gives way to those who have not been asked.
fn conclude(round: Search, is_pending: bool) -> Search {
    let has_userdata = round
        .found
        .as_ref()
        .is_some_and(|found| found.metadata.userdata.is_some());
    let is_pending = is_pending && !has_userdata;
    Search {
        found: round.found.filter(|_| !is_pending),
        is_pending,
        ..round
    }
}

fn round(providers: &[&dyn Provider]) -> Search {
    let mut search = Search::default();
    for provider in providers {
        let found = match look(*provider) {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            Err(error) => {
                search
                    .failures
                    .push(format!("{}: {error:#}", provider.name()));
                continue;
            }
        };
        let has_userdata = found.metadata.userdata.is_some();
        if has_userdata || search.found.is_none() {
            search.found = Some(found);
        }
        if has_userdata {
            break;
        }
    }
    search
}

fn look(provider: &dyn Provider) -> Result<Option<Found>> {
    let mut metadata = provider.look()?;
    if let Some(metadata) = &mut metadata {
        metadata.userdata = metadata
            .userdata
            .take()
            .filter(|data| !data.trim_ascii().is_empty());
    }
    Ok(metadata.map(|metadata| Found {
        provider: provider.name().to_owned(),
        metadata,
    }))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use anyhow::bail;

    use super::*;

    /// Fails as often as told, then says what it knows.
    struct Someone {
        name: &'static str,
        reach: Reach,
        failures: Cell<u32>,
        says: Option<Metadata>,
    }

    impl Provider for Someone {
        fn name(&self) -> &str {
            self.name
        }

        fn reach(&self) -> Reach {
            self.reach
        }

        fn look(&self) -> Result<Option<Metadata>> {
            match self.failures.get() {
                0 => Ok(self.says.clone()),
                left => {
                    self.failures.set(left - 1);
                    bail!("nobody answers")
                }
            }
        }
    }

    fn someone(
        name: &'static str,
        reach: Reach,
        failures: u32,
        userdata: Option<&str>,
    ) -> Box<dyn Provider> {
        let says = Metadata {
            hostname: Some(name.into()),
            userdata: userdata.map(|text| text.as_bytes().to_vec()),
            ..Metadata::default()
        };
        Box::new(Someone {
            name,
            reach,
            failures: Cell::new(failures),
            says: Some(says),
        })
    }

    fn winner(search: &Search) -> Option<&str> {
        search.found.as_ref().map(|found| found.provider.as_str())
    }

    const NO_PAUSES: [Duration; 3] = [Duration::ZERO; 3];

    #[test]
    fn the_first_with_userdata_wins() {
        let (local, network) = (Reach::Local, Reach::Network);
        let all = [
            someone("a", network, 0, Some(" \n")),
            someone("b", local, 0, Some("x")),
            someone("c", local, 0, Some("y")),
        ];
        assert_eq!(winner(&search(&all, network, &NO_PAUSES)), Some("b"));
        let without = [someone("a", network, 0, None), someone("b", local, 0, None)];
        assert_eq!(winner(&search(&without, network, &NO_PAUSES)), Some("a"));
    }

    #[test]
    fn without_network_nobody_behind_a_service_is_asked() {
        let (local, network) = (Reach::Local, Reach::Network);
        let all = [
            someone("a", local, 0, None),
            someone("b", network, 0, Some("x")),
            someone("c", local, 0, Some("y")),
        ];
        let first = search(&all, local, &[]);
        assert_eq!((winner(&first), first.is_pending), (None, true));
        assert_eq!(winner(&search(&all, network, &[])), Some("b"));
        let enough = [
            someone("a", local, 0, Some("x")),
            someone("b", network, 0, None),
        ];
        let first = search(&enough, local, &[]);
        assert_eq!((winner(&first), first.is_pending), (Some("a"), false));
    }

    #[test]
    fn who_does_not_answer_is_asked_again_and_named_at_last() {
        let network = Reach::Network;
        let late = [someone("late", network, 3, Some("x"))];
        assert_eq!(winner(&search(&late, network, &NO_PAUSES)), Some("late"));
        let dead = [someone("dead", network, 9, None)];
        assert_eq!(
            search(&dead, network, &NO_PAUSES).failures,
            ["dead: nobody answers"]
        );
    }
}
