//! Packet, later Equinix Metal.

use anyhow::Result;

use super::{string, strings};
use crate::Metadata;
use crate::http::{Http, Service};

pub(super) fn read(http: &dyn Http) -> Result<Option<Metadata>> {
    let service = Service::new(http, "https://metadata.packet.net");
    let Some(json) = service.json("/metadata")? else {
        return Ok(None);
    };
    let Some(hostname) = string(json.get("hostname")) else {
        return Ok(None);
    };
    // A machine that was booted by a script of iPXE has that script for userdata.
    let userdata = service
        .bytes("/userdata")?
        .filter(|data| !data.starts_with(b"#!ipxe"));
    Ok(Some(Metadata {
        hostname: Some(hostname),
        local_hostname: None,
        keys: strings(json.get("ssh_keys")),
        userdata,
    }))
}
