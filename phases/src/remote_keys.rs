//! Lists of ssh keys that are fetched: `github:USER`, `gitlab:USER` or a URL. The last good list is kept, so that a server that
//! cannot be reached locks nobody out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use system::host::{CommandLine, Content, Host};

use crate::step::{FetchKeys, Variables};

/// Lists fetched in the past, one file each.
pub(crate) const KEPT: &str = "/var/lib/rancher/k3os/remote-keys";
/// Lists fetched since the runtime phase began.
pub(crate) const FRESH: &str = "/run/k3os/remote-keys";
/// The largest list, in bytes: what is kept of a command's output.
const MAX_LIST: usize = 60 << 10;

/// Where an entry's list is.
///
/// # Errors
/// When the entry is neither a known service's nor an http URL.
pub(crate) fn url(entry: &str) -> Result<String> {
    let (scheme, rest) = entry.split_once(':').unwrap_or((entry, ""));
    match scheme {
        "github" => Ok(format!("https://github.com/{rest}.keys")),
        "gitlab" => Ok(format!("https://gitlab.com/{rest}.keys")),
        "http" | "https" => Ok(entry.to_owned()),
        other => bail!(
            "keys cannot be fetched by {other}; expected github:USER, gitlab:USER or an http URL"
        ),
    }
}

/// A file name for an entry, different for each.
pub(crate) fn file_name(entry: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        other => format!("%{other:02x}"),
    };
    entry.bytes().map(letter).collect()
}

/// The text of the file that sshd reads: these keys, each once.
pub(crate) fn keys_text<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::from(
        "# Written by k3OS from ssh_authorized_keys. Your own keys: ~/.ssh/authorized_keys\n",
    );
    let mut known = BTreeSet::new();
    for key in keys.filter(|key| known.insert(*key)) {
        text.extend([key, "\n"]);
    }
    text
}

/// The keys in a list that was fetched. An empty list is one; a text without any key (an error page) is none.
///
/// # Errors
/// When there is text, but no key.
fn keys(body: &str) -> Result<Vec<&str>> {
    let is_key = |line: &&str| {
        ["ssh-", "ecdsa-", "sk-"]
            .iter()
            .any(|kind| line.starts_with(kind))
    };
    let keys: Vec<_> = body.lines().map(str::trim).filter(is_key).collect();
    ensure!(
        !keys.is_empty() || body.trim().is_empty(),
        "the answer holds no ssh keys"
    );
    Ok(keys)
}

/// Fetches the lists and writes what sshd reads. Without patience, a list that cannot be had yet is left for later; with
/// patience, it is tried for minutes, then reported.
pub(crate) fn fetch(step: &FetchKeys, host: &dyn Host) -> Result<bool> {
    let mut failures = Vec::new();
    for entry in &step.entries {
        let fresh = Path::new(FRESH).join(file_name(entry));
        if step.patient && host.read(&fresh)?.is_some() {
            continue;
        }
        if !step.patient {
            host.remove(&fresh)?;
        }
        match fetch_one(entry, step, host) {
            Err(error) => failures.push(format!("fetching {entry}: {error:#}")),
            Ok(list) => {
                write(&Path::new(KEPT).join(file_name(entry)), &list, host)?;
                write(&fresh, &list, host)?;
            }
        }
    }
    let changed = write_keys(step, host)?;
    ensure!(
        !step.patient || failures.is_empty(),
        "{}; the last good list stays in force",
        failures.join("; ")
    );
    Ok(changed)
}

fn fetch_one(entry: &str, step: &FetchKeys, host: &dyn Host) -> Result<String> {
    let mut words = vec![
        "curl".to_owned(),
        "--fail".into(),
        "--silent".into(),
        "--show-error".into(),
    ];
    words.extend(
        [
            "--location",
            "--proto",
            "=http,https",
            "--connect-timeout",
            "5",
            "--max-time",
            "20",
        ]
        .map(String::from),
    );
    words.extend(["--max-filesize".to_owned(), MAX_LIST.to_string()]);
    if step.patient {
        // curl doubles the pause each time, up to ten minutes.
        words.extend(
            [
                "--retry",
                "9",
                "--retry-all-errors",
                "--retry-max-time",
                "900",
            ]
            .map(String::from),
        );
    }
    words.push(url(entry)?);
    let Variables(environment) = step.variables.clone();
    let ended = host.run(&CommandLine {
        words,
        environment,
        limit: Some(Duration::from_secs(1200)),
    })?;
    let output = String::from_utf8_lossy(&ended.output);
    ensure!(
        ended.succeeded(),
        "curl {}: {}",
        ended.description(),
        output.trim()
    );
    Ok(keys(&output)?.join("\n") + "\n")
}

/// Writes the configured keys and every kept list that is still configured.
fn write_keys(step: &FetchKeys, host: &dyn Host) -> Result<bool> {
    let mut lists = Vec::new();
    for entry in &step.entries {
        let bytes = host
            .read(&Path::new(KEPT).join(file_name(entry)))?
            .unwrap_or_default();
        lists.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    let fetched = lists.iter().flat_map(|list| list.lines());
    let text = keys_text(step.literal.iter().map(String::as_str).chain(fetched));
    write(&PathBuf::from(crate::plan::KEYS_FILE), &text, host)
}

fn write(path: &Path, text: &str, host: &dyn Host) -> Result<bool> {
    host.write(&Content {
        path,
        bytes: text.as_bytes(),
        mode: 0o644,
        owner: (Some(0), Some(0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_its_address() {
        assert_eq!(
            url("github:me").ok().as_deref(),
            Some("https://github.com/me.keys")
        );
        assert_eq!(
            url("gitlab:me").ok().as_deref(),
            Some("https://gitlab.com/me.keys")
        );
        assert_eq!(
            url("https://example.com/keys").ok().as_deref(),
            Some("https://example.com/keys")
        );
        assert!(url("file:///etc/shadow").is_err());
    }

    #[test]
    fn names_of_files_stay_in_their_directory() {
        assert_eq!(file_name("https://a/../b"), "https%3a%2f%2fa%2f%2e%2e%2fb");
        assert_ne!(file_name("a%b"), file_name("a/b"));
    }

    #[test]
    fn an_error_page_is_no_list_and_an_empty_list_is_one() {
        assert_eq!(
            keys("ssh-rsa A\n<x>\n ecdsa-sha2 B \n").ok(),
            Some(vec!["ssh-rsa A", "ecdsa-sha2 B"])
        );
        assert_eq!(keys("").ok(), Some(vec![]));
        assert!(keys("<html>log in</html>").is_err());
    }
}
