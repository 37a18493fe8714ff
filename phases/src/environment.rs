//! `NAME=value` lines that a shell, PAM and unit files all read alike.

use std::collections::BTreeMap;

/// Begins our part of a file that others write to as well.
const BEGIN: &str = "# begin: k3OS configuration";
/// Ends it.
const END: &str = "# end: k3OS configuration";

/// One line for each variable, by name.
pub(crate) fn lines(variables: &BTreeMap<String, String>) -> Vec<String> {
    variables
        .iter()
        .map(|(name, value)| format!("{name}={}", quote(value)))
        .collect()
}

/// A value as a shell reads it back: plain, in single quotes, or, when it holds one, in double quotes with escapes.
pub(crate) fn quote(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@%+=".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    if !value.contains('\'') {
        return format!("'{value}'");
    }
    let escape = |c: char| {
        if "\"\\$`".contains(c) {
            format!("\\{c}")
        } else {
            c.to_string()
        }
    };
    format!("\"{}\"", value.chars().map(escape).collect::<String>())
}

/// Replaces our part of a text, or appends it: what comes last counts.
pub(crate) fn with_block(text: &str, lines: &[String]) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        match line {
            BEGIN => inside = true,
            END => inside = false,
            _ if !inside => {
                kept.push_str(line);
                kept.push('\n');
            }
            _ => {}
        }
    }
    if !lines.is_empty() {
        kept.push_str(&format!("{BEGIN}\n{}\n{END}\n", lines.join("\n")));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_every_value_back() {
        for value in [
            "http://proxy:3128",
            "",
            "a b",
            "$HOME `id` \"x\" \\",
            "it's $5 \"now\" \\ `",
            "ä;|&<>*?#~",
        ] {
            let script = format!("VALUE={}; printf %s \"$VALUE\"", quote(value));
            let output = std::process::Command::new("sh")
                .args(["-c", &script])
                .output()
                .expect("running sh");
            assert_eq!(String::from_utf8_lossy(&output.stdout), value);
        }
    }

    #[test]
    fn our_part_is_replaced_and_the_rest_is_kept() {
        let first = with_block("A=1\n", &["B=2".into()]);
        assert_eq!(first, format!("A=1\n{BEGIN}\nB=2\n{END}\n"));
        let second = with_block(&(first.clone() + "C=3\n"), &["B=4".into()]);
        assert_eq!(second, format!("A=1\nC=3\n{BEGIN}\nB=4\n{END}\n"));
        assert_eq!(with_block(&first, &[]), "A=1\n");
    }
}
