//! Words for the kernel in the medium's menu.

use anyhow::{Result, bail, ensure};
use config::cmdline::{Word, split};

/// A menu with this line has words already.
const MARK: &str = "# With the words that `k3os iso` was given.";
/// The kernel takes 2047 characters, and GRUB puts the kernel's name in front.
const LONGEST: usize = 1980;

/// The menu with words for the kernel. In the entry that is started by itself they come last, so that they count over its own; in
/// the others they come first, so that the installer's entry installs and the rescue's rescues.
///
/// # Errors
/// When a word cannot be passed on by GRUB, there are too many, or the menu is none of a released ISO.
pub(super) fn with_words(menu: &str, cmdline: &str) -> Result<String> {
    if cmdline.trim().is_empty() {
        return Ok(menu.trim_end().to_owned() + "\n");
    }
    if menu.contains(MARK) {
        bail!("this ISO was made by `k3os iso` with words of its own; give the released one");
    }
    let words = split(cmdline)
        .iter()
        .map(quoted)
        .collect::<Result<Vec<_>>>()?;
    let mut lines = vec![MARK.to_owned()];
    let mut entries = 0;
    for line in menu.trim_end().lines() {
        let entry = line.trim_start().starts_with("linux ");
        lines.push(match (entry, entries) {
            (false, _) => line.to_owned(),
            (true, 0) => format!("{line} {}", words.join(" ")),
            (true, _) => in_front(line, &words.join(" ")),
        });
        entries += usize::from(entry);
    }
    let longest = lines.iter().map(String::len).max().unwrap_or(0);
    ensure!(
        entries > 0,
        "the ISO's menu starts no kernel; give a released ISO"
    );
    ensure!(
        longest <= LONGEST,
        "the words for the kernel are too long by {} characters; move settings into the configuration",
        longest - LONGEST
    );
    Ok(lines.join("\n") + "\n")
}

/// Behind the kernel's name.
fn in_front(line: &str, words: &str) -> String {
    let own = line.find("linux ").map_or(0, |at| at + "linux ".len());
    let (head, rest) = line.split_at(own);
    let (kernel, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    format!("{head}{kernel} {words} {rest}")
}

/// A word as GRUB's language wants it. GRUB puts words with blanks between double quotes for the kernel, and a backslash before
/// quotes and backslashes, which the kernel would not take away.
fn quoted(word: &Word) -> Result<String> {
    let text = match &word.value {
        Some(value) => format!("{}={value}", word.key),
        None => word.key.clone(),
    };
    let cannot = |c: char| c.is_control() || matches!(c, '\'' | '"' | '\\');
    if word.unclosed_quote || text.contains(cannot) {
        bail!(
            "the word {text:?} (column {} of --cmdline) cannot be passed to the kernel by GRUB: quotes, backslashes and control \
             characters get lost; put the setting into the configuration",
            word.column
        );
    }
    Ok(format!("'{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MENU: &str = "set default=0\nmenuentry \"a\" {\n  linux /v k3os.mode=live quiet\n}\nmenuentry \"b\" {\n  linux /v rescue\n}\n\n\n\n";

    #[test]
    fn the_first_entry_is_overruled_and_the_others_stay_what_they_are() {
        let menu = with_words(MENU, "k3os.mode=install k3os.sysctl[a.b]=\"4 4\"").unwrap();
        let lines: Vec<&str> = menu.lines().filter(|line| line.contains("linux")).collect();
        assert_eq!(
            lines,
            [
                "  linux /v k3os.mode=live quiet 'k3os.mode=install' 'k3os.sysctl[a.b]=4 4'",
                "  linux /v 'k3os.mode=install' 'k3os.sysctl[a.b]=4 4' rescue"
            ]
        );
        let twice = with_words(&menu, "x").unwrap_err();
        assert!(
            twice.to_string().contains("give the released one"),
            "{twice}"
        );
        assert!(!with_words(MENU, " ").unwrap().contains('#'));
    }

    #[test]
    fn what_grub_cannot_pass_on_is_refused() {
        for word in ["a='b'", "a=\"b", "a=\\x"] {
            let error = with_words(MENU, word).unwrap_err().to_string();
            assert!(error.contains("column 1 of --cmdline"), "{word}: {error}");
        }
        let many = "x=1 ".repeat(1000);
        assert!(
            with_words(MENU, &many)
                .unwrap_err()
                .to_string()
                .contains("too long by")
        );
        assert!(with_words("nothing", "a").is_err());
    }
}
