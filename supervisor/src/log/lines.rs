//! Bytes into lines.

/// The longest line; a longer one is cut into several, in bytes.
pub const LONGEST: usize = 4096;

/// A line that is not complete yet.
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Adds bytes; returns the lines that they complete. Control characters other than tabs and colours
    /// are taken out, so that a log cannot play tricks on a terminal.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(part);
            if part.ends_with(b"\n") {
                lines.extend(self.take());
            }
        }
        while self.partial.len() >= LONGEST {
            lines.extend(self.take());
        }
        lines
    }

    /// The incomplete line, if there is one.
    pub fn flush(&mut self) -> Option<String> {
        match self.partial.is_empty() {
            true => None,
            false => self.take().into_iter().reduce(|all, part| all + &part),
        }
    }

    fn take(&mut self) -> Vec<String> {
        let bytes = std::mem::take(&mut self.partial);
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        match bytes.is_empty() {
            true => vec![String::new()],
            false => bytes.chunks(LONGEST).map(clean).collect(),
        }
    }
}

fn clean(bytes: &[u8]) -> String {
    let allowed = |letter: &char| !letter.is_control() || matches!(letter, '\t' | '\u{1b}');
    String::from_utf8_lossy(bytes)
        .chars()
        .filter(allowed)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_completed_over_pushes() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"a\r\n\nb"), ["a", ""]);
        assert_eq!(lines.push(b"c\nd"), ["bc"]);
        assert_eq!(lines.flush().as_deref(), Some("d"));
        assert_eq!(lines.flush(), None);
    }

    #[test]
    fn endless_lines_are_cut_and_nothing_is_lost() {
        let mut lines = Lines::default();
        let got = lines.push(&[b'x'; LONGEST * 2 + 5]);
        let rest = lines.flush().unwrap_or_default();
        assert_eq!(
            got.iter().map(String::len).sum::<usize>() + rest.len(),
            LONGEST * 2 + 5
        );
        assert!(got.iter().all(|line| line.len() <= LONGEST));
    }

    #[test]
    fn bytes_that_are_no_text_do_no_harm() {
        assert_eq!(Lines::default().push(b"\xff\x07a\n"), ["\u{fffd}a"]);
    }
}
