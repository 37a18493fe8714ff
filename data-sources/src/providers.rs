//! The providers, each in a file of its own, and their names.

mod aws;
mod digitalocean;
mod file;
mod gcp;
mod hetzner;
mod openstack;
mod packet;
mod scaleway;
mod vultr;

use anyhow::Result;

use crate::http::Http;
use crate::media::{self, Media};
use crate::{Metadata, nocloud};

/// What a provider needs to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Disks, CDs and files of the machine.
    Local,
    /// The network.
    Network,
}

/// Somebody who may know something of this machine.
pub trait Provider {
    /// As `k3os.data_sources` names it.
    fn name(&self) -> &str;

    /// What it needs.
    fn reach(&self) -> Reach;

    /// Asks once. `None`: this machine is not this provider's.
    ///
    /// # Errors
    /// When nobody answers, or something that may be better later.
    fn look(&self) -> Result<Option<Metadata>>;
}

type Read = fn(&dyn Http) -> Result<Option<Metadata>>;

const SERVICES: [(&str, Read); 8] = [
    ("aws", aws::read),
    ("digitalocean", digitalocean::read),
    ("gcp", gcp::read),
    ("hetzner", hetzner::read),
    ("openstack", openstack::read),
    ("packet", packet::read),
    ("scaleway", scaleway::read),
    ("vultr", vultr::read),
];

/// The providers of these names, in their order. Names that nobody has are left out: reading the configuration has
/// reported them. Without any name, media are looked at that are labelled as data media.
pub fn providers<'a>(
    names: &[String],
    http: &'a dyn Http,
    media: &'a dyn Media,
) -> Vec<Box<dyn Provider + 'a>> {
    if names.is_empty() {
        return vec![Box::new(Cdrom {
            media,
            named: false,
        })];
    }
    names
        .iter()
        .filter_map(|name| provider(name, http, media))
        .collect()
}

/// Whether one of these names needs the network.
pub fn names_a_service(names: &[String]) -> bool {
    names
        .iter()
        .any(|name| SERVICES.iter().any(|(known, _)| known == name))
}

fn provider<'a>(
    name: &str,
    http: &'a dyn Http,
    media: &'a dyn Media,
) -> Option<Box<dyn Provider + 'a>> {
    if name == "cdrom" {
        return Some(Box::new(Cdrom { media, named: true }));
    }
    if let Some(path) = name.strip_prefix("file=") {
        return Some(Box::new(file::File::new(name, path)));
    }
    let (name, read) = SERVICES.into_iter().find(|(known, _)| *known == name)?;
    Some(Box::new(Service { name, read, http }))
}

/// A metadata service.
struct Service<'a> {
    name: &'static str,
    read: Read,
    http: &'a dyn Http,
}

impl Provider for Service<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn reach(&self) -> Reach {
        Reach::Network
    }

    fn look(&self) -> Result<Option<Metadata>> {
        (self.read)(self.http)
    }
}

/// CDs and disks with data.
struct Cdrom<'a> {
    media: &'a dyn Media,
    /// Whether the configuration names it; then a CD needs no label.
    named: bool,
}

impl Provider for Cdrom<'_> {
    fn name(&self) -> &str {
        "cdrom"
    }

    fn reach(&self) -> Reach {
        Reach::Local
    }

    fn look(&self) -> Result<Option<Metadata>> {
        let mut failure = Ok(None);
        for volume in media::candidates(self.media.volumes(), self.named) {
            match self.media.read(&volume, &nocloud::FILES) {
                Ok(files) => match nocloud::metadata(&files) {
                    None => {}
                    found => return Ok(found),
                },
                // Another one may be whole.
                Err(error) => failure = Err(error),
            }
        }
        failure
    }
}

/// What turns answers into values, apart from asking.
pub mod parsers {
    pub use super::aws::key_numbers;
    pub use super::digitalocean::metadata as digitalocean;
    pub use super::gcp::keys as gcp_keys;
    pub use super::hetzner::metadata as hetzner;
}

/// The strings of a JSON list.
fn strings(json: Option<&serde_json::Value>) -> Vec<String> {
    let items = json.and_then(|json| json.as_array()).into_iter().flatten();
    items
        .filter_map(|item| item.as_str())
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect()
}

/// A string that is not empty.
fn string(json: Option<&serde_json::Value>) -> Option<String> {
    let text = json?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
