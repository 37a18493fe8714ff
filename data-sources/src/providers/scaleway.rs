//! Scaleway. Its userdata is for root only: the question must come from a port below 1024.

use anyhow::Result;

use super::string;
use crate::Metadata;
use crate::http::{Http, Service, at_either};

const ROOTS: [&str; 2] = ["http://169.254.42.42", "http://[fd00:42::42]"];

pub(super) fn read(http: &dyn Http) -> Result<Option<Metadata>> {
    at_either(ROOTS, |root| read_at(root, http))
}

fn read_at(root: &'static str, http: &dyn Http) -> Result<Option<Metadata>> {
    let service = Service::new(http, root);
    let Some(json) = service.json("/conf?format=json")? else {
        return Ok(None);
    };
    let Some(hostname) = string(json.get("hostname")) else {
        return Ok(None);
    };
    let keys = json.get("ssh_public_keys").and_then(|keys| keys.as_array());
    let keys = keys
        .into_iter()
        .flatten()
        .filter_map(|key| string(key.get("key")));
    Ok(Some(Metadata {
        hostname: Some(hostname),
        local_hostname: None,
        keys: keys.collect(),
        userdata: service.bytes_from_low_port("/user_data/cloud-init")?,
    }))
}
