//! Amazon EC2, by its metadata service version 2, or 1 where that is all there is.

use anyhow::Result;

use crate::Metadata;
use crate::http::{Http, Service, at_either};

const ROOTS: [&str; 2] = [
    "http://169.254.169.254/latest",
    "http://[fd00:ec2::254]/latest",
];

pub(super) fn read(http: &dyn Http) -> Result<Option<Metadata>> {
    at_either(ROOTS, |root| read_at(root, http))
}

fn read_at(root: &'static str, http: &dyn Http) -> Result<Option<Metadata>> {
    let session = Service::new(http, root).header("X-aws-ec2-metadata-token-ttl-seconds", "300");
    let mut service = Service::new(http, root);
    if let Some(token) = session.put("/api/token")? {
        let token = String::from_utf8_lossy(&token).trim().to_owned();
        service = service.header("X-aws-ec2-metadata-token", token);
    }
    let Some(hostname) = service.text("/meta-data/hostname")? else {
        return Ok(None);
    };
    let mut keys = Vec::new();
    let index = service.text("/meta-data/public-keys/")?.unwrap_or_default();
    for number in key_numbers(&index) {
        keys.extend(service.text(&format!("/meta-data/public-keys/{number}/openssh-key"))?);
    }
    Ok(Some(Metadata {
        hostname: Some(hostname),
        local_hostname: service.text("/meta-data/local-hostname")?,
        keys,
        userdata: service.bytes("/user-data")?,
    }))
}

/// `0=my-key` → 0, one a line.
pub fn key_numbers(index: &str) -> Vec<u32> {
    let number = |line: &str| line.split_once('=')?.0.trim().parse().ok();
    index.lines().filter_map(number).take(100).collect()
}
