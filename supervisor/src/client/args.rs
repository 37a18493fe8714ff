//! The command line of `systemctl`.

use std::collections::BTreeSet;

/// What `systemctl` is asked to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Args {
    /// The verb; `list-units` where none is given.
    pub verb: String,
    /// What follows it.
    pub units: Vec<String>,
    /// `--output json`
    pub json: bool,
    /// `-n`: how many log lines `status` shows.
    pub lines: Option<usize>,
    /// `-q`
    pub quiet: bool,
    /// `--now`
    pub now: bool,
    /// `--all`
    pub all: bool,
    /// `--no-block`
    pub no_block: bool,
    /// `--force`
    pub force: bool,
    /// `--no-legend`
    pub no_legend: bool,
    /// `--value`
    pub value_only: bool,
    /// `--type`
    pub types: BTreeSet<String>,
    /// `--state`
    pub states: BTreeSet<String>,
    /// `--property`
    pub properties: Vec<String>,
    /// `--signal`
    pub signal: Option<String>,
    /// `--help`
    pub help: bool,
    /// `--version`
    pub version: bool,
}

/// Options that are accepted for the sake of scripts and change nothing.
const WITHOUT_EFFECT: [&str; 12] = [
    "--full",
    "-l",
    "--no-pager",
    "--no-wall",
    "--no-ask-password",
    "--no-reload",
    "--plain",
    "--system",
    "--no-warn",
    "-i",
    "--ignore-inhibitors",
    "--show-types",
];

/// Options with a value.
const WITH_VALUE: [&str; 11] = [
    "--output",
    "-o",
    "--lines",
    "-n",
    "--type",
    "-t",
    "--state",
    "--property",
    "-p",
    "--signal",
    "-s",
];

/// Options without one.
const FLAGS: [&str; 16] = [
    "--quiet",
    "-q",
    "--now",
    "--all",
    "-a",
    "--no-block",
    "--force",
    "-f",
    "--failed",
    "--no-legend",
    "--value",
    "--help",
    "-h",
    "--version",
    "--legend",
    "-P",
];

impl Args {
    /// Reads a command line, the program's name left out.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut args = Self::default();
        let mut rest = words.iter();
        let mut only_names = false;
        while let Some(word) = rest.next() {
            if only_names || !word.starts_with('-') || word == "-" {
                args.name(word);
                continue;
            }
            if word == "--" {
                only_names = true;
                continue;
            }
            let (option, value) = split_option(word);
            if WITH_VALUE.contains(&option.as_str()) {
                let value = value.or_else(|| rest.next().cloned());
                let value = value.ok_or_else(|| format!("{option} needs a value"))?;
                args.set_value(&option, &value)?;
            } else if option == "-P" {
                args.value_only = true;
                args.properties.extend(rest.next().cloned());
            } else {
                args.set_flag(&option, value.as_deref())?;
            }
        }
        if args.verb.is_empty() {
            "list-units".clone_into(&mut args.verb);
        }
        Ok(args)
    }

    fn name(&mut self, word: &str) {
        match self.verb.is_empty() {
            true => word.clone_into(&mut self.verb),
            false => self.units.push(word.to_owned()),
        }
    }

    fn set_value(&mut self, option: &str, value: &str) -> Result<(), String> {
        let list = || value.split(',').map(str::to_owned);
        match option {
            "--output" | "-o" => self.json = value.starts_with("json"),
            "--lines" | "-n" => {
                let lines = value
                    .parse()
                    .map_err(|_| format!("{value:?} is not a number of lines"))?;
                self.lines = Some(lines);
            }
            "--type" | "-t" => self.types.extend(list()),
            "--state" => self.states.extend(list()),
            "--property" | "-p" => self.properties.extend(list()),
            _ => self.signal = Some(value.to_owned()),
        }
        Ok(())
    }

    fn set_flag(&mut self, option: &str, value: Option<&str>) -> Result<(), String> {
        match option {
            "--quiet" | "-q" => self.quiet = true,
            "--now" => self.now = true,
            "--all" | "-a" => self.all = true,
            "--no-block" => self.no_block = true,
            "--force" | "-f" => self.force = true,
            "--failed" => self.states.extend(["failed".to_owned()]),
            "--no-legend" => self.no_legend = true,
            "--legend" => self.no_legend = value == Some("false"),
            "--value" => self.value_only = true,
            "--help" | "-h" => self.help = true,
            "--version" => self.version = true,
            _ if WITHOUT_EFFECT.contains(&option) => {}
            _ => return Err(unknown(option)),
        }
        Ok(())
    }
}

/// `--name=value` and `-n5` in two.
fn split_option(word: &str) -> (String, Option<String>) {
    if let Some((option, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
        return (option.to_owned(), Some(value.to_owned()));
    }
    let is_short = !word.starts_with("--") && word.is_ascii() && word.len() > 2;
    match word.split_at_checked(2).filter(|_| is_short) {
        Some((option, value)) => {
            let value = value.strip_prefix('=').unwrap_or(value);
            (option.to_owned(), Some(value.to_owned()))
        }
        None => (word.to_owned(), None),
    }
}

fn unknown(option: &str) -> String {
    let known = WITHOUT_EFFECT
        .iter()
        .chain(&WITH_VALUE)
        .chain(&FLAGS)
        .filter(|known| known.len() > 2);
    match nearest(option, known.copied()) {
        Some(near) => format!("unknown option {option}; did you mean {near}?"),
        None => format!("unknown option {option}"),
    }
}

/// The word among `known` that takes the fewest changes, if that is few.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, near) = known.map(|it| (distance(word, it), it)).min()?;
    (distance <= 1 + word.len() / 4).then_some(near)
}

/// Levenshtein's distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut next = vec![index + 1];
        for (at, other) in right.iter().enumerate() {
            let changed = row.get(at).copied().unwrap_or(0) + usize::from(letter != *other);
            let removed = row.get(at + 1).copied().unwrap_or(0) + 1;
            let added = next.last().copied().unwrap_or(0) + 1;
            next.push(changed.min(removed).min(added));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        Args::parse(
            &line
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn options_stand_anywhere() {
        let args = parse("--no-pager status ssh -n5 --output=json k3s.service").unwrap();
        assert_eq!(args.verb, "status");
        assert_eq!(args.units, ["ssh", "k3s.service"]);
        assert_eq!((args.lines, args.json), (Some(5), true));
        let args = parse("show -p MainPID,Id --value x").unwrap();
        assert_eq!(args.properties, ["MainPID", "Id"]);
        assert!(args.value_only);
        assert_eq!(parse("").unwrap().verb, "list-units");
        assert_eq!(
            parse("-q is-active -- -odd.service").unwrap().units,
            ["-odd.service"]
        );
    }

    #[test]
    fn unknown_options_are_told_with_the_nearest() {
        assert_eq!(
            parse("--no-blok start a").unwrap_err(),
            "unknown option --no-blok; did you mean --no-block?"
        );
        assert_eq!(
            parse("--frobnicate").unwrap_err(),
            "unknown option --frobnicate"
        );
        assert_eq!(parse("status -n").unwrap_err(), "-n needs a value");
        assert!(parse("status -n x").unwrap_err().contains("not a number"));
    }

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(
            nearest("statsu", ["status", "start"].into_iter()),
            Some("status")
        );
    }
}
