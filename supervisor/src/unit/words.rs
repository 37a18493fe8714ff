//! Splitting values into words: quotes, escapes, and `$VARIABLE`s of commands.

use std::collections::BTreeMap;

/// Splits a value at white space, with systemd's quotes and C escapes.
///
/// Quotes count at the beginning of a word and after `=`, as in `A="b c"`. An open quote is an error.
pub fn split(value: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, space) if space.is_whitespace() => words.extend(word.take()),
            (_, '\\') => word.get_or_insert_default().push_str(&escape(&mut letters)),
            (_, other) => word.get_or_insert_default().push(other),
        }
    }
    if let Some(open) = quote {
        return Err(format!("a quote {open} is not closed"));
    }
    words.extend(word);
    Ok(words)
}

/// Reads what follows a backslash. An escape that systemd does not know stays as it is.
fn escape(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let Some(letter) = letters.next() else {
        return "\\".to_owned();
    };
    let simple = match letter {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        's' => ' ',
        '\\' | '"' | '\'' => letter,
        'x' => return hex_escape(letters),
        other => return format!("\\{other}"),
    };
    simple.to_string()
}

fn hex_escape(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut digits = String::new();
    while digits.len() < 2 {
        match letters.next_if(char::is_ascii_hexdigit) {
            Some(digit) => digits.push(digit),
            None => return format!("\\x{digits}"),
        }
    }
    match u8::from_str_radix(&digits, 16) {
        Ok(code) if code.is_ascii() && code != 0 => char::from(code).to_string(),
        _ => format!("\\x{digits}"),
    }
}

/// Replaces variables in the words of a command.
///
/// `$NAME` as a whole word becomes the words of its value; `${NAME}` anywhere becomes its value in
/// place; `$$` is a dollar. A variable that is not set is empty.
pub fn expand(words: &[String], variables: &BTreeMap<String, String>) -> Vec<String> {
    words
        .iter()
        .flat_map(|word| expand_word(word, variables))
        .collect()
}

fn expand_word(word: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    if let Some(name) = word.strip_prefix('$')
        && is_variable(name)
    {
        let value = variables.get(name).map(String::as_str).unwrap_or_default();
        return value.split_whitespace().map(str::to_owned).collect();
    }
    vec![expand_in_place(word, variables)]
}

fn expand_in_place(word: &str, variables: &BTreeMap<String, String>) -> String {
    let mut result = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        rest = after;
        if let Some(tail) = after.strip_prefix('$') {
            result.push('$');
            rest = tail;
        } else if let Some((name, tail)) = braced(after) {
            result.push_str(variables.get(name).map(String::as_str).unwrap_or_default());
            rest = tail;
        } else {
            result.push('$');
        }
    }
    result.push_str(rest);
    result
}

fn braced(text: &str) -> Option<(&str, &str)> {
    let (name, tail) = text.strip_prefix('{')?.split_once('}')?;
    is_variable(name).then_some((name, tail))
}

/// Whether a text can name an environment variable.
pub fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_quotes_and_escapes() {
        let split = |text| split(text).unwrap();
        assert_eq!(
            split(r#"a  "b c" 'd "e"' f\x20g"#),
            vec!["a", "b c", "d \"e\"", "f g"]
        );
        assert_eq!(split(r#"A="b c" D=e"#), vec!["A=b c", "D=e"]);
        assert_eq!(split(r#""" x"#), vec!["", "x"]);
        assert_eq!(split(r"\w+ \x"), vec![r"\w+", r"\x"]);
        assert_eq!(split("  "), Vec::<String>::new());
    }

    #[test]
    fn an_open_quote_is_an_error() {
        assert_eq!(
            super::split("a \"b").unwrap_err(),
            "a quote \" is not closed"
        );
    }

    #[test]
    fn variables_become_words_or_stay_in_place() {
        let variables = BTreeMap::from([
            ("OPTS".to_owned(), "-a -b".to_owned()),
            ("N".to_owned(), "1".to_owned()),
        ]);
        let words = [
            "x", "$OPTS", "$MISSING", "${OPTS}", "p${N}q", "$$HOME", "c$",
        ]
        .map(str::to_owned);
        let expected = ["x", "-a", "-b", "-a -b", "p1q", "$HOME", "c$"];
        assert_eq!(expand(&words, &variables), expected);
    }
}
