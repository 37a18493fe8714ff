//! The loop that keeps the folder applied.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::documents;
use super::folder::{self, Changes, Contents};
use super::record::Record;
use crate::api::{Applier, Client, ObjectRef};

/// Keeps the manifests in `folder` applied for ever; `record` is the file that remembers what was applied. A manifest
/// that fails is reported, tried again, and does not stop the others.
///
/// # Errors
/// Only a record that cannot be read.
pub async fn keep_applied(client: &Client, folder: &Path, record: &Path) -> Result<std::convert::Infallible> {
    let mut keeper = Keeper { client, record: Record::load(record)?, done: HashMap::new() };
    loop {
        let changes = Changes::listen(folder);
        keeper.round(folder::read(folder)).await;
        changes.next().await;
    }
}

struct Keeper<'a> {
    client: &'a Client,
    record: Record,
    /// The texts that were applied without an error.
    done: HashMap<String, Vec<u8>>,
}

impl Keeper<'_> {
    async fn round(&mut self, contents: Contents) {
        let mut applier = Applier::new(self.client);
        for (name, text) in &contents.files {
            if self.done.get(name) != Some(text) {
                let failures = self.apply_text(&mut applier, name, text).await;
                if failures.is_empty() {
                    self.done.insert(name.clone(), text.clone());
                }
                report(name, &failures);
            }
        }
        for name in self.record.names() {
            if !contents.files.contains_key(&name) && !contents.skipped.contains(&name) {
                self.done.remove(&name);
                report(&name, &self.apply_objects(&mut applier, &name, Vec::new()).await);
            }
        }
    }

    async fn apply_text(&mut self, applier: &mut Applier, name: &str, text: &[u8]) -> Vec<anyhow::Error> {
        match documents::objects(&String::from_utf8_lossy(text)) {
            Ok(objects) => self.apply_objects(applier, name, objects).await,
            Err(error) => vec![error],
        }
    }

    /// Applies a manifest's objects, then deletes those that have left it. All are tried; returns what failed.
    async fn apply_objects(&mut self, applier: &mut Applier, name: &str, mut objects: Vec<Value>) -> Vec<anyhow::Error> {
        documents::sort_for_apply(&mut objects);
        let wanted: Result<Vec<ObjectRef>> = objects.iter().map(ObjectRef::of).collect();
        let begun = wanted.and_then(|wanted| Ok((self.record.begin(name, &wanted)?, wanted)));
        let (gone, mut kept) = match begun {
            Ok(begun) => begun,
            Err(error) => return vec![error],
        };
        let mut failures = Vec::new();
        for object in &objects {
            failures.extend(applier.apply(object).await.err());
        }
        for object in gone {
            if let Err(error) = applier.delete(&object).await {
                kept.push(object);
                failures.push(error);
            }
        }
        failures.extend(self.record.set(name, kept).err());
        failures
    }
}

fn report(name: &str, failures: &[anyhow::Error]) {
    for failure in failures {
        println!("k3s: manifest {name}: {failure:#}");
    }
}
