//! DigitalOcean: everything in one JSON text.

use anyhow::Result;
use serde_json::Value as Json;

use super::{string, strings};
use crate::Metadata;
use crate::http::{Http, Service};

pub(super) fn read(http: &dyn Http) -> Result<Option<Metadata>> {
    let json = Service::new(http, "http://169.254.169.254").json("/metadata/v1.json")?;
    Ok(json.and_then(|json| metadata(&json)))
}

/// What the text says; nothing when it is not a droplet's.
pub fn metadata(json: &Json) -> Option<Metadata> {
    json.get("droplet_id")?;
    Some(Metadata {
        hostname: string(json.get("hostname")),
        local_hostname: None,
        keys: strings(json.get("public_keys")),
        userdata: string(json.get("user_data")).map(String::into_bytes),
    })
}
