//! Waiting for the API, the node and the system's pods.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api::{Client, Watch};

/// How often the API server is asked whether it serves: it tells nobody by itself, and each answer is work for it.
const SERVING_POLL: Duration = Duration::from_millis(100);
/// After a refusal, before the next try.
const PAUSE: Duration = Duration::from_millis(200);

/// Parts of `/readyz` that clients need not wait for: they create the system's roles and priorities one by one, after
/// the API serves.
const LATE_CHECKS: &str = "exclude=poststarthook/rbac/bootstrap-roles&exclude=poststarthook/scheduling/bootstrap-system-priority-classes";

/// Waits until the API serves requests.
pub async fn serving(client: &Client) {
    while !client.is_ok(&format!("/readyz?{LATE_CHECKS}")).await {
        tokio::time::sleep(SERVING_POLL).await;
    }
}

/// Waits until the node's condition Ready is true.
pub async fn node(client: &Client, name: &str) {
    watch_until(client, "/api/v1/nodes", &named(name), |node| {
        is_true(node, "Ready")
    })
    .await;
}

/// Waits until pods are put on the node: Ready, and seen to be so.
pub async fn schedulable(client: &Client, name: &str) {
    watch_until(client, "/api/v1/nodes", &named(name), |node| {
        is_true(node, "Ready") && !is_held_back(node)
    })
    .await;
}

fn named(name: &str) -> String {
    format!("fieldSelector=metadata.name%3D{name}")
}

fn is_held_back(node: &Value) -> bool {
    let taints = node.pointer("/spec/taints").and_then(Value::as_array);
    taints
        .into_iter()
        .flatten()
        .any(|t| t["key"] == "node.kubernetes.io/not-ready")
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
    Part {
        name: "coredns",
        label: "kube-dns",
        needed: true,
    },
    Part {
        name: "metrics-server",
        label: "metrics-server",
        needed: false,
    },
];

/// Waits until a part has a running pod, and a ready one if it is needed.
pub async fn part(client: &Client, part: &Part) {
    let selector = format!("labelSelector=k8s-app%3D{}", part.label);
    watch_until(
        client,
        "/api/v1/namespaces/kube-system/pods",
        &selector,
        |pod| {
            pod.pointer("/status/phase") == Some(&"Running".into())
                && (!part.needed || is_true(pod, "Ready"))
        },
    )
    .await;
}

/// Marks the node as a server, as k3s does; the kubelet may not do that itself.
pub async fn label_node(client: &Client, name: &str) {
    let patch =
        json!({ "metadata": { "labels": { "node-role.kubernetes.io/control-plane": "true" } } });
    while client
        .merge(&format!("/api/v1/nodes/{name}"), &patch)
        .await
        .is_err()
    {
        tokio::time::sleep(PAUSE).await;
    }
}

async fn watch_until(
    client: &Client,
    path: &str,
    selector: &str,
    is_done: impl Fn(&Value) -> bool,
) {
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
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|c| c["type"] == condition && c["status"] == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_held_back_by_its_taint() {
        let node = |key: &str| json!({"spec": {"taints": [{"key": key, "effect": "NoSchedule"}]}});
        assert!(is_held_back(&node("node.kubernetes.io/not-ready")));
        assert!(!is_held_back(&node("mine")));
        assert!(!is_held_back(&json!({})));
    }

    #[test]
    fn conditions_are_read() {
        let object = json!({"status": {"conditions": [{"type": "A", "status": "True"}, {"type": "Ready", "status": "False"}]}});
        assert!(is_true(&object, "A"));
        assert!(!is_true(&object, "Ready"));
        assert!(!is_true(&json!({}), "Ready"));
    }
}
