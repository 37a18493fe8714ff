//! Users and groups from /etc/passwd and /etc/group. Pure, but for [`Database::read`].

use std::collections::BTreeMap;
use std::path::Path;

use system::process::Identity;

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its id.
    pub uid: u32,
    /// Its primary group's id.
    pub gid: u32,
    /// Its home directory.
    pub home: String,
    /// Its shell.
    pub shell: String,
}

/// The texts of the two files.
#[derive(Debug, Clone, Default)]
pub struct Database {
    passwd: String,
    group: String,
}

impl Database {
    /// Reads both files; a missing one is empty.
    pub fn read(etc: &Path) -> Self {
        let read = |name| std::fs::read_to_string(etc.join(name)).unwrap_or_default();
        Self::new(read("passwd"), read("group"))
    }

    /// A database from texts.
    pub fn new(passwd: String, group: String) -> Self {
        Self { passwd, group }
    }

    /// A user by name or number.
    pub fn user(&self, wanted: &str) -> Option<User> {
        self.passwd
            .lines()
            .filter_map(user)
            .find(|user| user.name == wanted || wanted.parse() == Ok(user.uid))
    }

    /// A group's id by name or number.
    pub fn group(&self, wanted: &str) -> Option<u32> {
        let known = self
            .group
            .lines()
            .filter_map(group)
            .find(|(name, ..)| *name == wanted);
        known.map(|(_, gid, _)| gid).or_else(|| wanted.parse().ok())
    }

    /// Who a service with these `User=`, `Group=` and `SupplementaryGroups=` becomes.
    pub fn identity(
        &self,
        user: &User,
        group: Option<&str>,
        more: &[String],
    ) -> Result<Identity, String> {
        let find = |name: &str| {
            self.group(name)
                .ok_or_else(|| format!("there is no group {name}"))
        };
        let gid = group.map(find).transpose()?.unwrap_or(user.gid);
        let mut groups = vec![gid];
        groups.extend(self.memberships(&user.name));
        for name in more {
            groups.push(find(name)?);
        }
        groups.sort_unstable();
        groups.dedup();
        Ok(Identity {
            uid: user.uid,
            gid,
            groups,
        })
    }

    fn memberships(&self, user: &str) -> Vec<u32> {
        let member = |(_, gid, members): (&str, u32, &str)| {
            members
                .split(',')
                .any(|member| member == user)
                .then_some(gid)
        };
        self.group
            .lines()
            .filter_map(group)
            .filter_map(member)
            .collect()
    }

    /// The variables that a service with `User=` gets.
    pub fn variables(user: &User) -> BTreeMap<String, String> {
        let pairs = [
            ("USER", &user.name),
            ("LOGNAME", &user.name),
            ("HOME", &user.home),
            ("SHELL", &user.shell),
        ];
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }
}

fn user(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let home = fields.nth(1)?.to_owned();
    let shell = fields.next()?.to_owned();
    Some(User {
        name,
        uid,
        gid,
        home,
        shell,
    })
}

fn group(line: &str) -> Option<(&str, u32, &str)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let gid = fields.nth(1)?.parse().ok()?;
    Some((name, gid, fields.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Database {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbus:x:101:102::/nonexistent:/usr/sbin/nologin\nbroken\n";
        let group = "root:x:0:\nbus:x:102:\nnetdev:x:105:rancher,bus\nadm:x:4:rancher\n";
        Database::new(passwd.to_owned(), group.to_owned())
    }

    #[test]
    fn users_have_their_groups() {
        let database = database();
        let user = database.user("bus").unwrap();
        let identity = database.identity(&user, None, &["adm".to_owned()]).unwrap();
        assert_eq!(
            identity,
            Identity {
                uid: 101,
                gid: 102,
                groups: vec![4, 102, 105]
            }
        );
        assert_eq!(database.user("101").unwrap().name, "bus");
        assert_eq!(database.user("nobody"), None);
    }

    #[test]
    fn an_unknown_group_is_named() {
        let database = database();
        let user = database.user("root").unwrap();
        let error = database.identity(&user, Some("wheel"), &[]).unwrap_err();
        assert_eq!(error, "there is no group wheel");
        assert_eq!(database.identity(&user, Some("105"), &[]).unwrap().gid, 105);
    }
}
