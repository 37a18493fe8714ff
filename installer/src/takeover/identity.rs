//! What the running system is known by, for the one that takes its place: name, keys, addresses.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use config::{Config, Content, File};
use system::layout;

use super::addresses::{self, Static};
use crate::steps::NewFile;

/// Kinds of host keys that our ssh server has.
const HOST_KEYS: [&str; 2] = ["ed25519", "ecdsa"];
/// Accounts of people, and root's.
const PEOPLE: std::ops::Range<u32> = 1000..60_000;
/// connman's configuration with the addresses.
const CONNMAN: &str = "/var/lib/connman/takeover.config";

/// What to take of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adopt {
    /// Keys that may log in.
    pub keys: bool,
    /// The ssh server's own keys.
    pub host_keys: bool,
    /// The machine's name.
    pub hostname: bool,
    /// Addresses that nobody hands out.
    pub addresses: bool,
}

impl Adopt {
    /// Everything.
    pub const ALL: Self = Self {
        keys: true,
        host_keys: true,
        hostname: true,
        addresses: true,
    };
    /// Nothing.
    pub const NONE: Self = Self {
        keys: false,
        host_keys: false,
        hostname: false,
        addresses: false,
    };
}

impl std::str::FromStr for Adopt {
    type Err = String;

    /// `all`, `none`, or some of `keys,host-keys,hostname,addresses`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut adopt = match text {
            "all" => return Ok(Self::ALL),
            _ => Self::NONE,
        };
        for word in text.split(',').map(str::trim) {
            match word {
                "none" | "" => {}
                "keys" => adopt.keys = true,
                "host-keys" => adopt.host_keys = true,
                "hostname" => adopt.hostname = true,
                "addresses" => adopt.addresses = true,
                other => {
                    return Err(format!(
                        "{other} is not among all, none, keys, host-keys, hostname, addresses"
                    ));
                }
            }
        }
        Ok(adopt)
    }
}

/// The running system's identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its name.
    pub hostname: Option<String>,
    /// Keys that may log in as root or as a person, without repeats.
    pub keys: Vec<String>,
    /// How many were left out because they come with options: as user rancher they would mean something else.
    pub left_out: usize,
    /// The ssh server's keys: their files' names, modes and contents.
    pub host_keys: Vec<(String, u32, Vec<u8>)>,
    /// Static addresses.
    pub addresses: Vec<Static>,
}

impl Identity {
    /// Reads it. What cannot be read is not there.
    pub fn gather(root: &Path) -> Self {
        let mut identity = Self {
            hostname: hostname(&read(&root.join("etc/hostname"))),
            host_keys: host_keys(&root.join("etc/ssh")),
            addresses: addresses::gather(root),
            ..Self::default()
        };
        let passwd = read(&root.join("etc/passwd"));
        for home in homes(&passwd) {
            let home = root.join(home.strip_prefix("/").unwrap_or(&home));
            identity.add_keys(&read(&home.join(".ssh/authorized_keys")));
        }
        identity
    }

    fn add_keys(&mut self, text: &str) {
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let is_key = ["ssh-", "ecdsa-", "sk-"]
                .iter()
                .any(|kind| line.starts_with(kind));
            if !is_key {
                self.left_out += 1;
            } else if !self.keys.iter().any(|known| known == line) {
                self.keys.push(line.to_owned());
            }
        }
    }

    /// What is chosen of it and there, each in words.
    pub fn words(&self, adopt: Adopt) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(name) = self.hostname.as_ref().filter(|_| adopt.hostname) {
            words.push(format!("the name {name}"));
        }
        if adopt.keys && !self.keys.is_empty() {
            let out = match self.left_out {
                0 => String::new(),
                count => format!(" ({count} with options are left out)"),
            };
            words.push(format!(
                "{} keys that may log in as rancher{out}",
                self.keys.len()
            ));
        }
        if adopt.host_keys && !self.host_keys.is_empty() {
            words.push("the ssh server's own keys".to_owned());
        }
        for address in self.addresses.iter().filter(|_| adopt.addresses) {
            words.push(format!(
                "the static address {}/{} of {}",
                address.address, address.prefix, address.card
            ));
        }
        words
    }

    /// Lays what is chosen over a configuration, which wins where it says something itself.
    pub fn apply(&self, adopt: Adopt, config: &mut Config) {
        if let Some(name) = self.hostname.as_ref().filter(|_| adopt.hostname)
            && config.hostname.is_empty()
        {
            config.hostname.clone_from(name);
        }
        let keys = &mut config.ssh_authorized_keys.0;
        for key in self.keys.iter().filter(|_| adopt.keys) {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        if adopt.addresses && !self.addresses.is_empty() {
            config.write_files.push(File {
                path: CONNMAN.into(),
                permissions: "0600".into(),
                content: Content(addresses::connman(&self.addresses).into_bytes()),
                ..File::default()
            });
        }
    }

    /// The chosen files for the state partition.
    pub fn files(&self, adopt: Adopt) -> Vec<NewFile> {
        let keys = self.host_keys.iter().filter(|_| adopt.host_keys);
        let file = |(name, mode, bytes): &(String, u32, Vec<u8>)| NewFile {
            path: Path::new(layout::DATA).join(layout::HOST_KEYS).join(name),
            mode: *mode,
            keep: false,
            bytes: bytes.clone(),
        };
        keys.map(file).collect()
    }
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hostname(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim);
    let name = lines.find(|line| !line.is_empty() && !line.starts_with('#'))?;
    (name != "localhost").then(|| name.to_owned())
}

