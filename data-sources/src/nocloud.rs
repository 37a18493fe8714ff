//! What data media hold: NoCloud's `user-data` and `meta-data`, k3OS's `config`, OpenStack's configuration drive.

use config::tree::{Node, Value};
use config::yaml;
use serde_json::Value as Json;

use crate::Metadata;
use crate::media::Files;

const OPENSTACK_META_DATA: &str = "openstack/latest/meta_data.json";
const OPENSTACK_USER_DATA: &str = "openstack/latest/user_data";

/// Every file that may be read.
pub(crate) const FILES: [&str; 5] = [
    "user-data",
    "config",
    "meta-data",
    OPENSTACK_META_DATA,
    OPENSTACK_USER_DATA,
];

/// What the files of a volume say; nothing when it has none of them.
pub(crate) fn metadata(files: &Files) -> Option<Metadata> {
    let file = |name: &str| files.get(name).filter(|bytes| !bytes.is_empty());
    if let Some(json) = file(OPENSTACK_META_DATA) {
        return Some(Metadata {
            userdata: file(OPENSTACK_USER_DATA).cloned(),
            ..openstack_meta_data(json).unwrap_or_default()
        });
    }
    let userdata = ["user-data", "config", OPENSTACK_USER_DATA]
        .into_iter()
        .find_map(file);
    let said = file("meta-data").map(|bytes| meta_data(&String::from_utf8_lossy(bytes)));
    if userdata.is_none() && said.is_none() {
        return None;
    }
    Some(Metadata {
        userdata: userdata.cloned(),
        ..said.unwrap_or_default()
    })
}

/// NoCloud's and Hetzner's `meta-data`, in YAML: names and keys. What cannot be read says nothing.
pub fn meta_data(text: &str) -> Metadata {
    let root = yaml::parse(text).ok().and_then(|document| document.root);
    let value = |name: &str| root.as_ref().and_then(|root| entry(root, name));
    Metadata {
        hostname: value("hostname").and_then(text_of),
        local_hostname: value("local-hostname").and_then(text_of),
        keys: value("public-keys").map(texts).unwrap_or_default(),
        userdata: None,
    }
}

/// OpenStack's `meta_data.json`; nothing when it is none.
pub fn openstack_meta_data(json: &[u8]) -> Option<Metadata> {
    let json: Json = serde_json::from_slice(json).ok()?;
    json.as_object()?;
    let string = |value: Option<&Json>| {
        value?
            .as_str()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let hostname = string(json.get("hostname"));
    let keys = json.get("public_keys").and_then(Json::as_object);
    Some(Metadata {
        local_hostname: hostname.clone(),
        hostname,
        keys: keys
            .into_iter()
            .flatten()
            .filter_map(|(_, key)| string(Some(key)))
            .collect(),
        userdata: None,
    })
}

fn entry<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    entries
        .iter()
        .find(|entry| entry.key == name)
        .map(|entry| &entry.value)
}

fn text_of(node: &Node) -> Option<String> {
    let Value::Scalar(scalar) = &node.value else {
        return None;
    };
    let text = scalar.text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A key, a list of keys, or a map of them by name.
fn texts(node: &Node) -> Vec<String> {
    match &node.value {
        Value::Null => Vec::new(),
        Value::Scalar(_) => text_of(node)
            .into_iter()
            .flat_map(|text| lines(&text))
            .collect(),
        Value::List(items) => items.iter().flat_map(texts).collect(),
        Value::Map(entries) => entries
            .iter()
            .flat_map(|entry| texts(&entry.value))
            .collect(),
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> Files {
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn nocloud_gives_names_keys_and_userdata() {
        let found = metadata(&files(&[
            ("user-data", "#cloud-config\nhostname: a\n"),
            ("config", "ignored"),
            (
                "meta-data",
                "instance-id: i-1\nlocal-hostname: box\npublic-keys:\n- ssh-rsa A me\n- ssh-rsa B\n",
            ),
        ]));
        let found = found.expect("metadata");
        assert_eq!(found.local_hostname.as_deref(), Some("box"));
        assert_eq!(found.keys, ["ssh-rsa A me", "ssh-rsa B"]);
        assert_eq!(
            found.userdata.as_deref(),
            Some(&b"#cloud-config\nhostname: a\n"[..])
        );
    }

    #[test]
    fn k3os_own_medium_has_a_file_config() {
        let found = metadata(&files(&[("config", "hostname: a\n")])).expect("metadata");
        assert_eq!(found.userdata.as_deref(), Some(&b"hostname: a\n"[..]));
        assert!(metadata(&files(&[("user-data", "")])).is_none());
    }

    #[test]
    fn keys_come_in_three_forms() {
        for text in [
            "public-keys: ssh-rsa A",
            "public-keys: [ssh-rsa A]",
            "public-keys: {me: ssh-rsa A}",
        ] {
            assert_eq!(meta_data(text).keys, ["ssh-rsa A"], "{text}");
        }
        assert_eq!(
            meta_data("public-keys: [[[\nhostname: :"),
            Metadata::default()
        );
    }

    #[test]
    fn a_configuration_drive_is_openstack_s() {
        let json = r#"{"uuid": "83679162", "hostname": "box.novalocal", "public_keys": {"mine": "ssh-rsa A me\n"}}"#;
        let found = metadata(&files(&[
            (OPENSTACK_META_DATA, json),
            (OPENSTACK_USER_DATA, "#!/bin/sh\n"),
        ]));
        let found = found.expect("metadata");
        assert_eq!(found.local_hostname.as_deref(), Some("box.novalocal"));
        assert_eq!((found.keys.len(), found.userdata.is_some()), (1, true));
        assert!(openstack_meta_data(b"<html>").is_none());
    }
}
