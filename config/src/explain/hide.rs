//! Takes secrets out of values that are not secret as a whole: arguments, variables, URLs.

/// What stands in place of a secret.
pub(super) const HIDDEN: &str = "(hidden)";

/// One item of a list of arguments or commands; `before` is the item in front of it, which may be a flag that takes it.
pub(super) fn argument(before: &str, text: &str) -> String {
    let (mut before, mut shown) = (before, String::new());
    for part in text.split_inclusive(char::is_whitespace) {
        let one = part.trim_end();
        shown.push_str(&word(before, one));
        shown.push_str(part.get(one.len()..).unwrap_or_default());
        before = if one.is_empty() { before } else { one };
    }
    shown
}

fn word(before: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    if before.starts_with('-') && !before.contains('=') && names_a_secret(before) {
        return HIDDEN.to_owned();
    }
    match text.split_once('=') {
        Some((flag, _)) if flag.starts_with('-') && names_a_secret(flag) => {
            format!("{flag}={HIDDEN}")
        }
        _ => in_urls(text),
    }
}

/// The value of a variable, a label or the like.
pub(super) fn variable(name: &str, text: &str) -> String {
    if names_a_secret(name) {
        return HIDDEN.to_owned();
    }
    in_urls(text)
}

/// A text without the user and password of each URL in it.
pub(super) fn in_urls(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part
            .find(|c: char| c == '/' || c.is_whitespace())
            .unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        let authority = match authority.rsplit_once('@') {
            Some((_, host)) => format!("{HIDDEN}@{host}"),
            None => authority.to_owned(),
        };
        shown.extend(["://", &authority, rest]);
    }
    shown
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // A file with a token is not the token.
    let secret = [
        "token",
        "secret",
        "password",
        "passwd",
        "passphrase",
        "credential",
        "private_key",
        "access_key",
        "api_key",
        "apikey",
    ];
    let ends = ["_pass", "_pwd"].iter().any(|end| name.ends_with(end));
    (ends || secret.iter().any(|word| name.contains(word))) && !name.ends_with("file")
}
