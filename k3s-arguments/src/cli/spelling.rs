//! Arguments as users of k3s and k3OS write them, brought to the one form that the parser knows.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use super::switch;

/// Parts items that hold several arguments, gives `-option` its second dash, and joins an option with the value behind it
/// where that value looks like something else: `true` behind a switch, `--max-pods=250` behind `--kubelet-arg`.
pub fn normal(argv: &[OsString], known: &Command) -> Vec<OsString> {
    let Some((name, items)) = argv.split_first() else {
        return Vec::new();
    };
    let items: Option<Vec<&str>> = items.iter().map(|item| item.to_str()).collect();
    let Some(items) = items else {
        // Not text: the parser says so.
        return argv.to_vec();
    };
    let words = config::arguments::split(&items);
    let mut normal = vec![name.clone()];
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let word = with_two_dashes(word, known);
        let option = Some(&word).filter(|word| !word.contains('='));
        let Some(arg) = option.and_then(|word| find(word, known)) else {
            normal.push(word.into());
            continue;
        };
        let long = arg.get_long().unwrap_or_default();
        match words.next_if(|next| belongs_to(arg, next, known)) {
            Some(value) => normal.push(format!("--{long}={value}").into()),
            None => normal.push(word.into()),
        }
    }
    normal
}

/// Go's flag package takes `-cluster-init`, too.
fn with_two_dashes(word: String, known: &Command) -> String {
    let name = word.strip_prefix('-').filter(|name| name.len() > 1);
    let is_long = name
        .filter(|name| !name.starts_with('-'))
        .and_then(|name| name.split('=').next())
        .is_some_and(|name| find(&format!("--{name}"), known).is_some());
    if is_long { format!("-{word}") } else { word }
}

/// The option that a word like `--name` or `-n` names.
fn find<'a>(word: &str, known: &'a Command) -> Option<&'a Arg> {
    let mut arguments = known.get_arguments();
    match word.strip_prefix("--") {
        Some(long) => arguments.find(|arg| is_called(arg, long)),
        None => {
            let short = word.strip_prefix('-').filter(|short| short.len() == 1)?;
            arguments.find(|arg| arg.get_short().is_some_and(|s| short.starts_with(s)))
        }
    }
}

/// Whether this is the option's name or one of its old ones.
pub fn is_called(arg: &Arg, long: &str) -> bool {
    arg.get_long() == Some(long) || arg.get_all_aliases().is_some_and(|a| a.contains(&long))
}

/// Whether an option takes its value only behind `=`.
pub fn is_switch(arg: &Arg) -> bool {
    arg.is_require_equals_set()
}

fn belongs_to(arg: &Arg, next: &str, known: &Command) -> bool {
    if !arg.get_action().takes_values() || matches!(arg.get_action(), ArgAction::Help) {
        return false;
    }
    if is_switch(arg) {
        return switch(next).is_ok();
    }
    let for_component = arg.get_long().is_some_and(|long| long.ends_with("-arg"));
    let is_option = || find(next.split('=').next().unwrap_or(next), known).is_some();
    for_component || !next.starts_with('-') || !is_option()
}
