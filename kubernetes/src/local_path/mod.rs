//! The storage class `local-path`: a volume is a directory on the node.

mod directory;
mod plan;

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::api::{Client, Watch};
use directory::Remover;

/// After an error, before the next try.
const PAUSE: Duration = Duration::from_secs(2);

/// Makes volumes for claims on this node, and removes released ones, for ever. A failure is reported and tried again
/// when the object changes, or when the watch begins anew.
///
/// # Errors
/// Only when no thread can be started.
pub async fn provision(client: &Client, node: &str, storage: &Path) -> Result<Infallible> {
    let provisioner = Provisioner {
        client,
        node,
        storage,
        remover: Remover::start(storage)?,
    };
    let mut claims = Watch::new(client, "/api/v1/persistentvolumeclaims", "");
    let mut volumes = Watch::new(client, "/api/v1/persistentvolumes", "");
    loop {
        let outcome = tokio::select! {
            claim = claims.next() => match claim {
                Ok(claim) => provisioner.claim(&claim).await,
                // The API is being started again; its supervisor reports that.
                Err(_) => { tokio::time::sleep(PAUSE).await; Ok(()) }
            },
            volume = volumes.next() => match volume {
                Ok(volume) => provisioner.volume(&volume).await,
                Err(_) => { tokio::time::sleep(PAUSE).await; Ok(()) }
            },
        };
        if let Err(error) = outcome {
            println!("k3s: local-path: {error:#}");
            tokio::time::sleep(PAUSE).await;
            claims = Watch::new(client, "/api/v1/persistentvolumeclaims", "");
            volumes = Watch::new(client, "/api/v1/persistentvolumes", "");
        }
    }
}

struct Provisioner<'a> {
    client: &'a Client,
    node: &'a str,
    storage: &'a Path,
    remover: Remover,
}

impl Provisioner<'_> {
    async fn claim(&self, claim: &Value) -> Result<()> {
        let Some(wanted) = plan::wanted(claim, self.node) else {
            return Ok(());
        };
        let path = format!("/apis/storage.k8s.io/v1/storageclasses/{}", wanted.class);
        let class = self
            .client
            .get(&path)
            .await
            .with_context(|| format!("reading the storage class {}", wanted.class))?;
        let volume = plan::volume(&wanted, &class, self.node, self.storage);
        let name = wanted.directory_name();
        directory::make(self.storage, &name)?;
        match self
            .client
            .create("/api/v1/persistentvolumes", &volume)
            .await
        {
            Err(error) if !error.is_conflict() => {
                Err(error).with_context(|| format!("making the volume {name}"))
            }
            _ => Ok(()),
        }
    }

    async fn volume(&self, volume: &Value) -> Result<()> {
        let Some(released) = plan::released(volume, self.node, self.storage) else {
            return Ok(());
        };
        if let Some(aside) = directory::set_aside(self.storage, &released.directory)? {
            self.remover.remove(aside);
        }
        let path = format!("/api/v1/persistentvolumes/{}", released.name);
        self.client
            .delete(&path)
            .await
            .with_context(|| format!("deleting the volume {}", released.name))
    }
}
