//! Vultr.

use anyhow::Result;

use super::{string, strings};
use crate::Metadata;
use crate::http::{Http, Service};

pub(super) fn read(http: &dyn Http) -> Result<Option<Metadata>> {
    let service = Service::new(http, "http://169.254.169.254");
    let Some(json) = service.json("/v1.json")? else {
        return Ok(None);
    };
    let Some(hostname) = string(json.get("hostname")) else {
        return Ok(None);
    };
    Ok(Some(Metadata {
        hostname: Some(hostname),
        local_hostname: None,
        keys: strings(json.get("public-keys")),
        userdata: service.bytes("/latest/user-data")?,
    }))
}
