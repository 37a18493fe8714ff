//! Waiting for the API, the node and the system's pods.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api::{Client, Watch};

/// How often the API server is asked whether it is ready: it tells nobody by itself.
const API_POLL: Duration = Duration::from_millis(50);
/// After a refusal, before the next try.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until `/readyz` is ok.
pub async fn api(client: &Client) {
    while !client.is_ready().await {
        tokio::time::sleep(API_POLL).await;
    }
}

/// Waits until the node's condition Ready is true.
pub async fn node(client: &Client, name: &str) {
    watch_until(client, "/api/v1/nodes", &format!("fieldSelector=metadata.name%3D{name}"), |node| {
        is_true(node, "Ready")
    })
    .await;
}

/// Waits until every deployment of kube-system in `names` has all its pods ready. (Its condition Available is true
/// before: one pod may always be missing.)
pub async fn deployments(client: &Client, names: &[&str]) {
    for name in names {
        let selector = format!("fieldSelector=metadata.name%3D{name}");
        watch_until(client, "/apis/apps/v1/namespaces/kube-system/deployments", &selector, is_complete).await;
    }
}

/// Marks the node as a server, as k3s does; the kubelet may not do that itself.
pub async fn label_node(client: &Client, name: &str) {
    let patch = json!({ "metadata": { "labels": { "node-role.kubernetes.io/control-plane": "true" } } });
    while client.merge(&format!("/api/v1/nodes/{name}"), &patch).await.is_err() {
        tokio::time::sleep(PAUSE).await;
    }
}

async fn watch_until(client: &Client, path: &str, selector: &str, is_done: impl Fn(&Value) -> bool) {
    let mut watch = Watch::new(client, path, selector);
    loop {
        match watch.next().await {
            Ok(object) if is_done(&object) => return,
            Ok(_) => {}
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn is_true(object: &Value, condition: &str) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|c| c["type"] == condition && c["status"] == "True")
}

fn is_complete(deployment: &Value) -> bool {
    let number = |pointer: &str| deployment.pointer(pointer).and_then(Value::as_i64);
    let seen = number("/status/observedGeneration") >= number("/metadata/generation");
    seen && number("/status/readyReplicas").unwrap_or(0) >= number("/spec/replicas").unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deployments_are_complete_when_their_pods_are_ready() {
        let deployment = |ready: Option<i64>| {
            json!({
                "metadata": { "generation": 1 },
                "spec": { "replicas": 1 },
                "status": { "observedGeneration": 1, "readyReplicas": ready,
                    "conditions": [{ "type": "Available", "status": "True" }] },
            })
        };
        assert!(!is_complete(&deployment(None)));
        assert!(is_complete(&deployment(Some(1))));
        assert!(!is_complete(&json!({ "metadata": { "generation": 1 }, "status": { "readyReplicas": 1 } })));
    }

    #[test]
    fn conditions_are_read() {
        let object = json!({"status": {"conditions": [{"type": "A", "status": "True"}, {"type": "Ready", "status": "False"}]}});
        assert!(is_true(&object, "A"));
        assert!(!is_true(&object, "Ready"));
        assert!(!is_true(&json!({}), "Ready"));
    }
}
