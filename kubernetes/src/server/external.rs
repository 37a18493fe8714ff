//! `--node-external-ip`: the node's ExternalIP, which a cloud controller would set. The kubelet leaves the addresses to us
//! (`--cloud-provider=external`) and holds its node back by a taint until they are there.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::api::{Client, ClientError, Watch};
use crate::settings::Settings;

/// The kubelet's taint on a node without addresses.
const TAINT: &str = "node.cloudprovider.kubernetes.io/uninitialized";
/// After a refusal, before the next try.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps the node's addresses; does nothing where none was given.
pub async fn keep(
    client: &Client,
    settings: &Settings,
    internal: watch::Receiver<Vec<IpAddr>>,
) -> Infallible {
    let external = &settings.args.node.node_external_ip;
    if external.is_empty() {
        return std::future::pending().await;
    }
    let name = &settings.node_name;
    let mut nodes = Watch::new(
        client,
        "/api/v1/nodes",
        &format!("fieldSelector=metadata.name%3D{name}"),
    );
    loop {
        let outcome = match nodes.next().await {
            Ok(node) => {
                let wanted = addresses(&internal.borrow(), external, name);
                set(client, &node, &wanted).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            // The list is read anew, so that what was refused is tried again.
            if !error.is_conflict() {
                println!("k3s: setting the node's external address: {error}");
            }
            tokio::time::sleep(PAUSE).await;
            nodes = Watch::new(
                client,
                "/api/v1/nodes",
                &format!("fieldSelector=metadata.name%3D{name}"),
            );
        }
    }
}

async fn set(client: &Client, node: &Value, wanted: &Value) -> Result<(), ClientError> {
    let Some(name) = node.pointer("/metadata/name").and_then(Value::as_str) else {
        return Ok(());
    };
    let path = format!("/api/v1/nodes/{name}");
    if node.pointer("/status/addresses") != Some(wanted) {
        let patch = json!({ "status": { "addresses": wanted } });
        client.merge(&format!("{path}/status"), &patch).await?;
        // The change is reported like any other; the taint's turn is then.
        return Ok(());
    }
    if let Some(patch) = without_taint(node) {
        client.merge(&path, &patch).await?;
    }
    Ok(())
}

fn addresses(internal: &[IpAddr], external: &[IpAddr], name: &str) -> Value {
    let of = |kind: &'static str| move |ip: &IpAddr| json!({ "type": kind, "address": ip });
    let internal = internal.iter().map(of("InternalIP"));
    let external = external.iter().map(of("ExternalIP"));
    let name = json!({ "type": "Hostname", "address": name });
    internal.chain(external).chain([name]).collect()
}

/// The patch that takes the taint away, if it is there. It holds for this version of the node only: somebody may add others.
fn without_taint(node: &Value) -> Option<Value> {
    let taints = node.pointer("/spec/taints")?.as_array()?;
    let kept: Vec<&Value> = taints
        .iter()
        .filter(|taint| taint["key"] != TAINT)
        .collect();
    if kept.len() == taints.len() {
        return None;
    }
    let version = node.pointer("/metadata/resourceVersion");
    Some(json!({ "metadata": { "resourceVersion": version }, "spec": { "taints": kept } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_all_kinds_and_only_our_taint() {
        let (internal, external) = (
            [IpAddr::from([10, 0, 0, 2])],
            [IpAddr::from([203, 0, 113, 5])],
        );
        let expected = json!([
            {"type": "InternalIP", "address": "10.0.0.2"},
            {"type": "ExternalIP", "address": "203.0.113.5"},
            {"type": "Hostname", "address": "n"},
        ]);
        assert_eq!(addresses(&internal, &external, "n"), expected);
        let node = |keys: &[&str]| {
            let taints: Vec<Value> = keys.iter().map(|key| json!({"key": key})).collect();
            json!({ "metadata": { "resourceVersion": "7" }, "spec": { "taints": taints } })
        };
        assert_eq!(without_taint(&node(&["a"])), None);
        assert_eq!(without_taint(&json!({})), None);
        assert_eq!(
            without_taint(&node(&["a", TAINT])),
            Some(json!({"metadata": {"resourceVersion": "7"}, "spec": {"taints": [{"key": "a"}]}}))
        );
    }
}
