//! The environment of a service: defaults, `Environment=`, `EnvironmentFile=`.

use std::collections::BTreeMap;

use crate::unit::words::is_variable;

/// PATH for services and for the search of their programs.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Reads an environment file: `NAME=value` lines with shell-like quotes, comments, continuations.
/// Lines that are none of it are left out.
pub fn parse_file(text: &str) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut letters = text.chars().peekable();
    while letters.peek().is_some() {
        let line = logical_line(&mut letters);
        if let Some((name, value)) = line.split_once('=') {
            let name = name.trim();
            if is_variable(name) {
                variables.insert(name.to_owned(), unquote(value.trim()));
            }
        }
    }
    variables
}

/// One line, with quoted and escaped line ends inside it; empty for a comment.
fn logical_line(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut line = String::new();
    let mut quote = None;
    while let Some(letter) = letters.next() {
        let is_comment = line.trim_start().starts_with(['#', ';']);
        match (quote, letter) {
            (None, '\n') => break,
            (_, _) if is_comment => {}
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), close) if open == close => quote = None,
            (None | Some('"'), '\\') => {
                match letters.next() {
                    Some('\n') | None => {}
                    Some(escaped) => line.extend(['\\', escaped]),
                }
                continue;
            }
            _ => {}
        }
        line.push(letter);
    }
    match line.trim_start().starts_with(['#', ';']) {
        true => String::new(),
        false => line,
    }
}

/// Takes quotes and escapes off a value.
fn unquote(value: &str) -> String {
    let mut result = String::new();
    let mut quote = None;
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), close) if open == close => quote = None,
            (Some('\''), other) => result.push(other),
            (Some('"'), '\\') => match letters.next() {
                Some(escaped @ ('"' | '\\' | '`' | '$')) => result.push(escaped),
                Some(other) => result.extend(['\\', other]),
                None => {}
            },
            (None, '\\') => result.extend(letters.next()),
            (_, other) => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_like_a_shell_would() {
        let text = "# a comment with ' in it\nA=1\nB=\"two words\" \n C='it''s'\nexport D=no\nE=a\\\nb\nF=\"x\\\"y\"\nG=\"two\nlines\"\nH\n9I=x\nJ=https://x/?a=b\n";
        let variables = parse_file(text);
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "its"),
            ("E", "ab"),
            ("F", "x\"y"),
            ("G", "two\nlines"),
            ("J", "https://x/?a=b"),
        ];
        let got: Vec<_> = variables
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(got, expected);
    }
}
