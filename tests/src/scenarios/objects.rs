//! Kubernetes objects that the scenarios apply.

use serde_json::{Value, json};

use crate::test_image::NAME;

/// A shell that waits, and leaves at once when it is told to.
const IDLE: &str = "trap 'exit 0' TERM; while :; do sleep 1; done";

/// A pod of the test image that runs `script`.
pub fn pod(name: &str, script: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 20,
            "containers": [{
                "name": "main",
                "image": NAME,
                "imagePullPolicy": "Never",
                "command": ["sh", "-c", script],
            }],
        },
    })
}

/// A pod that does nothing until it is ended.
pub fn idle_pod(name: &str) -> Value {
    pod(name, IDLE)
}

/// A pod with `volume` (its source, as in a pod's `volumes`) at `/data`.
pub fn pod_with_volume(name: &str, script: &str, volume: &Value) -> Value {
    let mut pod = pod(name, script);
    let mut source = volume.clone();
    source["name"] = json!("data");
    pod["spec"]["volumes"] = json!([source]);
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    pod
}

/// A web server on port 8080 that answers `answer` and says that it started.
pub fn web_pod(name: &str, answer: &str) -> Value {
    let script = format!(
        "mkdir -p /tmp/www; echo {answer} > /tmp/www/index.html; echo serving {answer}; exec httpd -f -p 8080 -h /tmp/www"
    );
    pod(name, &script)
}

/// A Service of port 80 in front of the pods of that name.
pub fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    })
}

/// A claim of the default StorageClass.
pub fn claim(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}},
    })
}

/// The volume source of that claim.
pub fn claimed(name: &str) -> Value {
    json!({"persistentVolumeClaim": {"claimName": name}})
}

/// The volume source of a directory of the machine.
pub fn host_path(path: &str) -> Value {
    json!({"hostPath": {"path": path, "type": "DirectoryOrCreate"}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_named_and_mounted() {
        let pod = pod_with_volume("p", "true", &claimed("c"));
        assert_eq!(pod["spec"]["volumes"][0]["name"], "data");
        assert_eq!(
            pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"],
            "c"
        );
        assert_eq!(
            pod["spec"]["containers"][0]["volumeMounts"][0]["mountPath"],
            "/data"
        );
    }

    #[test]
    fn a_service_selects_the_pods_of_its_name() {
        assert_eq!(
            service("web")["spec"]["selector"]["app"],
            web_pod("web", "x")["metadata"]["labels"]["app"]
        );
    }
}
