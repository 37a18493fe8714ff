//! The patterns of modules.alias: `*`, `?` and `[a-z]`, on bytes.

/// Whether `text` fits `pattern` as a whole.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when what followed the last `*` did not fit: it then takes one byte more.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match step(pattern, p, text.get(t).copied()) {
            Step::Star => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Step::Fits(next) => {
                p = next;
                t += 1;
            }
            Step::Differs => match retry {
                Some((after_star, from)) => {
                    retry = Some((after_star, from + 1));
                    (p, t) = (after_star, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .unwrap_or_default()
        .iter()
        .all(|&b| b == b'*')
}

enum Step {
    Star,
    Fits(usize),
    Differs,
}

fn step(pattern: &[u8], at: usize, byte: Option<u8>) -> Step {
    let (Some(&wanted), Some(byte)) = (pattern.get(at), byte) else {
        return Step::Differs;
    };
    match wanted {
        b'*' => Step::Star,
        b'?' => Step::Fits(at + 1),
        b'[' => bracket(pattern, at, byte),
        _ if wanted == byte => Step::Fits(at + 1),
        _ => Step::Differs,
    }
}

fn bracket(pattern: &[u8], at: usize, byte: u8) -> Step {
    let rest = pattern.get(at + 1..).unwrap_or_default();
    let Some(length) = rest.iter().position(|&b| b == b']') else {
        return Step::Differs;
    };
    let set = rest.get(..length).unwrap_or_default();
    if in_set(set, byte) {
        Step::Fits(at + length + 2)
    } else {
        Step::Differs
    }
}

fn in_set(set: &[u8], byte: u8) -> bool {
    match set {
        [low, b'-', high, rest @ ..] => (*low..=*high).contains(&byte) || in_set(rest, byte),
        [one, rest @ ..] => *one == byte || in_set(rest, byte),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    fn fits(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes())
    }

    #[test]
    fn stars_and_sets_fit_as_fnmatch_does() {
        assert!(fits("virtio:d00000002v*", "virtio:d00000002v00001AF4"));
        assert!(fits(
            "pci:v*d*sv*sd*bc01sc06i01*",
            "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01"
        ));
        assert!(fits("usb:v05ACp025[0-3]x", "usb:v05ACp0252x"));
        assert!(!fits("usb:v05ACp025[0-3]x", "usb:v05ACp0254x"));
        assert!(!fits("virtio:d00000002v*", "virtio:d00000001v00001AF4"));
        assert!(fits("*", ""));
        assert!(!fits("", "a"));
        assert!(!fits("a[b", "ab"));
    }
}
