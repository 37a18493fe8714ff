//! Home directories: `/home` persists but begins empty, while the accounts come with the release.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use system::tree::copy_missing;

/// Accounts of people have ids from here on, up to nobody's.
const PEOPLE: std::ops::Range<u32> = 1000..60_000;

/// An account of a person, from a line of passwd(5).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Account {
    uid: u32,
    gid: u32,
    home: PathBuf,
}

/// Makes the missing home directories of all people's accounts, private to them. What is there is left alone.
///
/// # Errors
/// When `/etc/passwd` cannot be read or a directory cannot be made.
pub fn make() -> Result<()> {
    let passwd = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
    people(&passwd)
        .filter(|account| !account.home.exists())
        .try_for_each(|account| account.make_home())
}

fn people(passwd: &str) -> impl Iterator<Item = Account> {
    passwd
        .lines()
        .filter_map(parse)
        .filter(|account| PEOPLE.contains(&account.uid))
}

/// name:password:uid:gid:gecos:home:shell
fn parse(line: &str) -> Option<Account> {
    let mut fields = line.split(':').skip(2);
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let home = PathBuf::from(fields.nth(1)?);
    home.is_absolute().then_some(Account { uid, gid, home })
}

impl Account {
    fn make_home(&self) -> Result<()> {
        let path = self.home.display();
        fs::create_dir_all(&self.home).with_context(|| format!("making {path}"))?;
        let template = Path::new("/etc/skel");
        if template.is_dir() {
            copy_missing(template, &self.home)?;
        }
        self.own(&self.home)?;
        fs::set_permissions(&self.home, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("setting the mode of {path}"))
    }

    /// Gives a directory and all in it to the account.
    fn own(&self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("setting the owner of {}", path.display()))?;
        let Ok(entries) = fs::read_dir(path) else {
            return Ok(());
        };
        entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()))
            .try_for_each(|entry| self.own(&entry.path()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_people_get_a_home() {
        let passwd = "root:x:0:0::/root:/bin/bash\nrancher:x:1000:1000:,,:/home/rancher:/bin/bash\n\
                      nobody:x:65534:65534::/nonexistent:/bin/false\nbroken:x:1001\nrelative:x:1002:1002::home:/bin/sh\n";
        let accounts: Vec<Account> = people(passwd).collect();
        assert_eq!(
            accounts,
            [Account {
                uid: 1000,
                gid: 1000,
                home: "/home/rancher".into()
            }]
        );
    }
}
