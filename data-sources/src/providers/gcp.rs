//! Google Compute Engine.

use anyhow::Result;

use crate::Metadata;
use crate::http::{Http, Service};

pub(super) fn read(http: &dyn Http) -> Result<Option<Metadata>> {
    // By its address: its name is in no name server but Google's.
    let service = Service::new(http, "http://169.254.169.254/computeMetadata/v1")
        .header("Metadata-Flavor", "Google");
    let Some(name) = service.text("/instance/hostname")? else {
        return Ok(None);
    };
    let userdata = match service.bytes("/instance/attributes/user-data")? {
        None => service.bytes("/instance/attributes/userdata")?,
        some => some,
    };
    Ok(Some(Metadata {
        // box.us-central1-a.c.project.internal may be longer than the kernel takes.
        hostname: name.split('.').next().map(str::to_owned),
        local_hostname: None,
        keys: all_keys(&service)?,
        userdata,
    }))
}

/// The instance's keys, and the project's unless the instance refuses them.
fn all_keys(service: &Service<'_>) -> Result<Vec<String>> {
    let own = service
        .text("/instance/attributes/ssh-keys")?
        .unwrap_or_default();
    let mut found = keys(&own);
    let blocked = service.text("/instance/attributes/block-project-ssh-keys")?;
    if !blocked.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        found.extend(keys(
            &service
                .text("/project/attributes/ssh-keys")?
                .unwrap_or_default(),
        ));
    }
    Ok(found)
}

/// `USER:ssh-rsa KEY COMMENT` → `ssh-rsa KEY COMMENT`, one a line. There is one user here.
pub fn keys(lines: &str) -> Vec<String> {
    let key = |line: &str| Some(line.split_once(':')?.1.trim().to_owned());
    lines
        .lines()
        .filter_map(key)
        .filter(|key| !key.is_empty())
        .collect()
}
