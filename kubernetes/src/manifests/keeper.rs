//! The loop that keeps the directory applied.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::directory::{self, Changes, Contents};
use super::documents;
use super::record::Record;
use crate::api::{Applier, Client, ObjectRef};

/// What failed is tried again after this; the pause doubles up to [`LOOK_AGAIN`].
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// The directory is looked at again at the latest after this.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// What runs pods is applied when `node` says that there is a node to run them, at the latest after this: the scheduler
/// puts a pod aside for a second or more when it finds no node for it.
const WAIT_FOR_NODE: Duration = Duration::from_secs(30);

/// What is kept applied.
pub struct Wanted<'a> {
    /// The manifests.
    pub directory: &'a Path,
    /// The file that remembers what was applied.
    pub record: &'a Path,
    /// Names of the manifests that `--disable` leaves out: their objects are deleted.
    pub disabled: Vec<String>,
}

/// Keeps the manifests applied for ever. A manifest that fails is reported, tried again, and does not stop the others.
///
/// As with k3s, a manifest that is removed leaves its objects in the cluster, and an object that leaves a manifest is
/// deleted; other than with k3s, not where others keep data in it.
pub async fn keep_applied(
    client: &Client,
    wanted: &Wanted<'_>,
    node: watch::Receiver<bool>,
) -> std::convert::Infallible {
    let directory = wanted.directory;
    let deadline = Instant::now() + WAIT_FOR_NODE;
    let mut keeper = Keeper {
        client,
        node,
        deadline,
        record: Record::load(wanted.record),
        disabled: &wanted.disabled,
        done: HashMap::new(),
        reported: HashMap::new(),
    };
    let mut pause = FIRST_RETRY;
    loop {
        let changes = Changes::listen(directory);
        match keeper.look(directory::read(directory)).await {
            0 => {
                pause = FIRST_RETRY;
                changes.next(LOOK_AGAIN).await;
            }
            _ => {
                changes.next(pause).await;
                pause = (pause * 2).min(LOOK_AGAIN);
            }
        }
    }
}

struct Keeper<'a> {
    client: &'a Client,
    node: watch::Receiver<bool>,
    deadline: Instant,
    record: Record,
    disabled: &'a [String],
    /// The texts that were applied without an error.
    done: HashMap<String, Vec<u8>>,
    /// What was last said about a manifest.
    reported: HashMap<String, Vec<String>>,
}

impl Keeper<'_> {
    /// A round, unless nobody knows what there is.
    async fn look(&mut self, contents: Result<Contents>) -> usize {
        const DIRECTORY: &str = "(directory)";
        match contents {
            Ok(contents) => {
                self.report(DIRECTORY, &[]);
                self.round(contents).await
            }
            Err(error) => self.report(DIRECTORY, &[error]),
        }
    }

    /// Applies what is new or failed before, forgets what has gone; returns the number of failures.
    async fn round(&mut self, contents: Contents) -> usize {
        let mut applier = Applier::new(self.client);
        let mut count = 0;
        for (name, text) in &contents.files {
            if self.done.get(name) != Some(text) {
                let failures = self.apply_text(&mut applier, name, text).await;
                if failures.is_empty() {
                    self.done.insert(name.clone(), text.clone());
                }
                count += self.report(name, &failures);
            }
        }
        for name in self.record.names() {
            if !contents.files.contains_key(&name) && !contents.skipped.contains(&name) {
                self.done.remove(&name);
                let failures = match self.disabled.contains(&name) {
                    true => self.delete_all(&mut applier, &name).await,
                    false => self.forget(&name),
                };
                count += self.report(&name, &failures);
            }
        }
        count
    }

    /// A manifest that is no longer there.
    fn forget(&mut self, name: &str) -> Vec<anyhow::Error> {
        println!("k3s: manifest {name} is gone; its objects stay (kubectl delete removes them)");
        self.record
            .set(name, Vec::new())
            .err()
            .into_iter()
            .collect()
    }

    /// Deletes the objects of a part that has been disabled.
    async fn delete_all(&mut self, applier: &mut Applier, name: &str) -> Vec<anyhow::Error> {
        let (mut left, mut failures) = (Vec::new(), Vec::new());
        for object in self.record.objects(name) {
            if let Err(error) = applier.delete(&object).await {
                left.push(object);
                failures.push(error);
            }
        }
        failures.extend(self.record.set(name, left).err());
        failures
    }

    /// Prints failures, unless they are the same as the last time; returns their number.
    fn report(&mut self, name: &str, failures: &[anyhow::Error]) -> usize {
        let words: Vec<String> = failures
            .iter()
            .map(|failure| format!("{failure:#}"))
            .collect();
        if self.reported.get(name) != Some(&words) {
            for failure in &words {
                println!("k3s: manifest {name}: {failure}");
            }
            self.reported.insert(name.into(), words);
        }
        failures.len()
    }

    async fn apply_text(
        &mut self,
        applier: &mut Applier,
        name: &str,
        text: &[u8],
    ) -> Vec<anyhow::Error> {
        match documents::objects(&String::from_utf8_lossy(text)) {
            // Emptied, or not written yet: as if it were removed.
            Ok(objects) if objects.is_empty() && self.record.has(name) => self.forget(name),
            Ok(objects) => self.apply_objects(applier, name, objects).await,
            Err(error) => vec![error],
        }
    }

    /// Applies a manifest's objects, then deletes those that have left it. All are tried; returns what failed.
    async fn apply_objects(
        &mut self,
        applier: &mut Applier,
        name: &str,
        mut objects: Vec<Value>,
    ) -> Vec<anyhow::Error> {
        documents::sort_for_apply(&mut objects);
        let wanted: Result<Vec<ObjectRef>> = objects.iter().map(ObjectRef::of).collect();
        let begun = wanted.and_then(|wanted| Ok((self.record.begin(name, &wanted)?, wanted)));
        let (gone, mut kept) = match begun {
            Ok(begun) => begun,
            Err(error) => return vec![error],
        };
        let mut failures = Vec::new();
        for object in &objects {
            if documents::runs_pods(object) {
                let _ = tokio::time::timeout_at(self.deadline, self.node.wait_for(|ready| *ready))
                    .await;
            }
            failures.extend(applier.apply(object).await.err());
        }
        for object in gone {
            if documents::holds_data(&object.kind) {
                println!(
                    "k3s: {object} has left manifest {name} and stays, with what is in it (kubectl delete removes it)"
                );
            } else if let Err(error) = applier.delete(&object).await {
                kept.push(object);
                failures.push(error);
            }
        }
        failures.extend(self.record.set(name, kept).err());
        failures
    }
}
