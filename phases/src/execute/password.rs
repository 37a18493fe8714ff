//! The password of user rancher, in /etc/shadow.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use sha_crypt::{PasswordHasher, PasswordVerifier, ShaCrypt};
use system::host::{Content, Host};

use crate::step::Password;

const SHADOW: &str = "/etc/shadow";
const USER: &str = "rancher";

/// Sets the password. A right one is left as it is, so that its salt does not change at each boot phase.
pub(super) fn set(password: &Password, host: &dyn Host) -> Result<bool> {
    let path = Path::new(SHADOW);
    let bytes = host
        .read(path)?
        .with_context(|| format!("reading {SHADOW}: there is no such file"))?;
    let shadow = String::from_utf8(bytes).with_context(|| format!("reading {SHADOW}"))?;
    let present = field(&shadow).with_context(|| format!("finding user {USER} in {SHADOW}"))?;
    let Some(wanted) = wanted(password, present, host)? else {
        return Ok(false);
    };
    let text = with_field(&shadow, &wanted);
    // The group shadow, if there is one, keeps its right to read.
    host.write(&Content {
        path,
        bytes: text.as_bytes(),
        mode: 0o640,
        owner: (None, shadow_group(host)),
    })
}

/// What the field shall be; `None` when it is right.
fn wanted(password: &Password, present: &str, host: &dyn Host) -> Result<Option<String>> {
    let wanted = match password {
        Password::Locked => "*".to_owned(),
        Password::Empty => String::new(),
        Password::Hash(hash) => hash.reveal().to_owned(),
        Password::Clear(clear) if is_hash_of(clear.reveal(), present) => return Ok(None),
        Password::Clear(clear) => hash(clear.reveal(), host)?,
    };
    Ok((wanted != present).then_some(wanted))
}

fn hash(clear: &str, host: &dyn Host) -> Result<String> {
    // 12 bytes are 16 characters, the most that crypt(3) takes.
    let mut salt = [0; 12];
    host.random(&mut salt)?;
    let hash = ShaCrypt::SHA512.hash_password_with_salt(clear.as_bytes(), &salt);
    hash.map(|hash| hash.as_str().to_owned())
        .map_err(|error| anyhow!("hashing the password: {error}"))
}

fn is_hash_of(clear: &str, present: &str) -> bool {
    sha_crypt::PasswordHashRef::new(present).is_ok_and(|hash| {
        ShaCrypt::SHA512
            .verify_password(clear.as_bytes(), hash)
            .is_ok()
    })
}

/// The second field of the user's line.
fn field(shadow: &str) -> Option<&str> {
    let line = shadow
        .lines()
        .find(|line| line.split(':').next() == Some(USER))?;
    line.split(':').nth(1)
}

fn with_field(shadow: &str, wanted: &str) -> String {
    let change = |line: &str| {
        let mut fields: Vec<_> = line.split(':').collect();
        if fields.first() == Some(&USER)
            && let Some(field) = fields.get_mut(1)
        {
            *field = wanted;
        }
        fields.join(":") + "\n"
    };
    shadow.lines().map(change).collect()
}

fn shadow_group(host: &dyn Host) -> Option<u32> {
    let group = host.read(Path::new("/etc/group")).ok().flatten()?;
    let group = String::from_utf8_lossy(&group).into_owned();
    crate::files::owner_ids(":shadow", "", &group).ok()?.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Secret;
    use system::host::Recording;

    const BEFORE: &str = "root:*:1:0:99999:7:::\nrancher:*:1:0:99999:7:::\n";

    fn after(password: Password) -> String {
        let host = Recording::with_files([(SHADOW, BEFORE)]);
        set(&password, &host).expect("setting the password");
        host.text(SHADOW).expect("a file")
    }

    #[test]
    fn each_kind_of_password_is_set() {
        assert_eq!(after(Password::Locked), BEFORE);
        assert!(after(Password::Empty).ends_with("\nrancher::1:0:99999:7:::\n"));
        assert!(
            after(Password::Hash(Secret::new("$6$s$h")))
                .ends_with("\nrancher:$6$s$h:1:0:99999:7:::\n")
        );
    }

    #[test]
    fn a_clear_password_becomes_a_hash_that_crypt_knows() {
        let shadow = after(Password::Clear(Secret::new("rancher")));
        let hash = field(&shadow).expect("a field");
        assert!(
            hash.starts_with("$6$") && is_hash_of("rancher", hash) && !is_hash_of("Rancher", hash),
            "{hash}"
        );
    }

    #[test]
    fn hashes_are_those_of_crypt() {
        // openssl passwd -6 -salt saltsalt rancher
        let theirs = include_str!("password/openssl.txt").trim();
        assert!(is_hash_of("rancher", theirs));
    }

    #[test]
    fn setting_it_again_changes_nothing() {
        let host = Recording::with_files([(SHADOW, BEFORE)]);
        let password = Password::Clear(Secret::new("rancher"));
        assert!(set(&password, &host).expect("setting the password"));
        assert!(!set(&password, &host).expect("setting the password"));
    }

    #[test]
    fn a_missing_user_is_an_error() {
        let host = Recording::with_files([(SHADOW, "root:*:1\nrancher2:*:1\n")]);
        assert!(
            set(&Password::Empty, &host)
                .unwrap_err()
                .to_string()
                .contains("rancher")
        );
    }
}
