//! OpenStack's metadata service.

use anyhow::Result;

use crate::Metadata;
use crate::http::{Http, Service};
use crate::nocloud;

pub(super) fn read(http: &dyn Http) -> Result<Option<Metadata>> {
    let service = Service::new(http, "http://169.254.169.254/openstack/latest");
    let Some(json) = service.bytes("/meta_data.json")? else {
        return Ok(None);
    };
    let Some(found) = nocloud::openstack_meta_data(&json) else {
        return Ok(None);
    };
    Ok(Some(Metadata {
        userdata: service.bytes("/user_data")?,
        ..found
    }))
}
