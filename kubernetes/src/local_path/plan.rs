//! Which volumes to make and to remove. Pure.

use std::path::Path;

use serde_json::{Value, json};

const PROVISIONER: &str = "rancher.io/local-path";

/// A claim that waits for a volume on this node.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    uid: String,
    namespace: String,
    name: String,
    /// Its storage class.
    pub class: String,
    size: String,
    modes: Value,
}

impl Wanted {
    /// The directory of its volume: the same name as rancher's provisioner gives.
    pub fn directory_name(&self) -> String {
        format!("pvc-{}_{}_{}", self.uid, self.namespace, self.name)
    }
}

/// A volume whose claim is gone.
#[derive(Debug, PartialEq, Eq)]
pub struct Released {
    /// The volume.
    pub name: String,
    /// Its directory's name.
    pub directory: String,
}

/// Reads a claim: wanted is one of ours without a volume, whose pod the scheduler has put on this node.
pub fn wanted(claim: &Value, node: &str) -> Option<Wanted> {
    let text = |pointer: &str| claim.pointer(pointer).and_then(Value::as_str);
    let note = |name: &str| claim.pointer("/metadata/annotations")?.get(name)?.as_str();
    let ours = note("volume.kubernetes.io/storage-provisioner") == Some(PROVISIONER);
    let here = note("volume.kubernetes.io/selected-node") == Some(node);
    let pending =
        text("/status/phase") == Some("Pending") && text("/metadata/deletionTimestamp").is_none();
    let unbound = text("/spec/volumeName").unwrap_or_default().is_empty();
    if !(ours && here && pending && unbound) {
        return None;
    }
    Some(Wanted {
        uid: text("/metadata/uid")?.into(),
        namespace: text("/metadata/namespace")?.into(),
        name: text("/metadata/name")?.into(),
        class: text("/spec/storageClassName")?.into(),
        size: text("/spec/resources/requests/storage")?.into(),
        modes: claim.pointer("/spec/accessModes")?.clone(),
    })
}

/// The volume for a claim.
pub fn volume(wanted: &Wanted, class: &Value, node: &str, storage: &Path) -> Value {
    let reclaim = class
        .get("reclaimPolicy")
        .and_then(Value::as_str)
        .unwrap_or("Delete");
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "namespace": wanted.namespace, "name": wanted.name, "uid": wanted.uid,
    });
    let on_this_node =
        json!({ "key": "kubernetes.io/hostname", "operator": "In", "values": [node] });
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": format!("pvc-{}", wanted.uid),
            "annotations": { "pv.kubernetes.io/provisioned-by": PROVISIONER, "local.path.provisioner/selected-node": node },
        },
        "spec": {
            "capacity": { "storage": wanted.size },
            "accessModes": wanted.modes,
            "persistentVolumeReclaimPolicy": reclaim,
            "storageClassName": wanted.class,
            "claimRef": claim,
            "volumeMode": "Filesystem",
            "hostPath": { "path": storage.join(wanted.directory_name()), "type": "DirectoryOrCreate" },
            "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [on_this_node] }] } },
        },
    })
}

/// Reads a volume: released is one of ours on this node that is to be deleted with its claim, and whose directory lies
/// directly in `storage`. The path comes from the API, so it is believed only in this form.
pub fn released(volume: &Value, node: &str, storage: &Path) -> Option<Released> {
    let text = |pointer: &str| volume.pointer(pointer).and_then(Value::as_str);
    let note = |name: &str| volume.pointer("/metadata/annotations")?.get(name)?.as_str();
    let ours = note("pv.kubernetes.io/provisioned-by") == Some(PROVISIONER)
        && note("local.path.provisioner/selected-node") == Some(node);
    let ended = text("/status/phase") == Some("Released")
        && text("/spec/persistentVolumeReclaimPolicy") == Some("Delete")
        && text("/metadata/deletionTimestamp").is_none();
    let path = Path::new(text("/spec/hostPath/path")?);
    let directory = path.file_name()?.to_str()?;
    let name = text("/metadata/name")?;
    let believable = path.parent() == Some(storage) && directory.starts_with(&format!("{name}_"));
    (ours && ended && believable).then(|| Released {
        name: name.into(),
        directory: directory.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Value {
        json!({
            "metadata": { "uid": "u1", "namespace": "ns", "name": "data", "annotations": {
                "volume.kubernetes.io/storage-provisioner": PROVISIONER,
                "volume.kubernetes.io/selected-node": "n1",
            }},
            "spec": { "storageClassName": "local-path", "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "1Gi" } } },
            "status": { "phase": "Pending" },
        })
    }

    fn released_volume() -> Option<Value> {
        let wanted = wanted(&claim(), "n1")?;
        let mut volume = volume(
            &wanted,
            &json!({"reclaimPolicy": "Delete"}),
            "n1",
            Path::new("/s"),
        );
        volume["status"] = json!({ "phase": "Released" });
        Some(volume)
    }

    #[test]
    fn claims_for_this_node_are_wanted() {
        assert!(wanted(&claim(), "n1").is_some_and(|w| w.directory_name() == "pvc-u1_ns_data"));
        assert_eq!(wanted(&claim(), "n2"), None);
        let mut bound = claim();
        bound["spec"]["volumeName"] = "pvc-u1".into();
        assert_eq!(wanted(&bound, "n1"), None);
        let mut foreign = claim();
        foreign["metadata"]["annotations"]["volume.kubernetes.io/storage-provisioner"] =
            "other".into();
        assert_eq!(wanted(&foreign, "n1"), None);
    }

    #[test]
    fn what_was_made_is_recognized_when_released() {
        let expected = Released {
            name: "pvc-u1".into(),
            directory: "pvc-u1_ns_data".into(),
        };
        assert_eq!(
            released_volume().and_then(|v| released(&v, "n1", Path::new("/s"))),
            Some(expected)
        );
    }

    #[test]
    fn other_paths_are_not_believed() {
        for path in [
            "/etc/pvc-u1_ns_data",
            "/s/../etc",
            "/s/x/pvc-u1_ns_data",
            "/s",
            "/s/pvc-u2_ns_data",
            "/s/pvc-u1_a/..",
        ] {
            let volume = released_volume().map(|mut v| {
                v["spec"]["hostPath"]["path"] = path.into();
                v
            });
            assert_eq!(
                volume.and_then(|v| released(&v, "n1", Path::new("/s"))),
                None,
                "{path}"
            );
        }
    }

    #[test]
    fn retained_volumes_stay() {
        let volume = released_volume().map(|mut v| {
            v["spec"]["persistentVolumeReclaimPolicy"] = "Retain".into();
            v
        });
        assert_eq!(
            volume.and_then(|v| released(&v, "n1", Path::new("/s"))),
            None
        );
    }
}
