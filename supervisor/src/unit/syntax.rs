//! The lines of a unit file: sections, `Key=value`, comments and continuations.

/// One `Key=value` with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The section's name without brackets.
    pub section: String,
    /// The key.
    pub key: String,
    /// The value, continuations joined, white space at both ends removed.
    pub value: String,
    /// The line on which the assignment begins, from 1.
    pub line: usize,
}

/// A line that is none of the above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Reads a unit file. Malformed lines are told and skipped: the rest of the file still counts.
pub fn parse(text: &str) -> (Vec<Assignment>, Vec<Malformed>) {
    let (mut assignments, mut malformed) = (Vec::new(), Vec::new());
    let mut section = String::new();
    for (line, content) in logical_lines(text) {
        if let Some(name) = content.strip_prefix('[') {
            match name.strip_suffix(']') {
                Some(name) => section = name.to_owned(),
                None => malformed.push(Malformed {
                    line,
                    reason: "a section lacks its ]",
                }),
            }
            continue;
        }
        match (content.split_once('='), section.is_empty()) {
            (_, true) => malformed.push(Malformed {
                line,
                reason: "text before the first section",
            }),
            (None, _) => malformed.push(Malformed {
                line,
                reason: "neither [Section] nor Key=value",
            }),
            (Some((key, value)), _) => assignments.push(Assignment {
                section: section.clone(),
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
                line,
            }),
        }
    }
    (assignments, malformed)
}

/// Joins continued lines and leaves out comments, also those between continued lines.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, raw) in (1..).zip(text.lines()) {
        let content = raw.trim();
        if content.starts_with(['#', ';']) || (content.is_empty() && open.is_none()) {
            continue;
        }
        let (part, continues) = match content.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (content, false),
        };
        let (start, joined) = match open.take() {
            Some((start, before)) => (start, format!("{before} {part}")),
            None => (number, part.to_owned()),
        };
        match continues {
            true => open = Some((start, joined)),
            false => lines.push((start, joined.trim().to_owned())),
        }
    }
    lines.extend(open);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String, usize)> {
        parse(text)
            .0
            .into_iter()
            .map(|a| (a.key, a.value, a.line))
            .collect()
    }

    #[test]
    fn continued_lines_are_joined_over_comments() {
        let text =
            "[Service]\nExecStart=/bin/a \\\n# a comment\n  --flag \\\n  last\nType=simple\n";
        let expected = vec![
            (
                "ExecStart".to_owned(),
                "/bin/a    --flag   last".to_owned(),
                2,
            ),
            ("Type".to_owned(), "simple".to_owned(), 6),
        ];
        let squeezed = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let got: Vec<_> = pairs(text)
            .into_iter()
            .map(|(k, v, l)| (k, squeezed(v), l))
            .collect();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(k, v, l)| (k, squeezed(v), l))
            .collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn a_value_keeps_its_own_equal_signs() {
        assert_eq!(pairs("[S]\nEnvironment = A=b c=d ")[0].1, "A=b c=d");
    }

    #[test]
    fn malformed_lines_are_told_and_skipped() {
        let (good, bad) = parse("Type=x\n[Unit\n[Unit]\nnonsense\nAfter=a.target\n");
        assert_eq!(good.len(), 1);
        let lines: Vec<_> = bad.iter().map(|bad| bad.line).collect();
        assert_eq!(lines, vec![1, 2, 4]);
    }

    #[test]
    fn a_file_that_ends_in_a_continuation_still_counts() {
        assert_eq!(pairs("[S]\nA=b \\")[0].1, "b");
    }
}
