//! Hetzner Cloud: metadata in one YAML text.

use anyhow::Result;

use crate::Metadata;
use crate::http::{Http, Service};
use crate::nocloud;

pub(super) fn read(http: &dyn Http) -> Result<Option<Metadata>> {
    let service = Service::new(http, "http://169.254.169.254/hetzner/v1");
    let Some(text) = service.text("/metadata")? else {
        return Ok(None);
    };
    let Some(found) = metadata(&text) else {
        return Ok(None);
    };
    Ok(Some(Metadata {
        userdata: service.bytes("/userdata")?,
        ..found
    }))
}

/// What the text says; nothing when it names no host.
pub fn metadata(text: &str) -> Option<Metadata> {
    let said = nocloud::meta_data(text);
    let hostname = said.hostname?;
    Some(Metadata {
        hostname: Some(hostname),
        keys: said.keys,
        ..Metadata::default()
    })
}
