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

/// A bundled part that runs pods.
pub struct Part {
    /// Name of its manifest and deployment.
    pub name: &'static str,
    /// The label `k8s-app` of its pods.
    label: &'static str,
    /// Whether others wait for its pods to be ready, too.
    needed: bool,
}

/// The bundled parts that run pods. Nothing waits for metrics, which take two rounds of measurements to be ready.
pub const PARTS: [Part; 2] = [
    Part { name: "coredns", label: "kube-dns", needed: true },
    Part { name: "metrics-server", label: "metrics-server", needed: false },
];

/// Waits until a part has a running pod, and a ready one if it is needed.
pub async fn part(client: &Client, part: &Part) {
    let selector = format!("labelSelector=k8s-app%3D{}", part.label);
    watch_until(client, "/api/v1/namespaces/kube-system/pods", &selector, |pod| {
        pod.pointer("/status/phase") == Some(&"Running".into()) && (!part.needed || is_true(pod, "Ready"))
    })
    .await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        let object = json!({"status": {"conditions": [{"type": "A", "status": "True"}, {"type": "Ready", "status": "False"}]}});
        assert!(is_true(&object, "A"));
        assert!(!is_true(&object, "Ready"));
        assert!(!is_true(&json!({}), "Ready"));
    }
}
