//! What does not apply of the keys that say which machine this is.
//!
//! A machine whose `server_url` is lost would become a server of its own, one whose name is lost a node of another name. So
//! these are remembered until a later source gives the key a value.

use crate::model::{Config, K3os};
use crate::problem::Problem;
use crate::schema::{Section, find, nearest};
use std::collections::BTreeMap;

/// The keys, sorted.
const KEYS: [&str; 4] = ["hostname", "k3os.k3s_args", "k3os.server_url", "k3os.token"];

/// Values that do not apply.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// By key, with its item or entry.
    lost: BTreeMap<String, Problem>,
    /// Sources, or their `k3os:`, that do not apply as a whole.
    whole: Vec<Problem>,
    /// The same of the present source, of which it is not known yet whether it says any of the keys.
    pending: Vec<Problem>,
}

impl Losses {
    /// A value of the key does not apply.
    pub(crate) fn lost(&mut self, key: &str, problem: &Problem) {
        if matches!(key, "" | "k3os") {
            self.pending.push(problem.clone());
        } else if own(key).is_some() {
            self.lost.insert(key.to_owned(), problem.clone());
        }
    }

    /// The key has a value. What is wrong with items of its list is reported after that.
    pub(crate) fn found(&mut self, key: &str) {
        if KEYS.contains(&key) {
            self.lost.retain(|lost, _| own(lost) != Some(key));
        }
    }

    /// There is no key of that name there; it may be one of ours in another spelling or place.
    pub(crate) fn unknown(&mut self, parent: &str, name: &str, problem: Problem) {
        if let Some(key) = meant(parent, name) {
            self.lost.insert(key.to_owned(), problem);
        }
    }

    /// The present source ends; this is its text.
    pub(crate) fn weigh(&mut self, text: &str) {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() && is_named_in(text) {
            self.whole.extend(pending);
        }
    }

    /// What is lost in the end.
    pub(crate) fn doubts(self) -> Vec<Problem> {
        self.whole
            .into_iter()
            .chain(self.lost.into_values())
            .collect()
    }
}

/// Which of our keys a key is or lies in: `k3os.k3s_args[2]` → `k3os.k3s_args`.
fn own(key: &str) -> Option<&'static str> {
    let begin = key.split('[').next().unwrap_or_default();
    KEYS.into_iter().find(|own| *own == begin)
}

fn meant(parent: &str, name: &str) -> Option<&'static str> {
    if !matches!(parent, "" | "k3os") {
        return None;
    }
    let below = find(K3os::FIELDS, name).map(|field| field.name);
    let above = find(Config::FIELDS, name).map(|field| field.name);
    let near = || {
        let fields = if parent.is_empty() {
            Config::FIELDS
        } else {
            K3os::FIELDS
        };
        nearest(fields, name)
    };
    let name = below.or(above).or_else(near)?;
    KEYS.into_iter()
        .find(|own| own.trim_start_matches("k3os.") == name)
}

/// Whether a text that cannot be read as it should names one of the keys, in any spelling.
fn is_named_in(text: &str) -> bool {
    let letters: String = text
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    KEYS.iter().any(|key| {
        let name = key.trim_start_matches("k3os.").replace('_', "");
        letters.contains(name.trim_end_matches('s'))
    })
}
