//! What is fetched over the network when the kernel and the initrd were loaded alone.

use anyhow::{Result, bail};
use config::BootSwitches;

/// The schemes that the initrd can fetch by.
const SCHEMES: [&str; 2] = ["http", "https"];

/// What is behind the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A release's squashfs: the machine runs live.
    Squashfs,
    /// An ISO: as if it were in a drive.
    Iso,
}

/// An address to fetch from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What is there.
    pub kind: Kind,
    /// The address.
    pub url: String,
}

impl Source {
    /// What the command line names; the squashfs alone is enough where both are named, and the ISO is then the installer's.
    ///
    /// # Errors
    /// When the squashfs cannot be fetched by its scheme. An ISO's may be one that the installer knows.
    pub fn of(switches: &BootSwitches) -> Result<Option<Self>> {
        if let Some(url) = &switches.squashfs_url {
            if !is_known(url) {
                bail!(
                    "k3os.squashfs_url={url} cannot be fetched: the initrd knows {}",
                    SCHEMES.join(" and ")
                );
            }
            return Ok(Some(Self::new(Kind::Squashfs, url)));
        }
        let iso = switches.iso_url.as_ref().filter(|url| is_known(url));
        Ok(iso.map(|url| Self::new(Kind::Iso, url)))
    }

    fn new(kind: Kind, url: &str) -> Self {
        Self {
            kind,
            url: url.to_owned(),
        }
    }

    /// Whether what is fetched is used as a medium, its configuration included. The initrd cannot check the certificate that
    /// https is about: of what came by it, only the squashfs is used, whose checksum the initrd has.
    pub fn is_medium(&self) -> bool {
        self.kind == Kind::Iso && !self.url.starts_with("https:")
    }

    /// The step's name.
    pub fn words(&self) -> String {
        format!("fetching {}", self.url)
    }
}

fn is_known(url: &str) -> bool {
    url.split_once("://")
        .is_some_and(|(scheme, rest)| SCHEMES.contains(&scheme) && !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(cmdline: &str) -> Result<Option<Source>> {
        Source::of(&BootSwitches::from_cmdline(cmdline))
    }

    #[test]
    fn the_squashfs_comes_before_the_iso() {
        let iso = source("k3os.install.iso_url=http://h/i").unwrap().unwrap();
        assert!(iso.kind == Kind::Iso && iso.is_medium());
        let both = "k3os.install.iso_url=https://h/i k3os.squashfs_url=http://h/s";
        let squashfs = source(both).unwrap().unwrap();
        assert!(squashfs.kind == Kind::Squashfs && !squashfs.is_medium());
        assert_eq!(source("quiet").unwrap(), None);
    }

    #[test]
    fn what_came_by_unchecked_https_is_no_medium() {
        let iso = source("k3os.install.iso_url=https://h/i").unwrap().unwrap();
        assert!(!iso.is_medium());
    }

    #[test]
    fn other_schemes_are_the_installer_s_or_refused() {
        assert_eq!(source("k3os.install.iso_url=ftp://h/i").unwrap(), None);
        let error = source("k3os.squashfs_url=tftp://h/s").unwrap_err();
        assert!(
            error.to_string().contains("knows http and https"),
            "{error}"
        );
    }
}
