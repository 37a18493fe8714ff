//! Splits a kernel command line into words.

/// One word of the command line, e.g. `k3os.token="a b"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The part before the first `=`, e.g. `k3os.token`.
    pub key: String,
    /// The part after the first `=` without its outer quotes; `None` for a bare word.
    pub value: Option<String>,
    /// Where the word starts, in characters, counted from 1.
    pub column: usize,
    /// The word holds a `"` that no other `"` closes. It is then an ordinary character.
    pub unclosed_quote: bool,
}

/// Splits at blanks that are not between double quotes, as the kernel does.
///
/// Single quotes and backslashes are ordinary characters. A quote that is never closed is one too, so
/// that it cannot swallow the words behind it. The kernel's separator `--` is left out.
pub fn split(cmdline: &str) -> Vec<Word> {
    let characters: Vec<char> = cmdline.trim_end_matches('\0').chars().collect();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(start) = next_word(&characters, at) {
        let (end, unclosed_quote) = word_end(&characters, start);
        let text: String = characters.iter().skip(start).take(end - start).collect();
        if text != "--" {
            words.push(word(&text, start + 1, unclosed_quote));
        }
        at = end;
    }
    words
}

/// Where the next word starts at or behind `from`.
fn next_word(characters: &[char], from: usize) -> Option<usize> {
    let blanks = characters.iter().skip(from).position(|c| !is_blank(*c))?;
    Some(from + blanks)
}

/// The end of the word that starts at `start`, and whether one of its quotes is not closed.
fn word_end(characters: &[char], start: usize) -> (usize, bool) {
    let mut at = start;
    while let Some(&c) = characters.get(at) {
        if is_blank(c) {
            return (at, false);
        }
        if c == '"' {
            match characters.iter().skip(at + 1).position(|c| *c == '"') {
                Some(length) => at += length + 1,
                None => return (blank_behind(characters, at), true),
            }
        }
        at += 1;
    }
    (at, false)
}

fn blank_behind(characters: &[char], from: usize) -> usize {
    let rest = characters.iter().skip(from);
    rest.clone()
        .position(|c| is_blank(*c))
        .map_or(characters.len(), |n| from + n)
}

fn word(text: &str, column: usize, unclosed_quote: bool) -> Word {
    let text = unquote(text);
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(unquote(value).to_owned())),
        None => (text, None),
    };
    Word {
        key: unquote(key).to_owned(),
        value,
        column,
        unclosed_quote,
    }
}

/// Takes off a pair of quotes around the whole text, when no other quote lies between them.
fn unquote(text: &str) -> &str {
    match text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(inner) if !inner.contains('"') => inner,
        _ => text,
    }
}

fn is_blank(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\0'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(cmdline: &str) -> Vec<(String, Option<String>)> {
        split(cmdline)
            .into_iter()
            .map(|w| (w.key, w.value))
            .collect()
    }

    fn pair(key: &str, value: &str) -> (String, Option<String>) {
        (key.to_owned(), Some(value.to_owned()))
    }

    #[test]
    fn bare_words_have_no_value() {
        assert_eq!(
            pairs("  quiet\trescue\n"),
            [("quiet".to_owned(), None), ("rescue".to_owned(), None)]
        );
    }

    #[test]
    fn quotes_keep_blanks_together() {
        assert_eq!(
            pairs(r#"k3os.sysctl[kernel.printk]="4 4 1 7" "run_cmd=echo a b" a="" "#),
            [
                pair("k3os.sysctl[kernel.printk]", "4 4 1 7"),
                pair("run_cmd", "echo a b"),
                pair("a", "")
            ]
        );
    }

    #[test]
    fn the_value_may_hold_equal_signs_and_quotes() {
        assert_eq!(
            pairs(r#"a=b=c run_cmd=echo"x y"z"#),
            [pair("a", "b=c"), pair("run_cmd", r#"echo"x y"z"#)]
        );
    }

    #[test]
    fn an_unclosed_quote_swallows_nothing() {
        let words = split(r#"a="b rescue"#);
        assert_eq!(words.len(), 2);
        assert!(words[0].unclosed_quote && !words[1].unclosed_quote);
        assert_eq!(
            (words[0].value.as_deref(), words[1].column),
            (Some("\"b"), 6)
        );
    }

    #[test]
    fn the_separator_and_trailing_nul_are_dropped() {
        assert_eq!(
            pairs("quiet -- a=1\n\0"),
            [("quiet".to_owned(), None), pair("a", "1")]
        );
    }
}
