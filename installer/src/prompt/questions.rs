//! The kinds of questions.

use anyhow::Result;

use super::Console;

/// A yes-or-no question. Enter is the default; anything but y or n is asked again.
pub(super) fn yes(console: &mut dyn Console, question: &str, default: bool) -> Result<bool> {
    let hint = if default { "Y/n" } else { "y/N" };
    loop {
        let answer = console.line(&format!("{question} [{hint}]: "))?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "" => return Ok(default),
            "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => console.say("Please answer y or n.\n")?,
        }
    }
}

/// One of several by number. Enter is the default where there is one. Gives the index.
pub(super) fn choose(
    console: &mut dyn Console,
    question: &str,
    options: &[&str],
    default: Option<usize>,
) -> Result<usize> {
    console.say(&format!("{question}\n"))?;
    for (number, option) in (1..).zip(options) {
        console.say(&format!("{number}. {option}\n"))?;
    }
    let hint = default.map_or(String::new(), |index| format!(" [{}]", index + 1));
    loop {
        let answer = console.line(&format!("Select Number{hint}: "))?;
        if let (true, Some(default)) = (answer.trim().is_empty(), default) {
            return Ok(default);
        }
        match answer.trim().parse::<usize>() {
            Ok(number) if (1..=options.len()).contains(&number) => return Ok(number - 1),
            _ => console.say(&format!("Please answer 1 to {}.\n", options.len()))?,
        }
    }
}

/// A text that must not be empty.
pub(super) fn required(console: &mut dyn Console, prompt: &str) -> Result<String> {
    loop {
        let answer = console.line(&format!("{prompt}: "))?;
        if !answer.trim().is_empty() {
            return Ok(answer.trim().to_owned());
        }
    }
}
