//! Reading the objects in a manifest. Pure.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The objects in a file: all documents of a YAML or JSON text, with lists taken apart.
///
/// # Errors
/// Syntax, with line and column; a document that is no object.
pub fn objects(text: &str) -> Result<Vec<Value>> {
    let documents = k3s_arguments::yaml::values(text).context("parsing")?;
    let mut objects = Vec::new();
    for (index, document) in documents.into_iter().filter(|d| !d.is_null()).enumerate() {
        ensure!(
            document.is_object(),
            "parsing: document {} is not an object",
            index + 1
        );
        flatten(document, &mut objects);
    }
    Ok(objects)
}

fn flatten(mut document: Value, objects: &mut Vec<Value>) {
    let is_list = document
        .get("kind")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.ends_with("List"));
    match document.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => {
            items.into_iter().for_each(|item| flatten(item, objects))
        }
        Some(items) => {
            document["items"] = items;
            objects.push(document);
        }
        None => objects.push(document),
    }
}

/// The order in which kinds have to be there: what others live in or are made of comes first.
pub fn sort_for_apply(objects: &mut [Value]) {
    objects.sort_by_key(|object| match object.get("kind").and_then(Value::as_str) {
        Some("Namespace") => 0,
        Some("CustomResourceDefinition") => 1,
        Some(
            "ServiceAccount" | "ClusterRole" | "Role" | "ConfigMap" | "Secret" | "StorageClass",
        ) => 2,
        Some("ClusterRoleBinding" | "RoleBinding" | "Service") => 3,
        _ => 4,
    });
}

/// Whether an object brings pods, which have to wait for a node.
pub fn runs_pods(object: &Value) -> bool {
    let kind = object.get("kind").and_then(Value::as_str);
    matches!(
        kind,
        Some("Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "Job" | "Pod")
    )
}

/// Whether deleting a thing of this kind deletes what people keep in it. Such a thing is never deleted because it left a
/// manifest: a file may be half written, or lost.
pub fn holds_data(kind: &str) -> bool {
    matches!(
        kind,
        "Namespace" | "CustomResourceDefinition" | "PersistentVolume" | "PersistentVolumeClaim"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<String>> {
        let mut objects = objects(text)?;
        sort_for_apply(&mut objects);
        Ok(objects
            .iter()
            .map(|o| o["metadata"]["name"].as_str().unwrap_or("?").to_string())
            .collect())
    }

    #[test]
    fn documents_and_lists_are_taken_apart_and_ordered() -> Result<()> {
        let text = "kind: Deployment\nmetadata: {name: d}\n---\n---\nkind: List\nitems:\n\
                    - {kind: Pod, metadata: {name: p}}\n- {kind: Namespace, metadata: {name: ns}}\n";
        assert_eq!(names(text)?, ["ns", "d", "p"]);
        assert_eq!(
            names("{\"kind\": \"Pod\", \"metadata\": {\"name\": \"j\"}}")?,
            ["j"]
        );
        assert!(names("# nothing\n")?.is_empty());
        Ok(())
    }

    #[test]
    fn errors_say_where() {
        let error = objects("a: b\nc: [\n")
            .err()
            .map(|e| format!("{e:#}"))
            .unwrap_or_default();
        assert!(error.contains("line"), "{error}");
        assert!(objects("- a\n").is_err());
    }

    #[test]
    fn quoted_text_stays_text() -> Result<()> {
        let object = objects("a: \"true\"\nb: '1'\nc: 1\nd: |\n  x: 1\n  y\n")?.remove(0);
        assert_eq!(
            object,
            serde_json::json!({"a": "true", "b": "1", "c": 1, "d": "x: 1\ny\n"})
        );
        Ok(())
    }
}