/// name:password:uid:gid:gecos:home:shell
fn homes(passwd: &str) -> Vec<PathBuf> {
    let account = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let uid: u32 = fields.get(2)?.parse().ok()?;
        let home = PathBuf::from(fields.get(5)?);
        ((uid == 0 || PEOPLE.contains(&uid)) && home.is_absolute()).then_some(home)
    };
    let mut homes: Vec<PathBuf> = passwd.lines().filter_map(account).collect();
    homes.dedup();
    homes
}

fn host_keys(directory: &Path) -> Vec<(String, u32, Vec<u8>)> {
    let mut found = Vec::new();
    for kind in HOST_KEYS {
        let names = ["", ".pub"].map(|end| format!("ssh_host_{kind}_key{end}"));
        for name in names {
            let path = directory.join(&name);
            if let (Ok(bytes), Ok(meta)) = (fs::read(&path), fs::metadata(&path)) {
                found.push((name, meta.mode() & 0o777, bytes));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("etc/hostname", "oldbox\n"),
            (
                "etc/passwd",
                "root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/usr/sbin:/x\nalice:x:1000:1000::/home/alice:/bin/sh\n",
            ),
            (
                "root/.ssh/authorized_keys",
                "command=\"x\" ssh-rsa AAAA no\nssh-ed25519 AAAA one\n",
            ),
            (
                "home/alice/.ssh/authorized_keys",
                "# mine\n\nssh-ed25519 AAAA one\nssh-rsa BBBB two\n",
            ),
            ("usr/sbin/.ssh/authorized_keys", "ssh-rsa CCCC daemon\n"),
            ("etc/ssh/ssh_host_ed25519_key", "private"),
            ("etc/ssh/ssh_host_ed25519_key.pub", "public"),
            ("etc/ssh/ssh_host_rsa_key", "private"),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn name_and_keys_of_people_are_found() {
        let root = root();
        let identity = Identity::gather(root.path());
        assert_eq!(identity.hostname.as_deref(), Some("oldbox"));
        assert_eq!(identity.keys, ["ssh-ed25519 AAAA one", "ssh-rsa BBBB two"]);
        assert_eq!((identity.left_out, identity.host_keys.len()), (1, 2));
        let adopt: Adopt = "keys,hostname".parse().unwrap();
        assert_eq!(
            identity.words(adopt),
            [
                "the name oldbox",
                "2 keys that may log in as rancher (1 with options are left out)"
            ]
        );
        assert!(identity.files(adopt).is_empty());
        assert_eq!(
            identity.files(Adopt::ALL)[0].path,
            Path::new(layout::DATA)
                .join(layout::HOST_KEYS)
                .join("ssh_host_ed25519_key")
        );
    }

    #[test]
    fn the_configuration_wins_and_keys_add_up() {
        let root = root();
        let identity = Identity::gather(root.path());
        let mut config = Config {
            hostname: "newbox".into(),
            ..Config::default()
        };
        config.ssh_authorized_keys.0 = vec!["ssh-rsa BBBB two".into()];
        identity.apply(Adopt::ALL, &mut config);
        assert_eq!(config.hostname, "newbox");
        assert_eq!(config.ssh_authorized_keys.0.len(), 2);
    }

    #[test]
    fn words_that_mean_nothing_are_refused() {
        assert_eq!("all".parse(), Ok(Adopt::ALL));
        assert_eq!("none".parse(), Ok(Adopt::NONE));
        assert!("key".parse::<Adopt>().is_err());
    }
}
