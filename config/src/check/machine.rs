//! Checks of what concerns the machine itself.

use super::{Complaint, error, meant, one_line, one_of, require, warning};

/// An RFC 1123 name, as Kubernetes needs it for a node.
pub fn hostname(_: &str, value: &str) -> Result<(), Complaint> {
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // The kernel's limit on a host name is 64 bytes.
    let fits = value.len() <= 64 && value.split('.').all(label);
    require(
        fits,
        format!(
            "{value:?} is not a host name: letters, digits, \"-\" and \".\", at most 64 characters"
        ),
    )
}

/// A public key, `github:USER`, `gitlab:USER` or a URL.
pub fn ssh_key(_: &str, value: &str) -> Result<(), Complaint> {
    one_line("", value.trim())?;
    if value.contains("PRIVATE KEY") {
        return Err(error(
            "this is a private key; give the public one, from the .pub file",
        ));
    }
    if let Some(plain) = other_spelling(value.trim()) {
        return Err(meant(value.trim(), plain));
    }
    if is_remote_key(value) {
        let known = ["github:", "gitlab:", "https:", "http:"]
            .iter()
            .any(|scheme| value.trim().starts_with(scheme));
        return require(
            known,
            "keys can be fetched by github:USER, gitlab:USER and http URLs only",
        );
    }
    if looks_like_key(value) {
        return Ok(());
    }
    Err(warning(
        "does not look like a public key",
        "expected \"ssh-ed25519 AAAA…\", github:USER, gitlab:USER or a URL",
    ))
}

/// What `ssh-import-id` and cloud-init call the lists of GitHub's and Launchpad's users.
fn other_spelling(value: &str) -> Option<String> {
    let (scheme, user) = value.split_once(':')?;
    let is_user = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    if user.is_empty() || !user.chars().all(is_user) {
        return None;
    }
    match scheme {
        "gh" => Some(format!("github:{user}")),
        "gl" => Some(format!("gitlab:{user}")),
        "lp" => Some(format!("https://launchpad.net/~{user}/+sshkeys")),
        _ => None,
    }
}

/// Whether an entry of ssh_authorized_keys names a list of keys to fetch, as k3OS decides it: it has a URL scheme.
pub fn is_remote_key(value: &str) -> bool {
    let scheme = value
        .trim()
        .split_once(':')
        .map(|(scheme, _)| scheme)
        .unwrap_or_default();
    let mut letters = scheme.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Options may stand before the type, so any word may be the type.
fn looks_like_key(value: &str) -> bool {
    let types = ["ssh-", "ecdsa-", "sk-", "cert-authority"];
    value
        .split_whitespace()
        .any(|word| types.iter().any(|kind| word.starts_with(kind)))
}

/// A hash in crypt's form, or a password without line breaks or `:`.
pub fn password(_: &str, value: &str) -> Result<(), Complaint> {
    one_line("", value)?;
    let hash = value.starts_with('$');
    require(
        !hash || !value.contains([':', ' ']),
        "begins with \"$\" and is thus a hash, but holds \":\" or a blank",
    )?;
    if hash && value.matches('$').count() < 3 {
        return Err(error(
            "begins with \"$\" and is thus a crypt hash, but has not the form $ID$SALT$HASH",
        ));
    }
    Ok(())
}

/// A module's name and its parameters.
pub fn module(_: &str, value: &str) -> Result<(), Complaint> {
    one_line("", value)?;
    let name = value.split_whitespace().next().unwrap_or_default();
    let fits = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.:*,".contains(c));
    require(
        fits && !name.contains(".ko"),
        format!("{name:?} is not the name of a kernel module, such as nvme_tcp"),
    )
}

/// A path below /proc/sys with dots or slashes.
pub fn sysctl(name: &str, value: &str) -> Result<(), Complaint> {
    one_line("", value)?;
    let is_part = |part: &str| {
        let is_fit = |c: char| c.is_ascii_graphic();
        !part.is_empty() && part != ".." && part.chars().all(is_fit)
    };
    let path = name.trim_start_matches('/');
    let fits = path.split('/').all(is_part) && !path.contains("..");
    require(
        fits && !path.starts_with('.') && !path.ends_with('.'),
        format!("{name:?} is not the name of a kernel setting, such as vm.swappiness"),
    )
}

/// The name of an environment variable, and a value of one line.
pub fn variable(name: &str, value: &str) -> Result<(), Complaint> {
    let mut letters = name.chars();
    let first = letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let rest = letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    require(
        first && rest,
        format!("{name:?} is not a name for a variable: letters, digits and \"_\""),
    )?;
    one_line("", value)
}

/// A time zone's name, as it lies below /usr/share/zoneinfo.
pub fn timezone(_: &str, value: &str) -> Result<(), Complaint> {
    let part = |part: &str| {
        let is_fit = |c: char| c.is_ascii_alphanumeric() || "_-+".contains(c);
        !part.is_empty() && part.chars().all(is_fit)
    };
    require(
        value.len() <= 64 && value.split('/').all(part),
        format!("invalid time zone {value:?}; valid: a name such as Europe/Berlin or UTC"),
    )
}

/// The packings of k3OS, and cloud-init's name for none.
pub fn encoding(_: &str, value: &str) -> Result<(), Complaint> {
    const ENCODINGS: [&str; 8] = [
        "b64",
        "base64",
        "gz",
        "gzip",
        "gz+b64",
        "gz+base64",
        "gzip+b64",
        "gzip+base64",
    ];
    if value.eq_ignore_ascii_case("text/plain") {
        return Ok(());
    }
    one_of(value, &ENCODINGS)
}

/// `user`, `user:group` or `:group`.
pub fn owner(_: &str, value: &str) -> Result<(), Complaint> {
    let name = |name: &str| {
        !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == ':' || c == '/')
    };
    let fits = match value.split_once(':') {
        Some((user, group)) => (user.is_empty() || name(user)) && name(group),
        None => name(value),
    };
    require(
        fits,
        format!("{value:?} is not an owner: USER, USER:GROUP or :GROUP"),
    )
}

/// An absolute path that does not climb.
pub fn file_path(_: &str, value: &str) -> Result<(), Complaint> {
    one_line("", value)?;
    require(
        !value.split('/').any(|part| part == ".."),
        "a path may not contain \"..\"",
    )?;
    require(
        !value.ends_with('/'),
        "this is the path of a directory; name the file",
    )?;
    if value.starts_with('/') {
        return Ok(());
    }
    Err(warning(
        "is not absolute; it is taken from /",
        "begin the path with \"/\"",
    ))
}

/// Octal digits.
pub fn permissions(_: &str, value: &str) -> Result<(), Complaint> {
    let digits = value.strip_prefix("0o").unwrap_or(value);
    let mode = u32::from_str_radix(digits, 8).ok();
    require(
        mode.is_some_and(|mode| mode <= 0o7777),
        format!("{value:?} is not a mode in octal, e.g. 0644"),
    )
}

/// A phase of the boot.
pub fn phase(_: &str, value: &str) -> Result<(), Complaint> {
    one_of(value, &["initrd", "boot", "runtime"])
}

/// When a file is written.
pub fn write_policy(_: &str, value: &str) -> Result<(), Complaint> {
    one_of(value, &["always", "once"])
}

/// A whole number of seconds, at most a year.
pub fn seconds(_: &str, value: &str) -> Result<(), Complaint> {
    let fits = value
        .parse::<u64>()
        .is_ok_and(|seconds| seconds <= 31_536_000);
    require(fits, format!("{value:?} is not a whole number of seconds"))
}
