//! `k3s_args` as its users write it: one argument for each item, several in one, or all in one text.
//!
//! k3OS handed the items to a shell, which parted them at blanks; so they are parted here, too, but only where an item is
//! meant so: a value with a blank in it stays one.

/// Parts items that hold several arguments. Quotes and backslashes mean what they mean to a shell.
pub fn split<S: AsRef<str>>(items: &[S]) -> Vec<String> {
    let part = |(index, item): (usize, &S)| {
        let item = item.as_ref();
        match holds_several(item, index == 0) {
            true => words(item),
            false => vec![item.trim().to_owned()],
        }
    };
    let words = items.iter().enumerate().flat_map(part);
    // `--` would make names of all that follows, labels and taints of the configuration among it.
    words
        .filter(|word| !word.is_empty() && word != "--")
        .collect()
}

/// A role with arguments behind it, an option with its value behind a blank, or one option behind another.
fn holds_several(item: &str, is_first: bool) -> bool {
    let item = item.trim();
    let Some((first, rest)) = item.split_once(char::is_whitespace) else {
        return false;
    };
    let role = is_first && matches!(first, "server" | "agent");
    let option = first.starts_with('-');
    let again = rest
        .split_whitespace()
        .any(|word| word.starts_with("--") && word.len() > 2);
    role || (option && (!first.contains('=') || again))
}

/// The words of a line. Where a quote has no end, it is a character like any other.
fn words(line: &str) -> Vec<String> {
    quoted_words(line).unwrap_or_else(|| line.split_whitespace().map(String::from).collect())
}

fn quoted_words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(characters.next()?),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// The value of an option, as `--option=value` or as two arguments; the last one counts.
pub fn value<'a>(arguments: &'a [String], option: &str) -> Option<&'a str> {
    let at = |(number, word): (usize, &'a String)| match word.strip_prefix(option)? {
        "" => arguments.get(number + 1).map(String::as_str),
        rest => rest.strip_prefix('='),
    };
    arguments.iter().enumerate().rev().find_map(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_parted_where_they_hold_several_arguments() {
        let cases: [(&[&str], &[&str]); 11] = [
            (&["server", "--cluster-init"], &["server", "--cluster-init"]),
            (&["server --cluster-init"], &["server", "--cluster-init"]),
            (
                &["server --tls-san 'a b' --disable=\"traefik\"\n"],
                &["server", "--tls-san", "a b", "--disable=traefik"],
            ),
            (&["--disable traefik"], &["--disable", "traefik"]),
            (&["--a=b --c=d"], &["--a=b", "--c=d"]),
            (&["--node-label=a=b c"], &["--node-label=a=b c"]),
            (&["--node-label", "a=b c"], &["--node-label", "a=b c"]),
            (&["--token", "server x"], &["--token", "server x"]),
            (&["server --x don't"], &["server", "--x", "don't"]),
            (&["server --x a\\ b ''"], &["server", "--x", "a b"]),
            (&[" ", " server ", "--"], &["server"]),
        ];
        for (items, expected) in cases {
            assert_eq!(split(items), expected, "{items:?}");
        }
    }
}
