//! Names of units: `getty@tty1.service` = prefix `getty`, instance `tty1`, kind `service`.

/// A unit's name in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    /// The whole name.
    pub full: &'a str,
    /// What stands before `@` or the kind.
    pub prefix: &'a str,
    /// What stands between `@` and the kind; empty for a template itself.
    pub instance: Option<&'a str>,
    /// `service`, `target`, `socket`, …
    pub kind: &'a str,
}

impl<'a> Name<'a> {
    /// Splits a name. `None` if it is not one: no kind, a slash, or nothing before the kind.
    pub fn parse(full: &'a str) -> Option<Self> {
        let (stem, kind) = full.rsplit_once('.')?;
        if stem.is_empty() || kind.is_empty() || full.contains('/') || full.contains('\0') {
            return None;
        }
        let (prefix, instance) = match stem.split_once('@') {
            Some((prefix, instance)) => (prefix, Some(instance)),
            None => (stem, None),
        };
        (!prefix.is_empty()).then_some(Self {
            full,
            prefix,
            instance,
            kind,
        })
    }

    /// The file name of the template of an instance: `getty@.service`.
    pub fn template(&self) -> Option<String> {
        let instance = self.instance?;
        (!instance.is_empty()).then(|| format!("{}@.{}", self.prefix, self.kind))
    }
}

/// Completes what a user typed: `ssh` means `ssh.service`.
pub fn complete(typed: &str) -> String {
    const KINDS: [&str; 9] = [
        ".service", ".target", ".socket", ".timer", ".mount", ".path", ".slice", ".device",
        ".scope",
    ];
    match KINDS.iter().any(|kind| typed.ends_with(kind)) {
        true => typed.to_owned(),
        false => format!("{typed}.service"),
    }
}

/// Undoes systemd's escaping of an instance: `-` is `/`, `\x2d` is `-`.
pub fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'-', _) => bytes.push(b'/'),
            (b'\\', [b'x', high, low, after @ ..]) => match hex(*high).zip(hex(*low)) {
                Some((high, low)) => {
                    bytes.push(high * 16 + low);
                    rest = after;
                }
                None => bytes.push(b'\\'),
            },
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_a_template() {
        let name = Name::parse("getty@tty1.service").unwrap();
        assert_eq!(
            (name.prefix, name.instance, name.kind),
            ("getty", Some("tty1"), "service")
        );
        assert_eq!(name.template().as_deref(), Some("getty@.service"));
        assert_eq!(Name::parse("getty@.service").unwrap().template(), None);
        assert_eq!(
            Name::parse("net.connman.service").unwrap().prefix,
            "net.connman"
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in ["ssh", ".service", "a/b.service", "@x.service", "ssh."] {
            assert_eq!(Name::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_typed_name_is_completed() {
        assert_eq!(complete("ssh"), "ssh.service");
        assert_eq!(complete("multi-user.target"), "multi-user.target");
        assert_eq!(complete("net.connman"), "net.connman.service");
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape("dev-sda1"), "dev/sda1");
        assert_eq!(unescape(r"my\x2dname"), "my-name");
        assert_eq!(unescape(r"bad\xzz\"), r"bad\xzz\");
    }
}
